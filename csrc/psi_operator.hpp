// The stream-function operator A = C^T K C of the MAC grid with free-slip or no-slip walls.
//
// A collects the dissipation of two kinds of strain rate, each with its own viscosity:
//   cells  : d^2 psi / dx dy,            weight 4 eta / (hx hy)           (normal stress)
//   nodes  : psi_yy - psi_xx,            weight eta_node hx hy            (shear stress)
// The node viscosity is the geometric mean of the four cells; on free-slip walls the shear
// stress vanishes, so wall nodes have weight zero. On no-slip walls the velocity goes to zero
// over half a cell: the shear rate is 2 psi_1 / h^2, and acts on half a cell. psi = 0 on the
// walls and is not stored.
//
// Kernels know arrays and scalars only. "slow" and "fast" are the two directions in the order
// in which unknowns are numbered: the fast one is the short side of the box.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tellus {

using std::ptrdiff_t;

// Waking a second thread pays only from about this many numbers on.
constexpr ptrdiff_t worth_a_team = 4000000;

// A read-only 2-D view with arbitrary strides (in elements).
template <class Real>
struct View {
    const Real* data;
    ptrdiff_t stride_slow, stride_fast;
    Real operator()(ptrdiff_t a, ptrdiff_t b) const {
        return data[a * stride_slow + b * stride_fast];
    }
};

// Which walls hold the fluid fast.
struct NoSlip {
    bool slow_low, slow_high, fast_low, fast_high;
};

// Weights of both strain rates, contiguous along the fast direction.
template <class Real>
struct Weights {
    ptrdiff_t ns, nf;        // cells along slow and fast
    std::vector<Real> cell;  // ns x nf
    std::vector<Real> node;  // (ns + 1) x (nf + 1)

    Weights(View<Real> eta, ptrdiff_t ns_, ptrdiff_t nf_, Real hs, Real hf, NoSlip walls)
        : ns(ns_), nf(nf_), cell(ns_ * nf_), node((ns_ + 1) * (nf_ + 1), Real(0)) {
        const Real per_cell = 4 / (hs * hf), area = hs * hf;
        const ptrdiff_t line = nf + 1;
#pragma omp parallel for schedule(static) if (ns * nf > worth_a_team)
        for (ptrdiff_t a = 0; a < ns; ++a) {
            for (ptrdiff_t b = 0; b < nf; ++b) cell[a * nf + b] = per_cell * eta(a, b);
            if (a == 0) continue;
            for (ptrdiff_t b = 1; b < nf; ++b) {
                const Real before = eta(a - 1, b - 1) * eta(a - 1, b);
                const Real after = eta(a, b - 1) * eta(a, b);
                node[a * line + b] = area * std::sqrt(std::sqrt(before) * std::sqrt(after));
            }
            // (2 psi_1 / h^2)^2 over half a cell is psi_1^2 / h^4 with twice the weight.
            if (walls.fast_low) node[a * line] = 2 * area * std::sqrt(eta(a - 1, 0) * eta(a, 0));
            if (walls.fast_high)
                node[a * line + nf] = 2 * area * std::sqrt(eta(a - 1, nf - 1) * eta(a, nf - 1));
        }
        for (ptrdiff_t b = 1; b < nf; ++b) {
            if (walls.slow_low) node[b] = 2 * area * std::sqrt(eta(0, b - 1) * eta(0, b));
            if (walls.slow_high)
                node[ns * line + b] = 2 * area * std::sqrt(eta(ns - 1, b - 1) * eta(ns - 1, b));
        }
    }
    Real C(ptrdiff_t a, ptrdiff_t b) const { return cell[a * nf + b]; }
    Real S(ptrdiff_t a, ptrdiff_t b) const { return node[a * (nf + 1) + b]; }
};

// Diagonal entry of A at the interior node (a, b).
template <class Real>
inline Real diagonal_entry(const Weights<Real>& w, ptrdiff_t a, ptrdiff_t b, Real p, Real q) {
    const Real centre = 2 * (q - p);
    return w.C(a - 1, b - 1) + w.C(a - 1, b) + w.C(a, b - 1) + w.C(a, b) +
           centre * centre * w.S(a, b) + p * p * (w.S(a, b - 1) + w.S(a, b + 1)) +
           q * q * (w.S(a - 1, b) + w.S(a + 1, b));
}

// Write A into LAPACK lower band storage: ab[k * (kd + 1) + d] = A(k + d, k), kd = 2 (nf - 1).
// Every entry is written, zeros too, column by column: one streaming pass over the buffer.
template <class Real>
void assemble_bands(const Weights<Real>& w, Real hs, Real hf, Real* ab) {
    const ptrdiff_t m = w.nf - 1, kd = 2 * m, width = kd + 1;
    const Real p = 1 / (hf * hf), q = 1 / (hs * hs), pq = p * q, centre = 2 * (q - p);
#pragma omp parallel for schedule(static) if (w.ns * m * width > worth_a_team)
    for (ptrdiff_t a = 1; a < w.ns; ++a) {
        for (ptrdiff_t b = 1; b <= m; ++b) {
            Real* column = ab + ((a - 1) * m + b - 1) * width;
            std::fill(column, column + width, Real(0));
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

// out = A psi on interior nodes, 0 on walls; psi and out are (ns + 1) x (nf + 1), contiguous.
template <class Real>
void apply(const Weights<Real>& w, Real hs, Real hf, const Real* psi, Real* out) {
    const ptrdiff_t line = w.nf + 1;
    const Real p = 1 / (hf * hf), q = 1 / (hs * hs);
    std::vector<Real> shear(w.node.size(), Real(0));
#pragma omp parallel if (w.ns * w.nf > worth_a_team)
    {
#pragma omp for schedule(static)
        for (ptrdiff_t a = 0; a <= w.ns; ++a)
            for (ptrdiff_t b = 0; b <= w.nf; ++b) {
                // psi vanishes on the walls and, as a ghost value, beyond them.
                const Real* at = psi + a * line + b;
                const Real here = at[0];
                const Real f = (b < w.nf ? at[1] : 0) - 2 * here + (b > 0 ? at[-1] : 0);
                const Real s = (a < w.ns ? at[line] : 0) - 2 * here + (a > 0 ? at[-line] : 0);
                shear[a * line + b] = w.S(a, b) * (p * f - q * s);
            }
        const auto normal = [&](ptrdiff_t a, ptrdiff_t b) {
            const Real* at = psi + a * line + b;
            return w.C(a, b) * (at[line + 1] - at[line] - at[1] + at[0]);
        };
#pragma omp for schedule(static)
        for (ptrdiff_t a = 0; a <= w.ns; ++a)
            for (ptrdiff_t b = 0; b <= w.nf; ++b) {
                Real& result = out[a * line + b];
                if (a == 0 || a == w.ns || b == 0 || b == w.nf) {
                    result = 0;
                    continue;
                }
                const Real* at = shear.data() + a * line + b;
                result = p * (at[1] - 2 * at[0] + at[-1]) - q * (at[line] - 2 * at[0] + at[-line]) +
                         normal(a - 1, b - 1) - normal(a - 1, b) - normal(a, b - 1) + normal(a, b);
            }
    }
}

// The diagonal of A on interior nodes, 0 on walls; out is (ns + 1) x (nf + 1), contiguous.
template <class Real>
void diagonal(const Weights<Real>& w, Real hs, Real hf, Real* out) {
    const ptrdiff_t line = w.nf + 1;
    const Real p = 1 / (hf * hf), q = 1 / (hs * hs);
    std::fill(out, out + w.node.size(), Real(0));
#pragma omp parallel for schedule(static) if (w.ns * w.nf > worth_a_team)
    for (ptrdiff_t a = 1; a < w.ns; ++a)
        for (ptrdiff_t b = 1; b < w.nf; ++b) out[a * line + b] = diagonal_entry(w, a, b, p, q);
}

}  // namespace tellus
