// Viscosity that varies within cells, as layers show it: see solver/closure.py.
#pragma once

#include <algorithm>
#include <cmath>

#include "weights.hpp"

namespace tellus {

// The mean of e^x over x from -half to half, sinh(half) / half. Of two values of the same
// exponential one is e^(+-2 half) times the other, or e^(+-4 half) where they are two cells apart.
template <bool TWO>
inline double mean_within(double half, double one, double other) {
    constexpr double LEVEL = 1e-6, GROWN = 1.0 + LEVEL + 0.5 * LEVEL * LEVEL;  // Less is no slope.
    const double root = std::sqrt(std::max(one, other) / std::min(one, other));
    const double grown = GROWN * (TWO ? std::sqrt(root) : root);
    return (grown - 1.0 / grown) / (2.0 * (std::fabs(half) + LEVEL));
}

// A field of cells with its logarithm, and what is to be written.
struct Layers {
    ptrdiff_t ny, nx;
    const double *viscosity, *logs;
    double* both;

    // Of a cell between those beside it, where there are two cells from one to the other or one.
    template <bool TWO_UP, bool TWO_ACROSS>
    void show(ptrdiff_t here, ptrdiff_t low, ptrdiff_t high, ptrdiff_t left,
              ptrdiff_t right) const {
        const double up = (TWO_UP ? 0.25 : 0.5) * (logs[high] - logs[low]);
        const double across = (TWO_ACROSS ? 0.25 : 0.5) * (logs[right] - logs[left]);
        const double mean = mean_within<TWO_UP>(up, viscosity[high], viscosity[low]) *
                            mean_within<TWO_ACROSS>(across, viscosity[right], viscosity[left]);
        const double steep = up * up - across * across, even = up * up + across * across + 1e-12;
        const double along = steep / even * (steep / even), less = 1.0 / mean;
        both[here] = viscosity[here] * (along * mean + (1.0 - along) * less);
        both[ny * nx + here] = viscosity[here] * (along * less + (1.0 - along) * mean);
    }

    template <bool TWO_UP>
    void show_row(ptrdiff_t here, ptrdiff_t low, ptrdiff_t high) const {
        const ptrdiff_t last = nx - 1, before = std::max<ptrdiff_t>(last - 1, 0);
        show<TWO_UP, false>(here, low, high, here, here + std::min<ptrdiff_t>(1, last));
        show<TWO_UP, false>(here + last, low + last, high + last, here + before, here + last);
#pragma omp simd
        for (ptrdiff_t i = 1; i < last; ++i)
            show<TWO_UP, true>(here + i, low + i, high + i, here + i - 1, here + i + 1);
    }
};

// What cells show to stretching and to shear, (2, ny, nx), of viscosity and its logarithm.
TELLUS_CLONES inline void show_layers(const Layers& layers) {
    const ptrdiff_t ny = layers.ny, nx = layers.nx, last = (ny - 1) * nx;
    layers.show_row<false>(0, 0, std::min(nx, last));
    layers.show_row<false>(last, std::max<ptrdiff_t>(last - nx, 0), last);
    for (ptrdiff_t here = nx; here < last; here += nx)
        layers.show_row<true>(here, here - nx, here + nx);
}

}  // namespace tellus
