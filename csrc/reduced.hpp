// The stream-function operator projected onto tensor-product splines, P^T A P, in band storage.
//
// A is never formed. With psi = sum c_kl X_k(x) Y_l(y) both strain rates are sums of products of
// one-dimensional factors, so the quadratic form is summed along the slow direction first, for
// every pair of slow functions that overlap, then along the fast one (sum factorisation).
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "weights.hpp"

namespace tellus {

// The spline functions of one direction: function k lives on the nodes first[k] .. first[k] +
// width - 1, where `value` and `second` (its second difference over h^2) hold its values, and
// `slope` its differences over the cells to the right of them; rows of `width`, padded with zeros.
struct Basis {
    ptrdiff_t count, width;
    const ptrdiff_t* first;
    const double *value, *second, *slope;
};

// Second differences reach one node beyond a cubic spline's four intervals, so functions four
// apart still meet at a knot.
constexpr ptrdiff_t reach = 4;
constexpr ptrdiff_t terms = 5;   // products of values and second differences, and of slopes
constexpr ptrdiff_t lanes = 32;  // slow functions taken together

// Sums along the slow direction of the weights of every line with the products of functions k
// and k2: lines[t * (nf + 1) + b].
TELLUS_CLONES inline void contract_slow(const Weights& w, const Basis& s, ptrdiff_t k, ptrdiff_t k2,
                                        double* __restrict lines) {
    const ptrdiff_t line = w.nf + 1, from = s.first[k2], to = s.first[k] + s.width;
    std::fill(lines, lines + terms * line, 0.0);
    double *vv = lines, *vs = vv + line, *sv = vs + line, *ss = sv + line, *cc = ss + line;
    for (ptrdiff_t a = from; a < to; ++a) {
        const ptrdiff_t i = k * s.width + a - s.first[k], j = k2 * s.width + a - s.first[k2];
        const double c0 = s.value[i] * s.value[j], c1 = s.value[i] * s.second[j],
                     c2 = s.second[i] * s.value[j], c3 = s.second[i] * s.second[j];
        const double* S = &w.node[a * line];
        for (ptrdiff_t b = 0; b < line; ++b) {
            vv[b] += c0 * S[b];
            vs[b] += c1 * S[b];
            sv[b] += c2 * S[b];
            ss[b] += c3 * S[b];
        }
        if (a == w.ns) continue;
        const double c4 = s.slope[i] * s.slope[j];
        const double* C = &w.cell[a * w.nf];
        for (ptrdiff_t b = 0; b < w.nf; ++b) cc[b] += c4 * C[b];
    }
}

// out[i] = sum over n of x[n] * y[n * stride + i], for a block of lanes.
TELLUS_CLONES inline void contract_fast(ptrdiff_t n, const double* __restrict x,
                                        const double* __restrict y, ptrdiff_t stride,
                                        double* __restrict out) {
    double sum[lanes] = {};
    for (ptrdiff_t i = 0; i < n; ++i)
        for (ptrdiff_t v = 0; v < lanes; ++v) sum[v] += x[i] * y[i * stride + v];
    for (ptrdiff_t v = 0; v < lanes; ++v) out[v] = sum[v];
}

// The products of functions l and m of the fast direction on the lines where both live, term by
// term as in contract_slow: (X Y'' - X'' Y)(x y'' - x'' y), and the slopes.
struct FastPair {
    ptrdiff_t from, count;
    std::vector<double> products;

    FastPair(const Basis& f, ptrdiff_t l, ptrdiff_t m)
        : from(std::max(f.first[l], f.first[m])),
          count(std::max<ptrdiff_t>(0, std::min(f.first[l], f.first[m]) + f.width - from)),
          products(terms * count) {
        for (ptrdiff_t b = 0; b < count; ++b) {
            const ptrdiff_t i = l * f.width + from + b - f.first[l];
            const ptrdiff_t j = m * f.width + from + b - f.first[m];
            double* out = &products[b * terms];
            out[0] = f.second[i] * f.second[j];
            out[1] = -f.second[i] * f.value[j];
            out[2] = -f.value[i] * f.second[j];
            out[3] = f.value[i] * f.value[j];
            out[4] = f.slope[i] * f.slope[j];
        }
    }
};

// y += a x.
TELLUS_CLONES inline void add_scaled(ptrdiff_t n, double a, const double* __restrict x,
                                     double* __restrict y) {
    for (ptrdiff_t i = 0; i < n; ++i) y[i] += a * x[i];
}

// c = P^T nodes; nodes have one row per node of the slow direction, c one per slow function.
inline void restrict_nodes(const Basis& slow, const Basis& fast, ptrdiff_t line,
                           const double* nodes, double* c) {
    std::vector<double> sum(line);
    for (ptrdiff_t k = 0; k < slow.count; ++k) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (ptrdiff_t i = 0; i < slow.width; ++i)
            add_scaled(line, slow.value[k * slow.width + i], nodes + (slow.first[k] + i) * line,
                       sum.data());
        for (ptrdiff_t l = 0; l < fast.count; ++l) {
            double entry = 0;
            for (ptrdiff_t i = 0; i < fast.width; ++i)
                entry += fast.value[l * fast.width + i] * sum[fast.first[l] + i];
            c[k * fast.count + l] = entry;
        }
    }
}

// nodes += P c, of the same shapes.
inline void prolong_nodes(const Basis& slow, const Basis& fast, ptrdiff_t line, const double* c,
                          double* nodes) {
    std::vector<double> sum(line);
    for (ptrdiff_t k = 0; k < slow.count; ++k) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (ptrdiff_t l = 0; l < fast.count; ++l)
            add_scaled(fast.width, c[k * fast.count + l], fast.value + l * fast.width,
                       sum.data() + fast.first[l]);
        for (ptrdiff_t i = 0; i < slow.width; ++i)
            add_scaled(line, slow.value[k * slow.width + i], sum.data(),
                       nodes + (slow.first[k] + i) * line);
    }
}

// Slow functions, rounded up to whole blocks of lanes.
inline ptrdiff_t padded(ptrdiff_t count) { return (count + lanes - 1) / lanes * lanes; }

// Write P^T A P into LAPACK lower band storage, unknown (k, l) at k * fast.count + l, with the
// half-bandwidth kd = reach * (fast.count + 1). `sums` has room for (reach + 1) * terms * (nf + 1)
// * padded(slow.count) numbers, the slow function last.
inline void assemble_reduced(const Weights& w, const Basis& slow, const Basis& fast, double* sums,
                             double* ab) {
    const ptrdiff_t nk = slow.count, nl = fast.count, line = w.nf + 1, stride = padded(nk);
    const ptrdiff_t kd = reach * (nl + 1), width = kd + 1;
    // Functions at the ends have fewer partners, so each thread takes the next one when it is free.
    std::atomic<ptrdiff_t> next{0};
    together(w.ns * w.nf > 100000, [&](const Member& member) {
        std::vector<double> lines(8 * terms * line);
        // Eight at a time, so that whole cache lines are written.
        const ptrdiff_t groups = stride / 8;
        const auto [first, last] = member.share(0, (reach + 1) * groups);
        for (ptrdiff_t group = first; group < last; ++group) {
            const ptrdiff_t d = group / groups, k0 = group % groups * 8;
            for (ptrdiff_t v = 0; v < 8; ++v) {
                double* block = &lines[v * terms * line];
                if (k0 + v + d < nk && slow.first[k0 + v + d] < slow.first[k0 + v] + slow.width)
                    contract_slow(w, slow, k0 + v, k0 + v + d, block);
                else
                    std::fill(block, block + terms * line, 0.0);
            }
            for (ptrdiff_t b = 0; b < line; ++b)
                for (ptrdiff_t t = 0; t < terms; ++t)
                    for (ptrdiff_t v = 0; v < 8; ++v)
                        sums[((d * line + b) * terms + t) * stride + k0 + v] =
                            lines[(v * terms + t) * line + b];
        }
        member.meet();
        for (ptrdiff_t l = next++; l < nl; l = next++) {
            for (ptrdiff_t k = 0; k < nk; ++k) std::fill_n(ab + (k * nl + l) * width, width, 0.0);
            std::vector<FastPair> pairs;
            const ptrdiff_t lowest = std::max<ptrdiff_t>(0, l - reach);
            const ptrdiff_t highest = std::min(nl - 1, l + reach);
            for (ptrdiff_t m = lowest; m <= highest; ++m) pairs.emplace_back(fast, l, m);
            for (ptrdiff_t d = 0; d <= reach; ++d)
                for (ptrdiff_t k0 = 0; k0 < nk; k0 += lanes)
                    for (ptrdiff_t m = d == 0 ? l : lowest; m <= highest; ++m) {
                        const FastPair& pair = pairs[m - lowest];
                        double entries[lanes];
                        contract_fast(terms * pair.count, pair.products.data(),
                                      sums + (d * line + pair.from) * terms * stride + k0, stride,
                                      entries);
                        for (ptrdiff_t v = 0; v < std::min(lanes, nk - d - k0); ++v)
                            ab[((k0 + v) * nl + l) * width + d * nl + m - l] = entries[v];
                    }
        }
    });
}

}  // namespace tellus
