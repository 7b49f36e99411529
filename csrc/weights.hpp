// Viscous weights of the stream-function operator on a MAC grid.
//
// Kernels know arrays and scalars only. "slow" and "fast" are the two directions in the order
// in which memory, and unknowns, run: the fast one is contiguous.
#pragma once

#include <cmath>
#include <vector>

#include "workers.hpp"

// On x86 the loops that matter are compiled for several instruction sets; the loader takes the
// best that the processor has, so that a wheel needs no -march.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__AVX2__)
#define TELLUS_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TELLUS_CLONES
#endif

namespace tellus {

// A read-only 2-D view with arbitrary strides (in elements).
struct View {
    const double* data;
    ptrdiff_t stride_slow, stride_fast;
    double operator()(ptrdiff_t a, ptrdiff_t b) const {
        return data[a * stride_slow + b * stride_fast];
    }
};

// Which walls hold the fluid fast.
struct NoSlip {
    bool slow_low, slow_high, fast_low, fast_high;
};

// The weights of both strain rates: 4 eta / (hs hf) of the normal one at the cells, and
// eta_node hs hf of the shear one at the nodes. Node viscosity is the geometric mean of the four
// cells, of what they show to shear, where that differs from what they show to stretching; on
// free-slip walls the shear stress vanishes, so wall nodes have weight zero. On no-slip walls the
// velocity goes to zero over half a cell: the shear rate is 2 psi_1 / h^2 on half a cell, so
// psi_1^2 / h^4 has twice the weight.
struct Weights {
    ptrdiff_t ns, nf;          // cells along slow and fast
    double hs, hf;             // their size
    std::vector<double> cell;  // ns x nf
    std::vector<double> node;  // (ns + 1) x (nf + 1)

    Weights(View eta, View to_shear, ptrdiff_t ns_, ptrdiff_t nf_, double hs_, double hf_,
            NoSlip walls)
        : ns(ns_), nf(nf_), hs(hs_), hf(hf_), cell(ns_ * nf_), node((ns_ + 1) * (nf_ + 1), 0.0) {
        const double per_cell = 4 / (hs * hf), area = hs * hf;
        const ptrdiff_t line = nf + 1;
        // The product of four fourth roots neither overflows nor underflows.
        std::vector<double> root(ns * nf);
        for (ptrdiff_t a = 0; a < ns; ++a)
            for (ptrdiff_t b = 0; b < nf; ++b) {
                cell[a * nf + b] = per_cell * eta(a, b);
                root[a * nf + b] = std::sqrt(std::sqrt(to_shear(a, b)));
            }
        for (ptrdiff_t a = 1; a < ns; ++a) {
            const double *below = &root[(a - 1) * nf], *above = below + nf;
            double* out = &node[a * line];
            for (ptrdiff_t b = 1; b < nf; ++b)
                out[b] = area * (below[b - 1] * above[b]) * (below[b] * above[b - 1]);
            const auto twice = [&](ptrdiff_t b) {
                const double two = below[b] * above[b];
                return 2 * area * two * two;
            };
            if (walls.fast_low) out[0] = twice(0);
            if (walls.fast_high) out[nf] = twice(nf - 1);
        }
        for (ptrdiff_t b = 1; b < nf; ++b) {
            const auto twice = [&](ptrdiff_t a) {
                const double two = root[a * nf + b - 1] * root[a * nf + b];
                return 2 * area * two * two;
            };
            if (walls.slow_low) node[b] = twice(0);
            if (walls.slow_high) node[ns * line + b] = twice(ns - 1);
        }
    }
    double C(ptrdiff_t a, ptrdiff_t b) const { return cell[a * nf + b]; }
    double S(ptrdiff_t a, ptrdiff_t b) const { return node[a * (nf + 1) + b]; }
};

}  // namespace tellus
