// The stream-function operator A = C^T K C of the MAC grid with free-slip or no-slip walls.
//
// A collects the dissipation of two kinds of strain rate, each with its own weight:
//   cells  : d^2 psi / dx dy     (normal stress)
//   nodes  : psi_yy - psi_xx     (shear stress)
// psi = 0 on the walls and, as a ghost value, beyond them.
#pragma once

#include <algorithm>

#include "weights.hpp"

namespace tellus {

// Diagonal entry of A at the interior node (a, b); p = 1 / hf^2, q = 1 / hs^2.
inline double diagonal_entry(const Weights& w, ptrdiff_t a, ptrdiff_t b, double p, double q) {
    const double centre = 2 * (q - p);
    return w.C(a - 1, b - 1) + w.C(a - 1, b) + w.C(a, b - 1) + w.C(a, b) +
           centre * centre * w.S(a, b) + p * p * (w.S(a, b - 1) + w.S(a, b + 1)) +
           q * q * (w.S(a - 1, b) + w.S(a + 1, b));
}

// Write A into LAPACK lower band storage: ab[k * (kd + 1) + d] = A(k + d, k), kd = 2 (nf - 1).
// Every entry of the first `lines` lines is written, zeros too, column by column: one streaming
// pass over the buffer.
inline void assemble_bands(const Weights& w, ptrdiff_t lines, double* ab) {
    const ptrdiff_t m = w.nf - 1, kd = 2 * m, width = kd + 1;
    const double p = 1 / (w.hf * w.hf), q = 1 / (w.hs * w.hs), pq = p * q, centre = 2 * (q - p);
    for (ptrdiff_t a = 1; a <= lines; ++a) {
        for (ptrdiff_t b = 1; b <= m; ++b) {
            double* column = ab + ((a - 1) * m + b - 1) * width;
            std::fill(column, column + width, 0.0);
            column[0] = diagonal_entry(w, a, b, p, q);
            if (b < m)
                column[1] = centre * p * (w.S(a, b) + w.S(a, b + 1)) - w.C(a - 1, b) - w.C(a, b);
            if (b + 1 < m) column[2] = p * p * w.S(a, b + 1);
            if (a + 1 == w.ns) continue;
            // With two unknowns per line the diagonal neighbour falls on an offset already in
            // use, so these add instead of writing.
            if (b > 1) column[m - 1] += w.C(a, b - 1) - pq * (w.S(a, b - 1) + w.S(a + 1, b));
            column[m] += -centre * q * (w.S(a, b) + w.S(a + 1, b)) - w.C(a, b - 1) - w.C(a, b);
            if (b < m) column[m + 1] += w.C(a, b) - pq * (w.S(a, b + 1) + w.S(a + 1, b));
            if (a + 2 < w.ns) column[2 * m] += q * q * w.S(a + 1, b);
        }
    }
}

// Shear stress S (p psi_ff - q psi_ss) along one line of n + 1 nodes; `low` and `high` are the
// neighbouring lines.
TELLUS_CLONES inline void shear_line(ptrdiff_t n, double p, double q, const double* __restrict S,
                                     const double* __restrict low, const double* __restrict at,
                                     const double* __restrict high, double* __restrict out) {
    const double middle = 2 * (q - p);
    out[0] = S[0] * (p * at[1] + middle * at[0] - q * (low[0] + high[0]));
    for (ptrdiff_t b = 1; b < n; ++b)
        out[b] = S[b] * (p * (at[b - 1] + at[b + 1]) + middle * at[b] - q * (low[b] + high[b]));
    out[n] = S[n] * (p * at[n - 1] + middle * at[n] - q * (low[n] + high[n]));
}

// Normal stress C psi_sf along one line of n cells between the node lines `low` and `high`.
TELLUS_CLONES inline void normal_line(ptrdiff_t n, const double* __restrict C,
                                      const double* __restrict low, const double* __restrict high,
                                      double* __restrict out) {
    for (ptrdiff_t b = 0; b < n; ++b) out[b] = C[b] * (high[b + 1] - high[b] - low[b + 1] + low[b]);
}

// One line of A psi from three lines of shear stress and two of normal stress.
TELLUS_CLONES inline void product_line(ptrdiff_t n, double p, double q,
                                       const double* __restrict shear_low,
                                       const double* __restrict shear,
                                       const double* __restrict shear_high,
                                       const double* __restrict normal_low,
                                       const double* __restrict normal_high,
                                       double* __restrict out) {
    const double middle = 2 * (q - p);
    out[0] = 0;
    for (ptrdiff_t b = 1; b < n; ++b)
        out[b] = p * (shear[b - 1] + shear[b + 1]) + middle * shear[b] -
                 q * (shear_low[b] + shear_high[b]) +
                 ((normal_low[b - 1] - normal_low[b]) - (normal_high[b - 1] - normal_high[b]));
    out[n] = 0;
}

// Lines first .. last - 1 of out = A psi, walls excluded; psi and out are (ns + 1) x (nf + 1),
// contiguous. One walk through memory, with the stresses still needed in cache.
inline void apply_lines(const Weights& w, const double* psi, double* out, ptrdiff_t first,
                        ptrdiff_t last) {
    const ptrdiff_t line = w.nf + 1;
    const double p = 1 / (w.hf * w.hf), q = 1 / (w.hs * w.hs);
    std::vector<double> scratch(6 * line, 0.0);
    double *shear[3] = {&scratch[0], &scratch[line], &scratch[2 * line]},
           *normal[2] = {&scratch[3 * line], &scratch[4 * line]}, *beyond = &scratch[5 * line];
    const auto at = [&](ptrdiff_t a) { return a < 0 || a > w.ns ? beyond : psi + a * line; };
    const auto shear_at = [&](ptrdiff_t a, double* result) {
        shear_line(w.nf, p, q, &w.node[a * line], at(a - 1), at(a), at(a + 1), result);
    };
    const auto normal_at = [&](ptrdiff_t a, double* result) {
        normal_line(w.nf, &w.cell[a * w.nf], at(a), at(a + 1), result);
    };
    if (first >= last) return;
    shear_at(first - 1, shear[0]);
    shear_at(first, shear[1]);
    normal_at(first - 1, normal[0]);
    for (ptrdiff_t a = first; a < last; ++a) {
        shear_at(a + 1, shear[2]);
        normal_at(a, normal[1]);
        product_line(w.nf, p, q, shear[0], shear[1], shear[2], normal[0], normal[1],
                     out + a * line);
        std::rotate(shear, shear + 1, shear + 3);
        std::swap(normal[0], normal[1]);
    }
}

// out = A psi on interior nodes, 0 on walls.
inline void apply(const Weights& w, const double* psi, double* out) {
    const ptrdiff_t line = w.nf + 1;
    std::fill(out, out + line, 0.0);
    std::fill(out + w.ns * line, out + (w.ns + 1) * line, 0.0);
    together(w.ns * w.nf > 1000000, [&](const Member& member) {
        const auto [first, last] = member.share(1, w.ns);
        apply_lines(w, psi, out, first, last);
    });
}

// Sum of u^2 + v^2 over all faces of a stream function, (ns + 1) x (nf + 1).
TELLUS_CLONES inline double squared_velocity(ptrdiff_t ns, ptrdiff_t nf, double hs, double hf,
                                             const double* __restrict psi) {
    double along = 0, across = 0;
    for (ptrdiff_t a = 0; a <= ns; ++a) {
        const double* at = psi + a * (nf + 1);
#pragma omp simd reduction(+ : along)
        for (ptrdiff_t b = 0; b < nf; ++b) along += (at[b + 1] - at[b]) * (at[b + 1] - at[b]);
        if (a == ns) continue;
        const double* next = at + nf + 1;
#pragma omp simd reduction(+ : across)
        for (ptrdiff_t b = 0; b <= nf; ++b) across += (next[b] - at[b]) * (next[b] - at[b]);
    }
    return along / (hf * hf) + across / (hs * hs);
}

// The diagonal of A on interior nodes, 0 on walls; out is (ns + 1) x (nf + 1), contiguous.
inline void diagonal(const Weights& w, double* out) {
    const ptrdiff_t line = w.nf + 1;
    const double p = 1 / (w.hf * w.hf), q = 1 / (w.hs * w.hs);
    std::fill(out, out + w.node.size(), 0.0);
    for (ptrdiff_t a = 1; a < w.ns; ++a)
        for (ptrdiff_t b = 1; b < w.nf; ++b) out[a * line + b] = diagonal_entry(w, a, b, p, q);
}

}  // namespace tellus
