// High-order transport of cell means: the explicit step of solver/transport, and of its kernels.
//
// MP5 (Suresh and Huynh 1997) carries T through the faces, the gradient of the cubic through four
// cells conducts it, Runge-Kutta of third order (Shu and Osher 1988) goes on in time, and fluxes
// are limited (Zalesak 1979) where T would leave its bounds. Arrays are (ny, nx) at cells,
// contiguous.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "weights.hpp"

namespace tellus {

struct Box {
    ptrdiff_t ny, nx;
    double hy, hx;
};

// Heat through the faces: along x, (ny, nx + 1), and along y, (ny + 1, nx).
struct Fluxes {
    std::vector<double> along_x, along_y;
    explicit Fluxes(const Box& box)
        : along_x(box.ny * (box.nx + 1), 0.0), along_y((box.ny + 1) * box.nx, 0.0) {}
    void add(double weight, const Fluxes& more) {
        for (size_t k = 0; k < along_x.size(); ++k) along_x[k] += weight * more.along_x[k];
        for (size_t k = 0; k < along_y.size(); ++k) along_y[k] += weight * more.along_y[k];
    }
};

// A velocity at the faces, of the same shapes.
struct Velocity {
    std::vector<double> u, v;
};

// u = d psi / dy, v = -d psi / dx of psi at the nodes.
inline Velocity velocity(const Box& box, const std::vector<double>& psi) {
    const ptrdiff_t ny = box.ny, nx = box.nx, line = nx + 1;
    Velocity found{std::vector<double>(ny * line), std::vector<double>((ny + 1) * nx)};
    for (ptrdiff_t k = 0; k < ny * line; ++k) found.u[k] = (psi[k + line] - psi[k]) / box.hy;
    for (ptrdiff_t j = 0; j <= ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i)
            found.v[j * nx + i] = (psi[j * line + i + 1] - psi[j * line + i]) / -box.hx;
    return found;
}

// Of each wall, left, right, bottom and top: two cells beyond it, the nearer first, and the slope
// at it, of what holds there and of the four cells next to it.
using WallWeights = std::array<std::array<std::array<double, 5>, 3>, 4>;
// What holds there: T, or the slope inwards and per cell.
using Conditions = std::array<double, 4>;

constexpr std::array<std::array<double, 5>, 3> AT_TEMPERATURE = {
    {{5.0, -77.0 / 12, 43.0 / 12, -17.0 / 12, 1.0 / 4},
     {25.0, -505.0 / 12, 335.0 / 12, -145.0 / 12, 9.0 / 4},
     {-25.0 / 6, 415.0 / 72, -161.0 / 72, 55.0 / 72, -1.0 / 8}}};
constexpr std::array<std::array<double, 5>, 3> AT_SLOPE = {
    {{-6.0 / 5, 1.0 / 2, 9.0 / 10, -1.0 / 2, 1.0 / 10},
     {-6.0, -15.0 / 2, 29.0 / 2, -15.0 / 2, 3.0 / 2},
     {1.0, 0.0, 0.0, 0.0, 0.0}}};

// Minmod.
inline double smaller(double a, double b) {
    return a > 0.0 ? std::max(std::min(a, b), 0.0) : std::min(std::max(a, b), 0.0);
}

constexpr double ALPHA = 4.0, TINY = 1e-12, CROSS = 1.0 / 96.0;

// `face` within MP5's bounds; cells from far upwind, a, to downwind, e.
inline double bounded(double face, double a, double b, double c, double d, double e) {
    const double before = a - 2 * b + c, here = b - 2 * c + d, after = c - 2 * d + e;
    const auto curvature = [here](double beyond) {
        return smaller(smaller(4 * here - beyond, 4 * beyond - here), smaller(here, beyond));
    };
    const double upper = c + ALPHA * (c - b), median = 0.5 * (c + d) - 0.5 * curvature(after);
    const double large = c + 0.5 * (c - b) + 4.0 / 3.0 * curvature(before);
    const double least = std::max(std::min({c, d, median}), std::min({c, upper, large}));
    const double most = std::min(std::max({c, d, median}), std::max({c, upper, large}));
    return face + smaller(least - face, most - face);
}

// T and two cells beyond each wall into `padded`, (ny + 4, nx + 4); corners stay as they are.
inline void pad(const Box& box, const double* T, const WallWeights& walls,
                const Conditions& condition, double* padded) {
    const ptrdiff_t ny = box.ny, nx = box.nx, line = nx + 4;
    for (ptrdiff_t j = 0; j < ny; ++j)
        std::copy(T + j * nx, T + (j + 1) * nx, padded + (j + 2) * line + 2);
    const auto beyond = [&](int wall, int ghost, const double* cell, ptrdiff_t inwards) {
        const auto& w = walls[wall][ghost];
        return w[0] * condition[wall] + w[1] * cell[0] + w[2] * cell[inwards] +
               w[3] * cell[2 * inwards] + w[4] * cell[3 * inwards];
    };
    for (int ghost = 0; ghost < 2; ++ghost) {
        for (ptrdiff_t j = 0; j < ny; ++j) {
            const double* row = T + j * nx;
            double* out = padded + (j + 2) * line;
            out[1 - ghost] = beyond(0, ghost, row, 1);
            out[nx + 2 + ghost] = beyond(1, ghost, row + nx - 1, -1);
        }
        for (ptrdiff_t i = 0; i < nx; ++i) {
            padded[(1 - ghost) * line + i + 2] = beyond(2, ghost, T + i, nx);
            padded[(ny + 2 + ghost) * line + i + 2] = beyond(3, ghost, T + (ny - 1) * nx + i, -nx);
        }
    }
}

// Advection and conduction through `count` faces of one line. The cells upwind and downwind of face
// k are cells[k + (-2 .. 3) * along]; their neighbours on both sides across, cells[k +- across];
// `slope` is twice the difference of the speed along the face.
TELLUS_CLONES inline void flux_line(ptrdiff_t count, const double* cells, ptrdiff_t along,
                                    ptrdiff_t across, const double* __restrict speed,
                                    const double* __restrict slope, double per_h,
                                    double* __restrict off, double* __restrict out) {
    const double *t0 = cells - 2 * along, *t1 = cells - along, *t2 = cells, *t3 = cells + along,
                 *t4 = cells + 2 * along, *t5 = cells + 3 * along;
    for (ptrdiff_t k = 0; k < count; ++k) {
        const bool forward = speed[k] > 0.0;
        const double a = forward ? t0[k] : t5[k], b = forward ? t1[k] : t4[k],
                     c = forward ? t2[k] : t3[k], d = forward ? t3[k] : t2[k],
                     e = forward ? t4[k] : t1[k];
        const double step =
            (2 * (a - c) - 13 * (b - c) + 27 * (d - c) - 3 * (e - c)) * (1.0 / 60.0);
        off[k] = step * (step - smaller(d - c, ALPHA * (c - b)));
        const double beside = t2[k + across] - t2[k - across] + t3[k + across] - t3[k - across];
        const double gradient = 15 * (t3[k] - t2[k]) - (t4[k] - t1[k]);
        out[k] = slope[k] * beside * CROSS - gradient * per_h + speed[k] * (c + step);
    }
    for (ptrdiff_t k = 0; k < count; ++k) {
        if (off[k] <= TINY) continue;
        const bool forward = speed[k] > 0.0;
        const double a = forward ? t0[k] : t5[k], b = forward ? t1[k] : t4[k],
                     c = forward ? t2[k] : t3[k], d = forward ? t3[k] : t2[k],
                     e = forward ? t4[k] : t1[k];
        const double face =
            c + (2 * (a - c) - 13 * (b - c) + 27 * (d - c) - 3 * (e - c)) * (1.0 / 60.0);
        out[k] += speed[k] * (bounded(face, a, b, c, d, e) - face);
    }
}

// All heat through the faces, of T and what holds on the walls; `padded` is scratch.
inline void fluxes(const Box& box, const double* T, const WallWeights& walls,
                   const Conditions& condition, const Velocity& flow, std::vector<double>& padded,
                   Fluxes& out) {
    const ptrdiff_t ny = box.ny, nx = box.nx, line = nx + 4;
    padded.resize((ny + 4) * line);
    pad(box, T, walls, condition, padded.data());
    std::vector<double> slope(nx + 1), off(nx + 1);
    const double per_x = 1 / (12 * box.hx), per_y = 1 / (12 * box.hy);
    for (ptrdiff_t j = 0; j < ny; ++j) {
        const double *u = &flow.u[j * (nx + 1)], *up = u + nx + 1, *down = u - nx - 1;
        for (ptrdiff_t i = 1; i < nx; ++i)
            slope[i] = j == 0        ? 4 * up[i] - 3 * u[i] - up[nx + 1 + i]
                       : j == ny - 1 ? 3 * u[i] - 4 * down[i] + down[i - nx - 1]
                                     : up[i] - down[i];
        flux_line(nx - 1, &padded[(j + 2) * line + 2], 1, line, u + 1, &slope[1], per_x, off.data(),
                  &out.along_x[j * (nx + 1) + 1]);
    }
    for (ptrdiff_t j = 1; j < ny; ++j) {
        const double* v = &flow.v[j * nx];
        for (ptrdiff_t i = 1; i < nx - 1; ++i) slope[i] = v[i + 1] - v[i - 1];
        slope[0] = 4 * v[1] - 3 * v[0] - v[2];
        slope[nx - 1] = 3 * v[nx - 1] - 4 * v[nx - 2] + v[nx - 3];
        flux_line(nx, &padded[(j + 1) * line + 2], line, 1, v, slope.data(), per_y, off.data(),
                  &out.along_y[j * nx]);
    }
    const auto inwards = [&](int wall, const double* cell, ptrdiff_t in) {
        const auto& w = walls[wall][2];
        return w[0] * condition[wall] + w[1] * cell[0] + w[2] * cell[in] + w[3] * cell[2 * in] +
               w[4] * cell[3 * in];
    };
    for (ptrdiff_t j = 0; j < ny; ++j) {
        out.along_x[j * (nx + 1)] = -inwards(0, T + j * nx, 1) / box.hx;
        out.along_x[j * (nx + 1) + nx] = inwards(1, T + (j + 1) * nx - 1, -1) / box.hx;
    }
    for (ptrdiff_t i = 0; i < nx; ++i) {
        out.along_y[i] = -inwards(2, T + i, nx) / box.hy;
        out.along_y[ny * nx + i] = inwards(3, T + (ny - 1) * nx + i, -nx) / box.hy;
    }
}

// start + share (T + dt (source - div flux) - start), into `out`, which may be T.
TELLUS_CLONES inline void advance(const Box& box, const double* start, const double* T,
                                  const Fluxes& flux, double source, double dt, double share,
                                  double* out) {
    for (ptrdiff_t j = 0; j < box.ny; ++j) {
        const double *x = &flux.along_x[j * (box.nx + 1)], *y = &flux.along_y[j * box.nx];
        for (ptrdiff_t i = 0; i < box.nx; ++i) {
            const ptrdiff_t k = j * box.nx + i;
            double rate = source;
            rate += (x[i] - x[i + 1]) / box.hx;
            rate += (y[i] - y[i + box.nx]) / box.hy;
            const double stage = T[k] + dt * rate;
            out[k] = start[k] + share * (stage - start[k]);
        }
    }
}

// First-order upwind advection, and conduction of second order between walls of given T, bottom and
// top, and insulating sides.
inline void low_fluxes(const Box& box, const double* T, const Velocity& flow, double bottom,
                       double top, Fluxes& out) {
    const ptrdiff_t ny = box.ny, nx = box.nx;
    for (ptrdiff_t j = 0; j < ny; ++j)
        for (ptrdiff_t i = 1; i < nx; ++i) {
            const double* at = T + j * nx + i;
            const double u = flow.u[j * (nx + 1) + i];
            out.along_x[j * (nx + 1) + i] = u * at[u > 0.0 ? -1 : 0] + (at[-1] - at[0]) / box.hx;
        }
    for (ptrdiff_t i = 0; i < nx; ++i) {
        out.along_y[i] = 2 * (bottom - T[i]) / box.hy;
        out.along_y[ny * nx + i] = -2 * (top - T[(ny - 1) * nx + i]) / box.hy;
    }
    for (ptrdiff_t j = 1; j < ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i) {
            const double* at = T + j * nx + i;
            const double v = flow.v[j * nx + i];
            out.along_y[j * nx + i] = v * at[v > 0.0 ? -nx : 0] + (at[-nx] - at[0]) / box.hy;
        }
}

// Bring fluxes as near to the low ones as it takes to keep T between bounds; `monotone` is T after
// a step with the low ones, within them.
inline void limit(const Box& box, const double* monotone, const Fluxes& low, double dt,
                  double lowest, double highest, Fluxes& flux) {
    const ptrdiff_t ny = box.ny, nx = box.nx, line = nx + 2;
    std::vector<double> gain((ny + 2) * line, 1.0), loss((ny + 2) * line, 1.0);
    const auto& x = flux.along_x;
    const auto& y = flux.along_y;
    for (ptrdiff_t j = 0; j < ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i) {
            const ptrdiff_t a = j * (nx + 1) + i, b = j * nx + i, cell = (j + 1) * line + i + 1;
            double up = 0.0, down = 0.0;
            for (const double part :
                 {(x[a] - low.along_x[a]) / box.hx, (low.along_x[a + 1] - x[a + 1]) / box.hx,
                  (y[b] - low.along_y[b]) / box.hy, (low.along_y[b + nx] - y[b + nx]) / box.hy})
                (part > 0.0 ? up : down) += dt * std::fabs(part);
            const double above = std::max(highest - monotone[b], 0.0);
            const double below = std::max(monotone[b] - lowest, 0.0);
            if (up > above) gain[cell] = above / up;
            if (down > below) loss[cell] = below / down;
        }
    const auto between = [&](double more, ptrdiff_t before, ptrdiff_t after) {
        return more * (more > 0.0 ? std::min(loss[before], gain[after])
                                  : std::min(gain[before], loss[after]));
    };
    for (ptrdiff_t j = 0; j < ny; ++j)
        for (ptrdiff_t i = 0; i <= nx; ++i) {
            const ptrdiff_t k = j * (nx + 1) + i, cell = (j + 1) * line + i;
            const double more = flux.along_x[k] - low.along_x[k];
            flux.along_x[k] = low.along_x[k] + between(more, cell, cell + 1);
        }
    for (ptrdiff_t j = 0; j <= ny; ++j)
        for (ptrdiff_t i = 0; i < nx; ++i) {
            const ptrdiff_t k = j * nx + i, cell = j * line + i + 1;
            const double more = flux.along_y[k] - low.along_y[k];
            flux.along_y[k] = low.along_y[k] + between(more, cell, cell + line);
        }
}

// max |u| / hx + |v| / hy over cells, the larger face in each direction.
inline double advection_rate(const Box& box, const Velocity& flow) {
    double fastest = 0.0;
    for (ptrdiff_t j = 0; j < box.ny; ++j)
        for (ptrdiff_t i = 0; i < box.nx; ++i) {
            const double* u = &flow.u[j * (box.nx + 1) + i];
            const double* v = &flow.v[j * box.nx + i];
            const double across = std::max(std::fabs(u[0]), std::fabs(u[1])) / box.hx;
            const double along = std::max(std::fabs(v[0]), std::fabs(v[box.nx])) / box.hy;
            fastest = std::max(fastest, across + along);
        }
    return fastest;
}

// T after a step, between T = `bottom` below, `top` above and insulating sides, and the mean heat
// that went in below and out above.
struct Transported {
    std::vector<double> temperature;
    double heat_in, heat_out;
};

struct Transport {
    Box box;
    double bottom = 1.0, top = 0.0;

    // With the velocities of its start, its end and its middle, of which `mean` is the mean.
    Transported step(const std::vector<double>& start, const std::array<const Velocity*, 3>& stages,
                     const Velocity& mean, double source, double dt, double lowest, double highest,
                     const Fluxes* added) const {
        constexpr double share[] = {1.0, 1.0 / 4, 2.0 / 3}, weight[] = {1.0 / 6, 1.0 / 6, 2.0 / 3};
        const WallWeights walls = {AT_SLOPE, AT_SLOPE, AT_TEMPERATURE, AT_TEMPERATURE};
        const Conditions condition = {0.0, 0.0, bottom, top};
        std::vector<double> now = start, padded;
        Fluxes total(box), found(box);
        for (int k = 0; k < 3; ++k) {
            fluxes(box, now.data(), walls, condition, *stages[k], padded, found);
            if (added) found.add(1.0, *added);
            advance(box, start.data(), now.data(), found, source, dt, share[k], now.data());
            total.add(weight[k], found);
        }
        const auto [coldest, hottest] = std::minmax_element(now.begin(), now.end());
        if (*coldest < lowest || *hottest > highest) {
            Fluxes low(box);
            low_fluxes(box, start.data(), mean, bottom, top, low);
            std::vector<double> monotone(start.size());
            advance(box, start.data(), start.data(), low, source, dt, 1.0, monotone.data());
            limit(box, monotone.data(), low, dt, lowest, highest, total);
            advance(box, start.data(), start.data(), total, source, dt, 1.0, now.data());
        }
        const auto through = [&](const double* faces) {
            double sum = 0;
            for (ptrdiff_t i = 0; i < box.nx; ++i) sum += faces[i];
            return sum / box.nx;
        };
        return {std::move(now), through(total.along_y.data()),
                through(&total.along_y[box.ny * box.nx])};
    }

    // The largest dt with dt (A / courant + D) <= 1, see EnergyEquation.stable_dt.
    double stable_dt(const Velocity& flow, double courant) const {
        const double conduction = (16.0 / 3 / (box.hx * box.hx) + 8.9 / (box.hy * box.hy)) / 2.51;
        return 1 / (advection_rate(box, flow) / courant + conduction);
    }
};

}  // namespace tellus
