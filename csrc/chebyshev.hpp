// A smoother for A psi = b: Chebyshev iteration on the diagonally scaled operator.
//
// It is symmetric and needs nothing but products with A, so it serves in a preconditioner of
// conjugate gradients, on any number of threads.
#pragma once

#include "psi_operator.hpp"

namespace tellus {

// One line of a step: x += d, then, where there is a next step, r -= A d and d = keep d + add D^-1
// r.
TELLUS_CLONES inline void advance_line(ptrdiff_t n, const double* __restrict d,
                                       double* __restrict x) {
    for (ptrdiff_t b = 0; b <= n; ++b) x[b] += d[b];
}

TELLUS_CLONES inline void redirect_line(ptrdiff_t n, double keep, double add,
                                        const double* __restrict image,
                                        const double* __restrict inverse, double* __restrict r,
                                        double* __restrict d) {
    for (ptrdiff_t b = 0; b <= n; ++b) {
        r[b] -= image[b];
        d[b] = keep * d[b] + add * (inverse[b] * r[b]);
    }
}

// `steps` steps of Chebyshev iteration for A x = b from x, or from zero; damps the eigenvalues of
// D^-1 A between low and high. `inverse` is D^-1, zero on the walls; all arrays are
// (ns + 1) x (nf + 1), and zero on the walls. r, d and image are scratch.
inline void chebyshev(const Weights& w, const double* inverse, const double* b, double low,
                      double high, int steps, bool from_zero, double* x, double* r, double* d,
                      double* image) {
    const double theta = (high + low) / 2, delta = (high - low) / 2, sigma = theta / delta;
    const ptrdiff_t n = w.nf, line = n + 1;
    std::fill(d, d + line, 0.0);
    std::fill(d + w.ns * line, d + (w.ns + 1) * line, 0.0);
    together(w.ns * w.nf > 200000, [&](const Member& member) {
        const auto [first, last] = member.share(1, w.ns);
        const ptrdiff_t from = first * line, to = last * line;
        if (from_zero) {
            std::fill(x + from, x + to, 0.0);
            std::fill(image + from, image + to, 0.0);
        } else {
            apply_lines(w, x, image, first, last);
        }
        std::copy(b + from, b + to, r + from);
        std::fill(d + from, d + to, 0.0);
        for (ptrdiff_t i = from; i < to; i += line)
            redirect_line(n, 0.0, 1 / theta, image + i, inverse + i, r + i, d + i);
        double rho = 1 / sigma;
        for (int step = 0; step < steps; ++step) {
            member.meet();
            for (ptrdiff_t i = from; i < to; i += line) advance_line(n, d + i, x + i);
            if (step + 1 == steps) break;
            apply_lines(w, d, image, first, last);
            const double next = 1 / (2 * sigma - rho);
            member.meet();
            for (ptrdiff_t i = from; i < to; i += line)
                redirect_line(n, next * rho, 2 * next / delta, image + i, inverse + i, r + i,
                              d + i);
            rho = next;
        }
    });
}

}  // namespace tellus
