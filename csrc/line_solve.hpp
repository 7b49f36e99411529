// Tridiagonal solves along y for many columns at once: the implicit half of diffusion.
#pragma once

#include <cstddef>
#include <vector>

namespace tellus {

// Solve (shift_k - a d^2/dy^2) t = t in place for every column k of t, shape (ny, nx),
// contiguous along x. Walls: the half-cell second difference of a fixed temperature, or none.
// Columns are independent; the sweep runs over rows so that the inner loop is contiguous.
inline void solve_lines(std::ptrdiff_t ny, std::ptrdiff_t nx, double a, double hy,
                        const double* shift, bool fixed_bottom, bool fixed_top, double* t) {
    const double off = -a / (hy * hy);
    std::vector<double> factor(ny * nx);
    const auto diagonal = [&](std::ptrdiff_t j, std::ptrdiff_t k) {
        const double below = j > 0 ? 1 : (fixed_bottom ? 2 : 0);
        const double above = j + 1 < ny ? 1 : (fixed_top ? 2 : 0);
        return shift[k] - off * (below + above);
    };
    for (std::ptrdiff_t k = 0; k < nx; ++k) {
        const double pivot = 1 / diagonal(0, k);
        factor[k] = off * pivot;
        t[k] *= pivot;
    }
    for (std::ptrdiff_t j = 1; j < ny; ++j) {
        const double* previous = t + (j - 1) * nx;
        const double* above = factor.data() + (j - 1) * nx;
        for (std::ptrdiff_t k = 0; k < nx; ++k) {
            const double pivot = 1 / (diagonal(j, k) - off * above[k]);
            factor[j * nx + k] = off * pivot;
            t[j * nx + k] = (t[j * nx + k] - off * previous[k]) * pivot;
        }
    }
    for (std::ptrdiff_t j = ny - 2; j >= 0; --j)
        for (std::ptrdiff_t k = 0; k < nx; ++k)
            t[j * nx + k] -= factor[j * nx + k] * t[(j + 1) * nx + k];
}

}  // namespace tellus
