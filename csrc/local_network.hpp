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

// Rows of an answer that are found together, of so many rows of what is seen (Lavin and Gray 2016,
// F(4, 3), along y alone): six products in the place of twelve.
constexpr ptrdiff_t TILE = 4, SEEN = TILE + 2;

// Cells with a ring of one around them, channels fast, in memory that outlives it.
struct Ringed {
    ptrdiff_t ny, nx, channels;
    float *values, *end;

    // With a ring of zeros, and rows up to whole tiles; what is inside is for others to write.
    Ringed(ptrdiff_t ny_, ptrdiff_t nx_, ptrdiff_t channels_, std::vector<float>& memory)
        : ny(ny_), nx(nx_), channels(channels_) {
        memory.resize(((ny + TILE - 1) / TILE * TILE + 2) * (nx + 2) * channels);
        values = memory.data();
        end = values + memory.size();
        std::fill(values, at(0, 0), 0.0f);
        for (ptrdiff_t j = 0; j < ny; ++j) std::fill_n(at(j, nx), 2 * channels, 0.0f);
        clear_beyond();
    }
    // j from -1 to ny, i from -1 to nx.
    float* at(ptrdiff_t j, ptrdiff_t i) const {
        return values + ((j + 1) * (nx + 2) + i + 1) * channels;
    }
    // The ring above, and what fills up a tile.
    void clear_beyond() const { std::fill(at(ny, -1), end, 0.0f); }
};

// What a call works in. A thread keeps it, as fresh memory costs as much as a layer does.
struct Scratch {
    std::vector<float> fields[2], planes, features[2], hidden[2], answers[2], spread, rows;
    std::vector<int> known;
    static Scratch& mine() {
        thread_local Scratch kept;
        return kept;
    }
};

// Outputs in lanes; where there are few, for both of two cells side by side.
struct Layer {
    ptrdiff_t inputs, outputs, pack, channels, groups, depth;
    std::vector<float> weights, bias;

    // From (outputs, inputs, 3, 3), of inputs that lie `stride` apart from cell to cell. The
    // weights as SEEN x groups x (columns of cells x stride) x LANES.
    Layer(ptrdiff_t inputs_, ptrdiff_t stride, ptrdiff_t outputs_, bool last, const float* w,
          const float* b)
        : inputs(inputs_),
          outputs(outputs_),
          pack(last && 2 * outputs_ <= LANES ? 2 : 1),
          channels(pack == 2 ? LANES / 2 : (outputs_ + LANES - 1) / LANES * LANES),
          groups(pack * channels / LANES),
          depth((2 + pack) * stride),
          weights(SEEN * groups * depth * LANES, 0.0f),
          bias(groups * LANES, 0.0f) {
        constexpr double FROM[SEEN][3] = {{1.0 / 4, 0.0, 0.0},
                                          {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                          {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                          {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                          {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                          {0.0, 0.0, 1.0}};
        for (ptrdiff_t lane = 0; lane < groups * LANES; ++lane) {
            const ptrdiff_t o = lane % channels, shift = lane / channels;
            if (o >= outputs) continue;
            bias[lane] = b[o];
            for (ptrdiff_t k = 0; k < SEEN; ++k)
                for (ptrdiff_t dx = 0; dx < 3; ++dx)
                    for (ptrdiff_t c = 0; c < inputs; ++c) {
                        const float* column = w + (o * inputs + c) * 9 + dx;
                        const double sum = FROM[k][0] * column[0] + FROM[k][1] * column[3] +
                                           FROM[k][2] * column[6];
                        const ptrdiff_t row = (k * groups + lane / LANES) * depth;
                        weights[(row + (shift + dx) * stride + c) * LANES + lane % LANES] =
                            float(sum);
                    }
        }
    }
};

// The SEEN rows from j - 1 on, combined; `length` apart.
TELLUS_CLONES inline void combine_rows(const Ringed& in, ptrdiff_t j, ptrdiff_t length,
                                       float* __restrict out) {
    const ptrdiff_t n = (in.nx + 2) * in.channels;
    const float* r = in.at(j - 1, -1);
#pragma omp simd
    for (ptrdiff_t x = 0; x < n; ++x) {
        const float r0 = r[x], r1 = r[n + x], r2 = r[2 * n + x], r3 = r[3 * n + x],
                    r4 = r[4 * n + x], r5 = r[5 * n + x];
        const float even = r4 - 4.0f * r2, odd = r3 - 4.0f * r1;
        const float near = r4 - r2, far = 2.0f * (r3 - r1);
        out[x] = (4.0f * r0 - 5.0f * r2) + r4;
        out[length + x] = even + odd;
        out[2 * length + x] = even - odd;
        out[3 * length + x] = near + far;
        out[4 * length + x] = near - far;
        out[5 * length + x] = (4.0f * r1 - 5.0f * r3) + r5;
    }
}

// GROUPS x LANES outputs of UNITS (cells, or pairs of them) side by side: rows of a matrix product.
template <int GROUPS, int UNITS>
inline __attribute__((always_inline)) void multiply(const float* cells, ptrdiff_t apart,
                                                    const float* w, ptrdiff_t depth,
                                                    Lanes (&found)[UNITS][GROUPS]) {
    Lanes sum[UNITS][GROUPS];  // In registers.
    for (int p = 0; p < UNITS; ++p)
        for (int g = 0; g < GROUPS; ++g) sum[p][g] = Lanes{};
    for (ptrdiff_t c = 0; c < depth; ++c) {
        Lanes each[GROUPS];
        for (int g = 0; g < GROUPS; ++g)
            std::memcpy(&each[g], w + (g * depth + c) * LANES, sizeof each[g]);
        for (int p = 0; p < UNITS; ++p) {
            const float value = cells[p * apart + c];
            for (int g = 0; g < GROUPS; ++g) sum[p][g] += value * each[g];
        }
    }
    std::memcpy(found, sum, sizeof sum);
}

// TILE rows of an answer from j on, of the rows that were combined; none less than `floor`.
template <int GROUPS>
inline __attribute__((always_inline)) void answer_rows(const Layer& layer, ptrdiff_t group,
                                                       const float* rows, ptrdiff_t length,
                                                       ptrdiff_t apart, float floor, ptrdiff_t j,
                                                       const Ringed& out) {
    constexpr int UNITS = GROUPS == 1 ? 8 : 6;  // As many sums as registers hold.
    const ptrdiff_t count = (out.nx + layer.pack - 1) / layer.pack, depth = layer.depth;
    const ptrdiff_t next = (out.nx + 2) * out.channels;
    const float* weights = &layer.weights[group * depth * LANES];
    Lanes bias[GROUPS], m[SEEN][UNITS][GROUPS];
    std::memcpy(bias, &layer.bias[group * LANES], sizeof bias);
    for (ptrdiff_t i = 0; i < count; i += UNITS) {
        for (ptrdiff_t k = 0; k < SEEN; ++k)
            multiply<GROUPS, UNITS>(rows + k * length + i * apart, apart,
                                    weights + k * layer.groups * depth * LANES, depth, m[k]);
        for (ptrdiff_t p = 0; p < std::min<ptrdiff_t>(UNITS, count - i); ++p)
            for (int g = 0; g < GROUPS; ++g) {
                float* to = out.at(j, (i + p) * layer.pack) + (group + g) * LANES;
                const auto put = [&](ptrdiff_t row, const Lanes& value) {
                    Lanes found = value + bias[g];
                    found = found > floor ? found : Lanes{} + floor;
                    std::memcpy(to + row * next, &found, sizeof found);
                };
                const Lanes sum = m[1][p][g] + m[2][p][g], difference = m[1][p][g] - m[2][p][g];
                const Lanes more = m[3][p][g] + m[4][p][g], other = m[3][p][g] - m[4][p][g];
                put(0, (m[0][p][g] + sum) + more);
                put(1, difference + 2.0f * other);
                put(2, sum + 4.0f * more);
                put(3, (difference + 8.0f * other) + m[5][p][g]);
            }
    }
}

// All outputs of a layer, none less than `floor`.
TELLUS_CLONES inline void convolve(const Layer& layer, const Ringed& in, float floor,
                                   const Ringed& out, std::vector<float>& memory) {
    // Beyond a row as much as the last cells that are worked at together reach.
    const ptrdiff_t apart = layer.pack * in.channels;
    const ptrdiff_t length = (in.nx + 2) * in.channels + 12 * apart + layer.depth;
    memory.resize(SEEN * length);
    for (ptrdiff_t j = 0; j < in.ny; j += TILE) {
        combine_rows(in, j, length, memory.data());
        ptrdiff_t group = 0;
        for (; group + 2 <= layer.groups; group += 2)
            answer_rows<2>(layer, group, memory.data(), length, apart, floor, j, out);
        if (group < layer.groups)
            answer_rows<1>(layer, group, memory.data(), length, apart, floor, j, out);
    }
    out.clear_beyond();
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

// A field of one channel with neighbours beyond the walls, which are equal to those inside.
template <class Value>
inline Ringed ringed(ptrdiff_t ny, ptrdiff_t nx, const Value& value, std::vector<float>& memory) {
    const Ringed out(ny, nx, 1, memory);
    for (ptrdiff_t j = 0; j < ny; ++j) {
        float* row = out.at(j, 0);
        for (ptrdiff_t i = 0; i < nx; ++i) row[i] = value(j, i);
        row[-1] = row[0];
        row[nx] = row[nx - 1];
    }
    std::copy(out.at(0, -1), out.at(0, nx + 1), out.at(-1, -1));
    std::copy(out.at(ny - 1, -1), out.at(ny - 1, nx + 1), out.at(ny, -1));
    return out;
}

// The features of T and viscosity of a row, `nx` apart, and the range of T around each cell.
TELLUS_CLONES inline void state_row(const Ringed& T, const Ringed& logs, ptrdiff_t j,
                                    float* __restrict f, float* __restrict spread) {
    const ptrdiff_t nx = T.nx, ny = T.ny;
    const float *low = T.at(j - 1, 0), *here = T.at(j, 0), *high = T.at(j + 1, 0);
    const float *below = logs.at(j - 1, 0), *log = logs.at(j, 0), *above = logs.at(j + 1, 0);
    const auto fading = [](ptrdiff_t cells) {
        return std::max(0.0f, 1.0f - float(cells) / WALL_CELLS);
    };
#pragma omp simd
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
        f[i] = (here[i + 1] - here[i - 1]) * over;
        f[nx + i] = (high[i] - low[i]) * over;
        f[2 * nx + i] = ((here[i + 1] + here[i - 1]) - 2.0f * here[i]) * over;
        f[3 * nx + i] = ((high[i] + low[i]) - 2.0f * here[i]) * over;
        f[4 * nx + i] = ((high[i + 1] + low[i - 1]) - (high[i - 1] + low[i + 1])) * over;
        f[5 * nx + i] = spread[i] / (spread[i] + 0.1f);
        f[6 * nx + i] = squashed(0.5f * (log[i + 1] - log[i - 1]));
        f[7 * nx + i] = squashed(0.5f * (above[i] - below[i]));
    }
    for (ptrdiff_t i = 0; i < nx; ++i) {
        f[8 * nx + i] = fading(j);
        f[9 * nx + i] = fading(ny - 1 - j);
        f[10 * nx + i] = fading(std::min(i, nx - 1 - i));
    }
}

// Those of the flow: cell Peclet numbers at the cells, and u at the faces.
TELLUS_CLONES inline void flow_row(const Ringed& across, const Ringed& up, const double* u,
                                   float hx, ptrdiff_t j, float* __restrict f) {
    const ptrdiff_t nx = across.nx;
    const float *a = across.at(j, 0), *low = across.at(j - 1, 0), *high = across.at(j + 1, 0);
    const float* b = up.at(j, 0);
#pragma omp simd
    for (ptrdiff_t i = 0; i < nx; ++i) {
        const float calm = 1.0f / (std::fabs(a[i]) + std::fabs(b[i]) + 1.0f);
        f[i] = squashed(a[i]);
        f[nx + i] = squashed(b[i]);
        f[2 * nx + i] = a[i] * calm;
        f[3 * nx + i] = b[i] * calm;
        f[4 * nx + i] = (float(u[i + 1]) - float(u[i])) * hx * calm;
        f[5 * nx + i] = 0.5f * (high[i] - low[i]) * calm;
        f[6 * nx + i] = 0.5f * (b[i + 1] - b[i - 1]) * calm;
    }
}

// Velocities at the faces, shapes (ny, nx + 1) and (ny + 1, nx).
struct Moved {
    const double *u, *v;
    double hx, hy;
};

// Features of all rows, each as (channels, nx), and the range of T around the cells.
inline void state_features(const Seen& seen, Scratch& mine) {
    const ptrdiff_t ny = seen.ny, nx = seen.nx, length = ptrdiff_t(mine.planes.size()) / ny;
    const auto field = [nx](const double* values) {
        return [=](ptrdiff_t j, ptrdiff_t i) { return float(values[j * nx + i]); };
    };
    const Ringed T = ringed(ny, nx, field(seen.temperature), mine.fields[0]);
    const Ringed logs = ringed(ny, nx, field(seen.log_viscosity), mine.fields[1]);
    for (ptrdiff_t i = -1; i <= nx; ++i) {
        *T.at(-1, i) = float(2.0 * seen.bottom) - *T.at(0, i);
        *T.at(ny, i) = float(2.0 * seen.top) - *T.at(ny - 1, i);
    }
    for (ptrdiff_t j = 0; j < ny; ++j)
        state_row(T, logs, j, &mine.planes[j * length], &mine.spread[j * nx]);
}

inline void flow_features(ptrdiff_t ny, ptrdiff_t nx, const Moved& flow, Scratch& mine) {
    const ptrdiff_t length = ptrdiff_t(mine.planes.size()) / ny;
    const float hx = float(flow.hx), hy = float(flow.hy);
    const auto along_x = [&](ptrdiff_t j, ptrdiff_t i) {
        const double* left = flow.u + j * (nx + 1) + i;
        return 0.5f * (float(left[1]) + float(left[0])) * hx;
    };
    const auto along_y = [&](ptrdiff_t j, ptrdiff_t i) {
        const double* below = flow.v + j * nx + i;
        return 0.5f * (float(below[nx]) + float(below[0])) * hy;
    };
    const Ringed across = ringed(ny, nx, along_x, mine.fields[0]);
    const Ringed up = ringed(ny, nx, along_y, mine.fields[1]);
    for (ptrdiff_t j = 0; j < ny; ++j)
        flow_row(across, up, flow.u + j * (nx + 1), hx, j, &mine.planes[j * length + STATE * nx]);
}

// Of the state and of its mirror image, the latter turned back: numbers of each cell between -1
// and 1, zero where nothing is known of it, and the range of T around it.
struct Answers {
    Ringed one, image;
    const std::vector<float>& spread;
    ptrdiff_t silent;

    // Of what is not changed by the mirror.
    float even(ptrdiff_t j, ptrdiff_t i, int k) const {
        return 0.5f * (one.at(j, i)[k] + image.at(j, one.nx - 1 - i)[k]);
    }
    // Of what is the negative of `opposite`, or of itself, there.
    float odd(ptrdiff_t j, ptrdiff_t i, int k, int opposite) const {
        return 0.5f * (one.at(j, i)[k] - image.at(j, one.nx - 1 - i)[opposite]);
    }
    float range(ptrdiff_t j, ptrdiff_t i) const { return spread[j * one.nx + i]; }
};

// A row of features, from (channels, nx) to channels fast; and of the mirrored state.
TELLUS_CLONES inline void gather(const float* __restrict planes, const std::vector<float>& sign,
                                 ptrdiff_t nx, float* __restrict one, float* __restrict image) {
    const ptrdiff_t n = sign.size();
    for (ptrdiff_t i = 0; i < nx; ++i)
        for (ptrdiff_t c = 0; c < n; ++c) {
            const float value = planes[c * nx + i];
            one[i * n + c] = value;
            image[(nx - 1 - i) * n + c] = sign[c] * value;
        }
}

// Keep the cells of a row whose features are between these.
TELLUS_CLONES inline void know(const float* __restrict planes, const std::vector<float>& low,
                               const std::vector<float>& high, ptrdiff_t nx,
                               int* __restrict known) {
    for (size_t c = 0; c < low.size(); ++c) {
        const float *f = planes + c * nx, least = low[c], most = high[c];
        for (ptrdiff_t i = 0; i < nx; ++i) known[i] &= int(f[i] >= least) & int(f[i] <= most);
    }
}

TELLUS_CLONES inline void squash(float* __restrict values, ptrdiff_t count) {
    for (ptrdiff_t x = 0; x < count; ++x) values[x] = between(values[x]);
}

class LocalNetwork {
  public:
    // Layers, which of the features are odd, and between what they were in training: of cells with
    // others it says nothing.
    LocalNetwork(std::vector<Layer> layers, const std::vector<bool>& odd, std::vector<float> low,
                 std::vector<float> high)
        : layers_(std::move(layers)), low_(std::move(low)), high_(std::move(high)) {
        for (const bool each : odd) sign_.push_back(each ? -1.0f : 1.0f);
    }

    // Heat that the fluxes of the scheme lack, along x (ny, nx + 1) and y (ny + 1, nx); returns the
    // number of cells of which nothing is known.
    ptrdiff_t fluxes(const Seen& seen, const Moved& flow, double* along_x, double* along_y) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        const Answers found = answers(seen, &flow);
        const auto speed = [](double along, double h) {
            return std::fabs(float(along)) + float(2.0 / h);
        };
        // East and west are each other's image.
        for (ptrdiff_t j = 0; j < ny; ++j) {
            double* row = along_x + j * (nx + 1);
            row[0] = row[nx] = 0.0;
            for (ptrdiff_t i = 1; i < nx; ++i)
                row[i] = 0.5f * (found.odd(j, i - 1, 0, 1) + found.odd(j, i, 1, 0)) *
                         std::max(found.range(j, i - 1), found.range(j, i)) *
                         speed(flow.u[j * (nx + 1) + i], flow.hx);
        }
        const auto north = [&](ptrdiff_t j, ptrdiff_t i) { return found.even(j, i, 2); };
        const auto south = [&](ptrdiff_t j, ptrdiff_t i) { return found.even(j, i, 3); };
        for (ptrdiff_t i = 0; i < nx; ++i) {
            along_y[i] = south(0, i) * found.range(0, i) * speed(flow.v[i], flow.hy);
            along_y[ny * nx + i] =
                north(ny - 1, i) * found.range(ny - 1, i) * speed(flow.v[ny * nx + i], flow.hy);
        }
        for (ptrdiff_t j = 1; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i)
                along_y[j * nx + i] = 0.5f * (north(j - 1, i) + south(j, i)) *
                                      std::max(found.range(j - 1, i), found.range(j, i)) *
                                      speed(flow.v[j * nx + i], flow.hy);
        return found.silent;
    }

    // Means over the quarters of cells less a smooth guess of them, (2 ny, 2 nx).
    void details(const Seen& seen, double* within) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        const Answers found = answers(seen, nullptr);
        for (ptrdiff_t j = 0; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i) {
                const float size = 0.25f * found.range(j, i);
                const float across = found.odd(j, i, 0, 0) * size;
                const float up = found.even(j, i, 1) * size;
                const float twist = found.odd(j, i, 2, 2) * size;
                double* lower = within + 4 * j * nx + 2 * i;
                double* upper = lower + 2 * nx;
                lower[0] = -across - up + twist;
                lower[1] = across - up - twist;
                upper[0] = up - across - twist;
                upper[1] = up + across + twist;
            }
    }

    // What the logarithms of viscosity that cells show to stretching and to shear lack, (2, ny,
    // nx): at most half of the range of the logarithm around.
    void viscosities(const Seen& seen, double* lacking) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        const Answers found = answers(seen, nullptr);
        for (ptrdiff_t j = 0; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i) {
                double low = INFINITY, high = -INFINITY;
                for (ptrdiff_t k = std::max<ptrdiff_t>(j - 1, 0); k < std::min(j + 2, ny); ++k)
                    for (ptrdiff_t l = std::max<ptrdiff_t>(i - 1, 0); l < std::min(i + 2, nx);
                         ++l) {
                        const double here = seen.log_viscosity[k * nx + l];
                        low = std::min(low, here), high = std::max(high, here);
                    }
                for (int k = 0; k < 2; ++k)
                    lacking[(k * ny + j) * nx + i] = 0.5 * found.even(j, i, k) * (high - low);
            }
    }

  private:
    // What is asked of a flow goes after what is asked of the state, where there is a flow.
    Answers answers(const Seen& seen, const Moved* flow) const {
        Scratch& mine = Scratch::mine();
        const ptrdiff_t cells = seen.ny * seen.nx;
        mine.planes.resize(cells * ptrdiff_t(sign_.size()));
        mine.spread.resize(cells);
        state_features(seen, mine);
        if (flow) flow_features(seen.ny, seen.nx, *flow, mine);
        const ptrdiff_t channels = sign_.size(), length = seen.nx * channels;
        const Ringed one(seen.ny, seen.nx, channels, mine.features[0]);
        const Ringed image(seen.ny, seen.nx, channels, mine.features[1]);
        mine.known.assign(cells, 1);
        for (ptrdiff_t j = 0; j < seen.ny; ++j) {
            const float* row = &mine.planes[j * length];
            gather(row, sign_, seen.nx, one.at(j, 0), image.at(j, 0));
            know(row, low_, high_, seen.nx, &mine.known[j * seen.nx]);
        }
        const ptrdiff_t silent = std::count(mine.known.begin(), mine.known.end(), 0);
        return {answer(one, mine, 0), answer(image, mine, 1), mine.spread, silent};
    }

    Ringed answer(Ringed now, Scratch& mine, int which) const {
        for (size_t k = 0; k < layers_.size(); ++k) {
            const bool last = k + 1 == layers_.size();
            const Ringed next(now.ny, now.nx, layers_[k].channels,
                              last ? mine.answers[which] : mine.hidden[k % 2]);
            convolve(layers_[k], now, last ? -INFINITY : 0.0f, next, mine.rows);
            now = next;
        }
        for (ptrdiff_t j = 0; j < now.ny; ++j) {
            float* row = now.at(j, 0);
            squash(row, now.nx * now.channels);
            for (ptrdiff_t i = 0; i < now.nx; ++i)
                if (!mine.known[j * now.nx + (which ? now.nx - 1 - i : i)])
                    std::fill_n(row + i * now.channels, now.channels, 0.0f);
        }
        return now;
    }

    std::vector<Layer> layers_;
    std::vector<float> sign_, low_, high_;
};

}  // namespace tellus
