// A small network of 3 x 3 convolutions over cells, in single precision: heat, temperature and
// viscosity that a coarse grid lacks, of what it sees. The same as surrogate/closure/network.py.
#pragma once

#include <utility>

#include "closure_features.hpp"

namespace tellus {

// What a call works in. A thread keeps it, as fresh memory costs as much as a layer does.
struct Scratch {
    Around around;
    Work work;
    std::vector<float> features, hidden[2][2], part;
    std::vector<int> known;
    static Scratch& mine() {
        thread_local Scratch kept;
        return kept;
    }
};

// Numbers of each cell between -1 and 1, zero where nothing is known of it, and the ranges of T and
// of the logarithm of viscosity around it.
struct Answers {
    Both found;
    const Around& around;
    ptrdiff_t silent;

    // Of what is not changed by the mirror.
    float even(ptrdiff_t j, ptrdiff_t i, int k) const {
        return 0.5f * (*found.one.at(k, j, i) + *found.image.at(k, j, i));
    }
    // Of what is the negative of `opposite`, or of itself, there.
    float odd(ptrdiff_t j, ptrdiff_t i, int k, int opposite) const {
        return 0.5f * (*found.one.at(k, j, i) - *found.image.at(opposite, j, i));
    }
    float range(ptrdiff_t j, ptrdiff_t i) const { return around.spread[j * found.one.nx + i]; }
    float log_range(ptrdiff_t j, ptrdiff_t i) const {
        return around.log_spread[j * found.one.nx + i];
    }
};

// Keep the cells of a row whose features, `apart` from each other, are between these.
TELLUS_CLONES inline void know(const float* __restrict features, ptrdiff_t apart,
                               const std::vector<float>& low, const std::vector<float>& high,
                               ptrdiff_t nx, int* __restrict known) {
    for (size_t c = 0; c < low.size(); ++c) {
        const float *f = features + c * apart, least = low[c], most = high[c];
        for (ptrdiff_t i = 0; i < nx; ++i) known[i] &= int(f[i] >= least) & int(f[i] <= most);
    }
}

TELLUS_CLONES inline void squash(ptrdiff_t nx, const int* __restrict known,
                                 float* __restrict values) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < nx; ++i)
        values[i] = float(known[i]) * values[i] / std::sqrt(1.0f + values[i] * values[i]);
}

// The mean over cells of the squared Mahalanobis distance of the first features, from their `mean`
// and with the inverse of the lower Cholesky factor of their covariance, row by row: the same as
// surrogate/closure/distance.py. No state with a larger one was seen in training.
struct Distance {
    std::vector<float> mean, whitening;
    double largest = INFINITY;

    bool familiar(const Planes& features, std::vector<float>& memory) const {
        if (mean.empty()) return true;
        memory.resize(features.nx);
        double total = 0.0;
        for (ptrdiff_t j = 0; j < features.ny; ++j)
            total += squares(features.at(0, j, 0), features.rows * features.line, features.nx,
                             memory.data());
        return total <= largest * double(features.ny * features.nx);
    }

  private:
    // The sum over a row of cells whose features are `apart` from each other.
    TELLUS_CLONES double squares(const float* __restrict features, ptrdiff_t apart, ptrdiff_t nx,
                                 float* __restrict part) const {
        const size_t count = mean.size();
        float total = 0.0f;
        for (size_t r = 0; r < count; ++r) {
            std::fill(part, part + nx, 0.0f);
            for (size_t c = 0; c <= r; ++c) {
                const float weight = whitening[r * count + c], middle = mean[c];
                const float* f = features + c * apart;
                for (ptrdiff_t i = 0; i < nx; ++i) part[i] += weight * (f[i] - middle);
            }
#pragma omp simd reduction(+ : total)
            for (ptrdiff_t i = 0; i < nx; ++i) total += part[i] * part[i];
        }
        return total;
    }
};

class LocalNetwork {
  public:
    // The first layer and those after it, and between what its features were in training: of cells
    // with others it says nothing, nor of any cell of a state too far from those of the training.
    LocalNetwork(FirstLayer first, std::vector<Layer> later, std::vector<float> low,
                 std::vector<float> high, Distance distance = {})
        : first_(std::move(first)),
          later_(std::move(later)),
          low_(std::move(low)),
          high_(std::move(high)),
          distance_(std::move(distance)) {}

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
    void viscosities(const Seen& seen, float* lacking) const {
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        const Answers found = answers(seen, nullptr);
        for (int k = 0; k < 2; ++k)
            for (ptrdiff_t j = 0; j < ny; ++j)
                for (ptrdiff_t i = 0; i < nx; ++i)
                    lacking[(k * ny + j) * nx + i] =
                        0.5f * found.even(j, i, k) * found.log_range(j, i);
    }

  private:
    // What is asked of a flow goes after what is asked of the state, where there is a flow.
    Answers answers(const Seen& seen, const Moved* flow) const {
        Scratch& mine = Scratch::mine();
        const ptrdiff_t ny = seen.ny, nx = seen.nx;
        const Planes features(first_.inputs, ny, nx, mine.features);
        state_features(seen, features, mine.around);
        if (flow) flow_features(*flow, features, mine.around);
        Both now = planes(first_.outputs, ny, nx, mine, 0);
        convolve(first_, features, later_.empty() ? -INFINITY : 0.0f, now, mine.work);
        for (size_t k = 0; k < later_.size(); ++k) {
            const float floor = k + 1 == later_.size() ? -INFINITY : 0.0f;
            const Both next = planes(later_[k].outputs, ny, nx, mine, (k + 1) % 2);
            convolve(later_[k], now.one, false, floor, next.one, mine.work);
            convolve(later_[k], now.image, true, floor, next.image, mine.work);
            now = next;
        }
        mine.known.assign(ny * nx, distance_.familiar(features, mine.part) ? 1 : 0);
        for (ptrdiff_t j = 0; j < ny; ++j) {
            int* known = &mine.known[j * nx];
            know(features.at(0, j, 0), features.rows * features.line, low_, high_, nx, known);
            for (const Planes& each : {now.one, now.image})
                for (ptrdiff_t k = 0; k < each.channels; ++k) squash(nx, known, each.at(k, j, 0));
        }
        const ptrdiff_t silent = std::count(mine.known.begin(), mine.known.end(), 0);
        return {now, mine.around, silent};
    }

    static Both planes(ptrdiff_t channels, ptrdiff_t ny, ptrdiff_t nx, Scratch& mine, int which) {
        return {Planes(channels, ny, nx, mine.hidden[which][0]),
                Planes(channels, ny, nx, mine.hidden[which][1])};
    }

    FirstLayer first_;
    std::vector<Layer> later_;
    std::vector<float> low_, high_;
    Distance distance_;
};

}  // namespace tellus
