// A small network of 3 x 3 convolutions over cells, in single precision: heat and temperature
// that a coarse grid lacks, of what it sees. The same as surrogate/closure/network.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "weights.hpp"

namespace tellus {

constexpr ptrdiff_t LANES = 8;
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

// Cells with a ring of one around them, channels fast.
struct Ringed {
    ptrdiff_t ny, nx, channels;
    std::vector<float> values;

    Ringed(ptrdiff_t ny_, ptrdiff_t nx_, ptrdiff_t channels_)
        : ny(ny_), nx(nx_), channels(channels_), values((ny_ + 2) * (nx_ + 2) * channels_, 0.0f) {}
    // j from -1 to ny, i from -1 to nx.
    float* at(ptrdiff_t j, ptrdiff_t i) { return &values[((j + 1) * (nx + 2) + i + 1) * channels]; }
    const float* at(ptrdiff_t j, ptrdiff_t i) const {
        return &values[((j + 1) * (nx + 2) + i + 1) * channels];
    }
};

// Weights as (lanes of outputs) x 9 x inputs x LANES, and the bias of each output.
struct Layer {
    ptrdiff_t inputs, outputs, groups;
    std::vector<float> weights, bias;

    // From (outputs, inputs, 3, 3).
    Layer(ptrdiff_t inputs_, ptrdiff_t outputs_, const float* w, const float* b)
        : inputs(inputs_),
          outputs(outputs_),
          groups((outputs_ + LANES - 1) / LANES),
          weights(groups * 9 * inputs_ * LANES, 0.0f),
          bias(groups * LANES, 0.0f) {
        for (ptrdiff_t o = 0; o < outputs; ++o) {
            bias[o] = b[o];
            for (ptrdiff_t i = 0; i < inputs; ++i)
                for (ptrdiff_t tap = 0; tap < 9; ++tap)
                    weights[(((o / LANES) * 9 + tap) * inputs + i) * LANES + o % LANES] =
                        w[(o * inputs + i) * 9 + tap];
        }
    }
};

// GROUPS x LANES outputs of PIXELS cells side by side.
template <int GROUPS, int PIXELS>
inline __attribute__((always_inline)) void convolve_block(const Layer& layer, ptrdiff_t group,
                                                          const Ringed& in, bool flipped,
                                                          bool rectified, ptrdiff_t j, ptrdiff_t i,
                                                          float* out, ptrdiff_t stride) {
    Lanes sum[PIXELS][GROUPS];
    const ptrdiff_t n = layer.inputs, next = 9 * n * LANES;
    for (int g = 0; g < GROUPS; ++g) {
        Lanes b;
        std::memcpy(&b, &layer.bias[(group + g) * LANES], sizeof b);
        for (int p = 0; p < PIXELS; ++p) sum[p][g] = b;
    }
    for (ptrdiff_t tap = 0; tap < 9; ++tap) {
        const ptrdiff_t dy = tap / 3 - 1, dx = flipped ? 1 - tap % 3 : tap % 3 - 1;
        const float* cells = in.at(j + dy, i + dx);
        const float* w = &layer.weights[(group * 9 + tap) * n * LANES];
        for (ptrdiff_t c = 0; c < n; ++c) {
            Lanes each[GROUPS];
            for (int g = 0; g < GROUPS; ++g)
                std::memcpy(&each[g], w + g * next + c * LANES, sizeof each[g]);
            for (int p = 0; p < PIXELS; ++p) {
                const float value = cells[p * in.channels + c];
                for (int g = 0; g < GROUPS; ++g) sum[p][g] += value * each[g];
            }
        }
    }
    for (int p = 0; p < PIXELS; ++p)
        for (int g = 0; g < GROUPS; ++g) {
            Lanes found = sum[p][g];
            if (rectified) found = found > 0.0f ? found : Lanes{};
            std::memcpy(out + p * stride + g * LANES, &found, sizeof found);
        }
}

template <int GROUPS>
inline __attribute__((always_inline)) void convolve_row(const Layer& layer, ptrdiff_t group,
                                                        const Ringed& in, bool flipped,
                                                        bool rectified, ptrdiff_t j, Ringed& out) {
    constexpr int PIXELS = 8 / GROUPS;
    ptrdiff_t i = 0;
    const auto at = [&] { return out.at(j, i) + group * LANES; };
    for (; i + PIXELS <= in.nx; i += PIXELS)
        convolve_block<GROUPS, PIXELS>(layer, group, in, flipped, rectified, j, i, at(),
                                       out.channels);
    for (; i < in.nx; ++i)
        convolve_block<GROUPS, 1>(layer, group, in, flipped, rectified, j, i, at(), out.channels);
}

// All outputs; `flipped` with the kernels mirrored in x, the sums in the mirrored order.
TELLUS_CLONES inline void convolve(const Layer& layer, const Ringed& in, bool flipped,
                                   bool rectified, Ringed& out) {
    for (ptrdiff_t j = 0; j < in.ny; ++j) {
        ptrdiff_t group = 0;
        for (; group + 2 <= layer.groups; group += 2)
            convolve_row<2>(layer, group, in, flipped, rectified, j, out);
        if (group < layer.groups) convolve_row<1>(layer, group, in, flipped, rectified, j, out);
    }
}

// T and the logarithm of viscosity at the cells, shape (ny, nx), and T of the walls below and
// above.
struct Seen {
    ptrdiff_t ny, nx;
    const double *temperature, *log_viscosity;
    double bottom, top;
};

constexpr ptrdiff_t STATE = 11, FLOW = 7;
constexpr float SOFT = 1e-3f, WALL_CELLS = 3.0f;

inline float squashed(float value) {
    const float root = std::sqrt(1.0f + std::fabs(value));
    return 0.5f * value / (root * std::sqrt(root));
}

inline float between(float value) { return value / std::sqrt(1.0f + value * value); }

// A field with its neighbours beyond the walls, which are equal to those inside.
inline Ringed ringed(ptrdiff_t ny, ptrdiff_t nx, const double* values) {
    Ringed out(ny, nx, 1);
    for (ptrdiff_t j = 0; j < ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i) *out.at(j, i) = float(values[j * nx + i]);
    for (ptrdiff_t i = 0; i < nx; ++i) {
        *out.at(-1, i) = *out.at(0, i);
        *out.at(ny, i) = *out.at(ny - 1, i);
    }
    for (ptrdiff_t j = -1; j <= ny; ++j) {
        *out.at(j, -1) = *out.at(j, 0);
        *out.at(j, nx) = *out.at(j, nx - 1);
    }
    return out;
}

TELLUS_CLONES inline void state_row(const Ringed& T, const Ringed& logs, ptrdiff_t j,
                                    Ringed& features, float* __restrict spread) {
    const ptrdiff_t nx = T.nx, ny = T.ny;
    const float *low = T.at(j - 1, 0), *here = T.at(j, 0), *high = T.at(j + 1, 0);
    const float *below = logs.at(j - 1, 0), *log = logs.at(j, 0), *above = logs.at(j + 1, 0);
    const auto fading = [](ptrdiff_t cells) {
        return std::max(0.0f, 1.0f - float(cells) / WALL_CELLS);
    };
    for (ptrdiff_t i = 0; i < nx; ++i) {
        const auto most = [i](const float* row) {
            return std::max(std::max(row[i - 1], row[i]), row[i + 1]);
        };
        const auto least = [i](const float* row) {
            return std::min(std::min(row[i - 1], row[i]), row[i + 1]);
        };
        spread[i] = std::max(std::max(most(low), most(here)), most(high)) -
                    std::min(std::min(least(low), least(here)), least(high));
        const float over = 1.0f / (spread[i] + SOFT);
        float* f = features.at(j, i);
        f[0] = (here[i + 1] - here[i - 1]) * over;
        f[1] = (high[i] - low[i]) * over;
        f[2] = ((here[i + 1] + here[i - 1]) - 2.0f * here[i]) * over;
        f[3] = ((high[i] + low[i]) - 2.0f * here[i]) * over;
        f[4] = ((high[i + 1] + low[i - 1]) - (high[i - 1] + low[i + 1])) * over;
        f[5] = spread[i] / (spread[i] + 0.1f);
        f[6] = squashed(0.5f * (log[i + 1] - log[i - 1]));
        f[7] = squashed(0.5f * (above[i] - below[i]));
        f[8] = fading(j);
        f[9] = fading(ny - 1 - j);
        f[10] = fading(std::min(i, nx - 1 - i));
    }
}

// The state's features into the first channels of `features`, and the range of T around each cell.
inline std::vector<float> state_features(const Seen& seen, Ringed& features) {
    Ringed T = ringed(seen.ny, seen.nx, seen.temperature);
    const Ringed logs = ringed(seen.ny, seen.nx, seen.log_viscosity);
    for (ptrdiff_t i = -1; i <= seen.nx; ++i) {
        *T.at(-1, i) = float(2.0 * seen.bottom) - *T.at(0, i);
        *T.at(seen.ny, i) = float(2.0 * seen.top) - *T.at(seen.ny - 1, i);
    }
    std::vector<float> spread(seen.ny * seen.nx);
    for (ptrdiff_t j = 0; j < seen.ny; ++j) state_row(T, logs, j, features, &spread[j * seen.nx]);
    return spread;
}

TELLUS_CLONES inline void flow_row(const Ringed& across, const Ringed& up, const double* u,
                                   float hx, ptrdiff_t j, Ringed& features) {
    const float *a = across.at(j, 0), *low = across.at(j - 1, 0), *high = across.at(j + 1, 0);
    const float* b = up.at(j, 0);
    for (ptrdiff_t i = 0; i < across.nx; ++i) {
        const float calm = 1.0f / (std::fabs(a[i]) + std::fabs(b[i]) + 1.0f);
        float* f = features.at(j, i) + STATE;
        f[0] = squashed(a[i]);
        f[1] = squashed(b[i]);
        f[2] = a[i] * calm;
        f[3] = b[i] * calm;
        f[4] = (float(u[i + 1]) - float(u[i])) * hx * calm;
        f[5] = 0.5f * (high[i] - low[i]) * calm;
        f[6] = 0.5f * (b[i + 1] - b[i - 1]) * calm;
    }
}

// Those of the velocity at the faces, into the channels after the state's.
inline void flow_features(ptrdiff_t ny, ptrdiff_t nx, const double* u, const double* v, double hx,
                          double hy, Ringed& features) {
    std::vector<double> across(ny * nx), up(ny * nx);
    for (ptrdiff_t j = 0; j < ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i) {
            const double* left = u + j * (nx + 1) + i;
            const double* below = v + j * nx + i;
            across[j * nx + i] = 0.5f * (float(left[1]) + float(left[0])) * float(hx);
            up[j * nx + i] = 0.5f * (float(below[nx]) + float(below[0])) * float(hy);
        }
    const Ringed a = ringed(ny, nx, across.data()), b = ringed(ny, nx, up.data());
    for (ptrdiff_t j = 0; j < ny; ++j) flow_row(a, b, u + j * (nx + 1), float(hx), j, features);
}

class LocalNetwork {
  public:
    // Layers, which of the features are odd, and between what they were in training: of cells with
    // others it says nothing.
    LocalNetwork(std::vector<Layer> layers, const std::vector<bool>& odd, std::vector<float> low,
                 std::vector<float> high)
        : layers_(std::move(layers)),
          first_of_image_(layers_.front()),
          low_(std::move(low)),
          high_(std::move(high)) {
        const ptrdiff_t n = first_of_image_.inputs;
        for (size_t k = 0; k < first_of_image_.weights.size(); ++k)
            if (odd[k / LANES % n]) first_of_image_.weights[k] *= -1.0f;
    }

    // Whether it says something of each cell.
    std::vector<char> known(const Ringed& features) const {
        std::vector<char> inside(features.ny * features.nx, 1);
        for (ptrdiff_t j = 0; j < features.ny; ++j)
            for (ptrdiff_t i = 0; i < features.nx; ++i) {
                const float* f = features.at(j, i);
                char& here = inside[j * features.nx + i];
                for (ptrdiff_t c = 0; c < features.channels; ++c)
                    here &= f[c] >= low_[c] && f[c] <= high_[c];
            }
        return inside;
    }

    // Between -1 and 1; of the mirrored state, turned back, where `image` is set.
    Ringed answer(const Ringed& features, const std::vector<char>& known, bool image) const {
        Ringed now(0, 0, 0);
        for (size_t k = 0; k < layers_.size(); ++k) {
            const Layer& layer = image && k == 0 ? first_of_image_ : layers_[k];
            Ringed next(features.ny, features.nx, layer.groups * LANES);
            convolve(layer, k == 0 ? features : now, image, k + 1 < layers_.size(), next);
            now = std::move(next);
        }
        for (float& value : now.values) value = between(value);
        for (ptrdiff_t j = 0; j < features.ny; ++j)
            for (ptrdiff_t i = 0; i < features.nx; ++i)
                if (!known[j * features.nx + i])
                    std::fill(now.at(j, i), now.at(j, i) + now.channels, 0.0f);
        return now;
    }

    // Heat that the fluxes of the scheme lack, along x (ny, nx + 1) and y (ny + 1, nx); returns the
    // number of cells of which nothing is known.
    ptrdiff_t fluxes(const Seen& seen, const double* u, const double* v, double hx, double hy,
                     double* along_x, double* along_y) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        Ringed features(ny, nx, STATE + FLOW);
        const std::vector<float> spread = state_features(seen, features);
        flow_features(ny, nx, u, v, hx, hy, features);
        const std::vector<char> inside = known(features);
        const Ringed a = answer(features, inside, false), b = answer(features, inside, true);
        const auto even = [&](ptrdiff_t j, ptrdiff_t i, int k) {
            return 0.5f * (a.at(j, i)[k] + b.at(j, i)[k]);
        };
        // East and west are each other's image.
        const auto odd = [&](ptrdiff_t j, ptrdiff_t i, int k) {
            return 0.5f * (a.at(j, i)[k] - b.at(j, i)[1 - k]);
        };
        const auto range = [&](ptrdiff_t j, ptrdiff_t i) { return spread[j * nx + i]; };
        const auto speed = [](double along, double h) {
            return std::fabs(float(along)) + float(2.0 / h);
        };
        for (ptrdiff_t j = 0; j < ny; ++j) {
            double* row = along_x + j * (nx + 1);
            row[0] = row[nx] = 0.0;
            for (ptrdiff_t i = 1; i < nx; ++i)
                row[i] = 0.5f * (odd(j, i - 1, 0) + odd(j, i, 1)) *
                         std::max(range(j, i - 1), range(j, i)) * speed(u[j * (nx + 1) + i], hx);
        }
        for (ptrdiff_t i = 0; i < nx; ++i) {
            along_y[i] = even(0, i, 3) * range(0, i) * speed(v[i], hy);
            along_y[ny * nx + i] =
                even(ny - 1, i, 2) * range(ny - 1, i) * speed(v[ny * nx + i], hy);
        }
        for (ptrdiff_t j = 1; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i)
                along_y[j * nx + i] = 0.5f * (even(j - 1, i, 2) + even(j, i, 3)) *
                                      std::max(range(j - 1, i), range(j, i)) *
                                      speed(v[j * nx + i], hy);
        return std::count(inside.begin(), inside.end(), 0);
    }

    // Means over the quarters of cells less a smooth guess of them, (2 ny, 2 nx).
    void details(const Seen& seen, double* within) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        Ringed features(ny, nx, STATE);
        const std::vector<float> spread = state_features(seen, features);
        const std::vector<char> inside = known(features);
        const Ringed a = answer(features, inside, false), b = answer(features, inside, true);
        for (ptrdiff_t j = 0; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i) {
                const float *one = a.at(j, i), *image = b.at(j, i);
                const float size = 0.25f * spread[j * nx + i];
                const float across = 0.5f * (one[0] - image[0]) * size;
                const float up = 0.5f * (one[1] + image[1]) * size;
                const float twist = 0.5f * (one[2] - image[2]) * size;
                double* lower = within + 4 * j * nx + 2 * i;
                double* upper = lower + 2 * nx;
                lower[0] = -across - up + twist;
                lower[1] = across - up - twist;
                upper[0] = up - across - twist;
                upper[1] = up + across + twist;
            }
    }

  private:
    std::vector<Layer> layers_;
    Layer first_of_image_;
    std::vector<float> low_, high_;
};

}  // namespace tellus
