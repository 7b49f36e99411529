// Cholesky factorisation in LAPACK's lower band storage, ab[k * (kd + 1) + d] = A(k + d, k), where
// there is no LAPACK: by blocks that stay in cache and in registers.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "weights.hpp"

namespace tellus {

constexpr ptrdiff_t BLOCK = 8;

class BandedCholesky {
  public:
    BandedCholesky(ptrdiff_t unknowns, ptrdiff_t half_bandwidth)
        : n_(unknowns), kd_(half_bandwidth), ab_(unknowns * (half_bandwidth + 1), 0.0) {}

    double* bands() { return ab_.data(); }

    // In place; false where A is not positive definite to rounding.
    bool factor() {
        std::vector<double> panel(BLOCK * (kd_ + BLOCK));
        for (ptrdiff_t first = 0; first < n_; first += BLOCK) {
            const ptrdiff_t width = std::min(BLOCK, n_ - first);
            for (ptrdiff_t k = first; k < first + width; ++k) {
                double* column = at(k, k);
                if (!(column[0] > 0.0)) return false;
                column[0] = std::sqrt(column[0]);
                const ptrdiff_t rows = std::min(kd_, n_ - 1 - k);
                for (ptrdiff_t d = 1; d <= rows; ++d) column[d] /= column[0];
                for (ptrdiff_t j = k + 1; j < std::min(first + width, k + rows + 1); ++j)
                    subtract(k + rows + 1 - j, column[j - k], column + j - k, at(j, j));
            }
            update(first, width, panel);
        }
        return true;
    }

    // x becomes A^-1 x.
    void solve(double* x) const {
        for (ptrdiff_t k = 0; k < n_; ++k) {
            const double* column = at(k, k);
            x[k] /= column[0];
            const ptrdiff_t rows = std::min(kd_, n_ - 1 - k);
            for (ptrdiff_t d = 1; d <= rows; ++d) x[k + d] -= column[d] * x[k];
        }
        for (ptrdiff_t k = n_ - 1; k >= 0; --k) {
            const double* column = at(k, k);
            const ptrdiff_t rows = std::min(kd_, n_ - 1 - k);
            double sums[4] = {};
            ptrdiff_t d = 1;
            for (; d + 3 <= rows; d += 4)
                for (ptrdiff_t s = 0; s < 4; ++s) sums[s] += column[d + s] * x[k + d + s];
            for (; d <= rows; ++d) sums[0] += column[d] * x[k + d];
            x[k] = (x[k] - ((sums[0] + sums[1]) + (sums[2] + sums[3]))) / column[0];
        }
    }

  private:
    double* at(ptrdiff_t row, ptrdiff_t column) { return &ab_[column * (kd_ + 1) + row - column]; }
    const double* at(ptrdiff_t row, ptrdiff_t column) const {
        return &ab_[column * (kd_ + 1) + row - column];
    }

    static void subtract(ptrdiff_t n, double a, const double* __restrict x, double* __restrict y) {
        for (ptrdiff_t i = 0; i < n; ++i) y[i] -= a * x[i];
    }

    // Take what a block of columns does to those after it off them, four at a time.
    void update(ptrdiff_t first, ptrdiff_t width, std::vector<double>& panel) {
        const ptrdiff_t next = first + width, last = std::min(n_, first + kd_ + width);
        const ptrdiff_t rows = last - next;
        if (rows <= 0) return;
        // The block's rows below itself, one column after another, zero beyond the band.
        for (ptrdiff_t p = 0; p < width; ++p) {
            const ptrdiff_t k = first + p, end = std::min(n_, k + kd_ + 1) - next;
            double* out = &panel[p * rows];
            if (end > 0) std::copy(at(next, k), at(next, k) + end, out);
            std::fill(out + std::max<ptrdiff_t>(end, 0), out + rows, 0.0);
        }
        for (ptrdiff_t j = 0; j < rows; ++j) {
            double* target = at(next + j, next + j);
            const ptrdiff_t length = rows - j;
            ptrdiff_t p = 0;
            for (; p + 4 <= width; p += 4) {
                const double *a = &panel[p * rows + j], *b = a + rows, *c = b + rows, *d = c + rows;
                subtract_four(length, a, b, c, d, target);
            }
            for (; p < width; ++p) {
                const double* a = &panel[p * rows + j];
                subtract(length, a[0], a, target);
            }
        }
    }

    TELLUS_CLONES static void subtract_four(ptrdiff_t n, const double* __restrict a,
                                            const double* __restrict b, const double* __restrict c,
                                            const double* __restrict d, double* __restrict y) {
        const double wa = a[0], wb = b[0], wc = c[0], wd = d[0];
        for (ptrdiff_t i = 0; i < n; ++i) y[i] -= (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
    }

    ptrdiff_t n_, kd_;
    std::vector<double> ab_;
};

}  // namespace tellus
