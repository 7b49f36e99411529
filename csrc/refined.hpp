// `refined`: conjugate gradients for A psi = b, preconditioned by the Galerkin solve between
// splines with Chebyshev steps before and after, kept over time steps. The same as solver/krylov.py
// and solver/splines, between free-slip walls, on boxes at least as wide as high.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "banded.hpp"
#include "chebyshev.hpp"
#include "psi_operator.hpp"
#include "reduced.hpp"
#include "transport.hpp"

namespace tellus {

using Field = std::vector<double>;

// The uniform cubic B-spline around zero.
inline double cubic_spline(double s) {
    const double t = std::fabs(s);
    if (t >= 2) return 0.0;
    if (t >= 1) return (2 - t) * (2 - t) * (2 - t) / 6;
    return (4 - 6 * t * t + 3 * t * t * t) / 6;
}

// Cubic splines that vanish with their second derivative on both walls, seen from a line of cells;
// see SplineBasis.
class SplineBasis {
  public:
    SplineBasis(ptrdiff_t cells, double h, ptrdiff_t factor) {
        const ptrdiff_t pieces = std::max<ptrdiff_t>(1, std::lrint(double(cells) / factor));
        const ptrdiff_t count = pieces - 1, line = cells + 3;  // a node beyond each wall
        Field values(count * line, 0.0), second(count * line, 0.0);
        ptrdiff_t width = 0;
        std::vector<ptrdiff_t> lowest(count), highest(count);
        for (ptrdiff_t k = 0; k < count; ++k) {
            double *v = &values[k * line + 1], *s = &second[k * line + 1];
            for (ptrdiff_t a = 1; a < cells; ++a) {
                const double at = a * (double(pieces) / cells), knot = k + 1;
                // Odd about both walls.
                v[a] = cubic_spline(at - knot);
                if (k == 0) v[a] -= cubic_spline(at + knot);
                if (k == count - 1) v[a] -= cubic_spline(2 * pieces - knot - at);
                if (std::fabs(v[a]) < 1e-15) v[a] = 0.0;
            }
            lowest[k] = cells;
            highest[k] = 0;
            for (ptrdiff_t a = 0; a <= cells; ++a) {
                s[a] = (v[a + 1] - 2 * v[a] + v[a - 1]) / (h * h);
                if (v[a] == 0.0 && s[a] == 0.0) continue;
                lowest[k] = std::min(lowest[k], a);
                highest[k] = a;
            }
            width = std::max(width, highest[k] - lowest[k] + 1);
        }
        for (ptrdiff_t k = 0; k < count; ++k) {
            first_.push_back(std::min(lowest[k], cells + 1 - width));
            for (ptrdiff_t a = first_[k]; a < first_[k] + width; ++a) {
                const double* v = &values[k * line + 1 + a];
                value_.push_back(v[0]);
                second_.push_back(second[k * line + 1 + a]);
                slope_.push_back(a < cells ? v[1] - v[0] : 0.0);
            }
        }
        width_ = width;
    }

    ptrdiff_t count() const { return ptrdiff_t(first_.size()); }
    Basis tables() const {
        return {count(), width_, first_.data(), value_.data(), second_.data(), slope_.data()};
    }

  private:
    ptrdiff_t width_;
    std::vector<ptrdiff_t> first_;
    Field value_, second_, slope_;
};

// Weights for products: rows of nodes slow.
inline Weights weights_of(const Box& box, const Field& viscosity) {
    const View eta{viscosity.data(), box.nx, 1};
    return {eta, eta, box.ny, box.nx, box.hy, box.hx, {false, false, false, false}};
}

// The same for factors: columns slow.
inline Weights turned_weights(const Box& box, const Field& viscosity) {
    const View eta{viscosity.data(), 1, box.nx};
    return {eta, eta, box.nx, box.ny, box.hx, box.hy, {false, false, false, false}};
}

inline ptrdiff_t fastest_factor(const Box& box) { return box.ny < 96 ? 2 : box.ny < 192 ? 3 : 4; }

// Nearly A^-1 at one viscosity, see SplinePreconditioner.
class SplinePreconditioner {
  public:
    explicit SplinePreconditioner(const Box& box)
        : box_(box),
          x_(box.nx, box.hx, fastest_factor(box)),
          y_(box.ny, box.hy, fastest_factor(box)),
          cholesky_(x_.count() * y_.count(), reach * (y_.count() + 1)),
          sums_((reach + 1) * terms * (box.ny + 1) * padded(x_.count())),
          c_(x_.count() * y_.count()),
          turned_(c_.size()),
          inverse_((box.ny + 1) * (box.nx + 1)),
          scratch_(3 * inverse_.size()),
          weights_(weights_of(box, Field(box.ny * box.nx, 1.0))) {}

    // False where the projection is not positive definite to rounding.
    bool factor(const Field& viscosity) {
        assemble_reduced(turned_weights(box_, viscosity), x_.tables(), y_.tables(), sums_.data(),
                         cholesky_.bands());
        weights_ = weights_of(box_, viscosity);
        diagonal(weights_, inverse_.data());
        for (double& entry : inverse_)
            if (entry != 0.0) entry = 1 / entry;
        return cholesky_.factor();
    }

    Field solve(const Field& b) {
        Field x(b.size()), image(b.size());
        smooth(b, true, x);
        apply(weights_, x.data(), image.data());
        for (size_t k = 0; k < b.size(); ++k) image[k] = b[k] - image[k];
        restrict_nodes(y_.tables(), x_.tables(), box_.nx + 1, image.data(), c_.data());
        turn(y_.count(), x_.count(), c_, turned_);
        cholesky_.solve(turned_.data());
        turn(x_.count(), y_.count(), turned_, c_);
        prolong_nodes(y_.tables(), x_.tables(), box_.nx + 1, c_.data(), x.data());
        smooth(b, false, x);
        return x;
    }

  private:
    static void turn(ptrdiff_t rows, ptrdiff_t columns, const Field& in, Field& out) {
        for (ptrdiff_t a = 0; a < rows; ++a)
            for (ptrdiff_t b = 0; b < columns; ++b) out[b * rows + a] = in[a * columns + b];
    }

    void smooth(const Field& b, bool from_zero, Field& x) {
        const double largest = std::fabs(box_.hx - box_.hy) <= 1e-12 * box_.hy ? 4.0 : 5.0;
        const size_t n = b.size();
        chebyshev(weights_, inverse_.data(), b.data(), largest / 30, largest, 6, from_zero,
                  x.data(), &scratch_[0], &scratch_[n], &scratch_[2 * n]);
    }

    Box box_;
    SplineBasis x_, y_;
    BandedCholesky cholesky_;
    Field sums_, c_, turned_, inverse_, scratch_;
    Weights weights_;
};

// psi at a model time.
struct PastFlow {
    double time;
    Field psi;
};

// The polynomial in time through all moments.
inline Field extrapolated(const std::vector<PastFlow>& moments, double time) {
    Field psi(moments.front().psi.size(), 0.0);
    for (size_t one = 0; one < moments.size(); ++one) {
        double weight = 1.0;
        for (size_t other = 0; other < moments.size(); ++other)
            if (other != one)
                weight *= (time - moments[other].time) / (moments[one].time - moments[other].time);
        add_scaled(ptrdiff_t(psi.size()), weight, moments[one].psi.data(), psi.data());
    }
    return psi;
}

// The last moment and those before it that are farther apart than a `part` of the step to `time`.
inline std::vector<PastFlow> well_apart(const std::vector<PastFlow>& moments, double time,
                                        double part, size_t most) {
    std::vector<PastFlow> kept{moments.back()};
    const double ahead = time - moments.back().time;
    for (auto moment = moments.rbegin() + 1; moment != moments.rend() && kept.size() < most;
         ++moment)
        if (kept.back().time - moment->time > part * ahead) kept.push_back(*moment);
    return kept;
}

// Keep psi, instead of any that is not earlier, and the last `most`.
inline void keep(std::vector<PastFlow>& moments, double time, const Field& psi, size_t most) {
    while (!moments.empty() && moments.back().time >= time) moments.pop_back();
    moments.push_back({time, psi});
    if (moments.size() > most) moments.erase(moments.begin());
}

inline double dot(const Field& a, const Field& b) {
    double sums[4] = {};
    size_t k = 0;
    for (; k + 3 < a.size(); k += 4)
        for (size_t s = 0; s < 4; ++s) sums[s] += a[k + s] * b[k + s];
    for (; k < a.size(); ++k) sums[0] += a[k] * b[k];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// The smallest eigenvalue of a symmetric tridiagonal matrix, by bisection with Sturm's counts.
inline double smallest_eigenvalue(const std::vector<double>& diagonal,
                                  const std::vector<double>& beside) {
    const size_t n = diagonal.size();
    double low = std::numeric_limits<double>::infinity(), high = low;
    for (size_t k = 0; k < n; ++k) {
        const double off =
            (k ? std::fabs(beside[k - 1]) : 0) + (k + 1 < n ? std::fabs(beside[k]) : 0);
        low = std::min(low, diagonal[k] - off);
        high = std::min(high, diagonal[k]);  // no smaller than the smallest eigenvalue
    }
    for (int halving = 0; halving < 200 && high - low > 1e-15 * std::fabs(high); ++halving) {
        const double middle = 0.5 * (low + high);
        double pivot = diagonal[0] - middle;
        bool below = pivot < 0;
        for (size_t k = 1; k < n && !below; ++k) {
            pivot = diagonal[k] - middle - beside[k - 1] * beside[k - 1] / pivot;
            below = pivot < 0;
        }
        (below ? high : low) = middle;
    }
    return 0.5 * (low + high);
}

// What a solver remembers between steps, but for the factor.
struct Memory {
    Field viscosity;  // that of the factor; none before the first
    bool tired = false;
    int fewest = 40, aged = 0;
    double lowest = 0.5;
    std::vector<PastFlow> flows;
};

class RefinedSolver {
  public:
    RefinedSolver(const Box& box, double tolerance)
        : tolerance(tolerance), box_(box), preconditioner_(box) {}

    double tolerance;
    int iterations = 0;
    bool made = false;  // whether the last solve made the preconditioner anew

    const Memory& memory() const { return memory_; }
    // Takes back a memory; the factor is made again where it is another one's.
    void restore(Memory memory) {
        if (memory.viscosity != memory_.viscosity) factored_ = false;
        memory_ = std::move(memory);
    }

    // psi of A(viscosity) psi = b; false where nothing finite comes out.
    bool solve(const Field& viscosity, const Field& b, double time, Field& psi) {
        const Weights A = weights_of(box_, viscosity);
        Field start(b.size(), 0.0);
        if (!memory_.flows.empty() && std::any_of(b.begin(), b.end(), [](double f) { return f; }))
            start = memory_.flows.back().time >= time
                        ? memory_.flows.back().psi
                        : extrapolated(well_apart(memory_.flows, time, 0.25, 3), time);
        Found found{start, 0, NAN, 1.0};
        if (!memory_.viscosity.empty() && !memory_.tired) {
            if (!factored_) factored_ = preconditioner_.factor(memory_.viscosity);
            if (factored_) found = conjugate_gradients(A, b, start, LIMIT + COST);
        }
        made = !(found.estimate <= tolerance);
        if (made) {
            const int before = found.iterations;
            factored_ = preconditioner_.factor(viscosity);
            memory_.viscosity = viscosity;
            memory_.lowest = 0.5;
            if (factored_) found = conjugate_gradients(A, b, start, MOST);
            found.iterations += before;
            if (!(found.estimate <= tolerance) && !directly(A, viscosity, b, start, found))
                return false;
        }
        for (const double value : found.psi)
            if (!std::isfinite(value)) return false;
        memory_.tired = !made && has_tired(found.iterations);
        if (made) memory_.fewest = MOST, memory_.aged = 0;
        keep(memory_.flows, time, found.psi, 3);
        iterations = found.iterations;
        psi = std::move(found.psi);
        return true;
    }

  private:
    static constexpr int LIMIT = 6, COST = 5, MOST = 40;

    struct Found {
        Field psi;
        int iterations;
        double estimate, lowest;
    };

    double speed(const Field& psi) const {
        return std::sqrt(squared_velocity(box_.ny, box_.nx, box_.hy, box_.hx, psi.data()));
    }

    Found conjugate_gradients(const Weights& A, const Field& b, const Field& start, int most) {
        const auto n = ptrdiff_t(b.size());
        Field psi = start, residual(b.size()), image(b.size());
        apply(A, psi.data(), image.data());
        for (ptrdiff_t k = 0; k < n; ++k) residual[k] = b[k] - image[k];
        Field correction = preconditioner_.solve(residual), direction = correction;
        double product = dot(residual, correction), lowest = memory_.lowest, estimate = 0;
        double last_step = 0, last_ratio = 0;
        std::vector<double> diagonal, beside;
        int iterations = 1;
        for (; iterations <= most; ++iterations) {
            const double scale = speed(psi), change = speed(correction);
            estimate = scale > 0 ? change / scale / lowest : change > 0 ? 1.0 : 0.0;
            if (estimate <= tolerance || !std::isfinite(estimate) || iterations == most) break;
            apply(A, direction.data(), image.data());
            const double step = product / dot(direction, image);
            add_scaled(n, step, direction.data(), psi.data());
            add_scaled(n, -step, image.data(), residual.data());
            correction = preconditioner_.solve(residual);
            const double before = product;
            product = dot(residual, correction);
            // Ritz values of the preconditioned operator (Saad 2003, section 6.7.3).
            if (iterations > 1) beside.push_back(std::sqrt(last_ratio) / last_step);
            diagonal.push_back(1 / step + (iterations > 1 ? last_ratio / last_step : 0.0));
            lowest = std::min(lowest, smallest_eigenvalue(diagonal, beside));
            last_step = step;
            last_ratio = product / before;
            for (ptrdiff_t k = 0; k < n; ++k)
                direction[k] = correction[k] + last_ratio * direction[k];
        }
        add_scaled(n, 1.0, correction.data(), psi.data());
        memory_.lowest = lowest;
        return {std::move(psi), iterations, estimate, lowest};
    }

    // With a Cholesky factor of A itself, where no iteration gets there.
    bool directly(const Weights& A, const Field& viscosity, const Field& b, const Field& start,
                  Found& found) {
        const ptrdiff_t inside = box_.ny - 1, line = box_.nx + 1;
        BandedCholesky cholesky((box_.nx - 1) * inside, 2 * inside);
        assemble_bands(turned_weights(box_, viscosity), box_.nx - 1, cholesky.bands());
        if (!cholesky.factor()) return false;
        Field image(b.size()), x((box_.nx - 1) * inside);
        apply(A, start.data(), image.data());
        const auto each = [&](auto&& act) {
            for (ptrdiff_t i = 1; i < box_.nx; ++i)
                for (ptrdiff_t j = 1; j < box_.ny; ++j)
                    act(x[(i - 1) * inside + j - 1], j * line + i);
        };
        each([&](double& entry, ptrdiff_t k) { entry = b[k] - image[k]; });
        cholesky.solve(x.data());
        found.psi = start;
        each([&](double& entry, ptrdiff_t k) { found.psi[k] += entry; });
        ++found.iterations;
        return true;
    }

    bool has_tired(int taken) {
        memory_.fewest = std::min(memory_.fewest, taken);
        memory_.aged += taken - memory_.fewest;
        return taken > LIMIT || memory_.aged >= COST;
    }

    Box box_;
    SplinePreconditioner preconditioner_;
    Memory memory_;
    bool factored_ = false;
};

}  // namespace tellus
