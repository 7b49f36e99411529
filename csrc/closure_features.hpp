// What a closure sees, numbers without units of each cell: the same as
// surrogate/closure/features.py.
#pragma once

#include "convolution.hpp"

namespace tellus {

// T and the logarithm of viscosity at the cells, shape (ny, nx), and T of the walls below and
// above.
struct Seen {
    ptrdiff_t ny, nx;
    const double *temperature, *log_viscosity;
    double bottom, top;
};

// Velocities at the faces, shapes (ny, nx + 1) and (ny + 1, nx).
struct Moved {
    const double *u, *v;
    double hx, hy;
};

constexpr ptrdiff_t STATE = 11, FLOW = 7;
constexpr float SOFT = 1e-3f, WALL_CELLS = 3.0f;

inline float squashed(float value) {
    const float root = std::sqrt(1.0f + std::fabs(value));
    return 0.5f * value / (root * std::sqrt(root));
}

// A field of one channel with neighbours beyond the walls, which are equal to those inside.
template <class Value>
inline Planes ringed(ptrdiff_t ny, ptrdiff_t nx, const Value& value, std::vector<float>& memory) {
    const Planes out(1, ny, nx, memory);
    for (ptrdiff_t j = 0; j < ny; ++j) {
        float* row = out.at(0, j, 0);
        for (ptrdiff_t i = 0; i < nx; ++i) row[i] = value(j, i);
        row[-1] = row[0];
        row[nx] = row[nx - 1];
    }
    std::copy(out.at(0, 0, -1), out.at(0, 0, nx + 1), out.at(0, -1, -1));
    std::copy(out.at(0, ny - 1, -1), out.at(0, ny - 1, nx + 1), out.at(0, ny, -1));
    return out;
}

// The most of a row in three cells.
inline float most(const float* row, ptrdiff_t i) {
    return std::max(std::max(row[i - 1], row[i]), row[i + 1]);
}
inline float least(const float* row, ptrdiff_t i) {
    return std::min(std::min(row[i - 1], row[i]), row[i + 1]);
}
// Of three rows the range around a cell.
inline float range(const float* low, const float* here, const float* high, ptrdiff_t i) {
    return std::max(std::max(most(low, i), most(here, i)), most(high, i)) -
           std::min(std::min(least(low, i), least(here, i)), least(high, i));
}

// The features of T and viscosity of a row, `apart` from each other, and the ranges of T and of the
// logarithm of viscosity around each cell.
TELLUS_CLONES inline void state_row(const Planes& T, const Planes& logs, ptrdiff_t j,
                                    ptrdiff_t apart, float* __restrict f, float* __restrict spread,
                                    float* __restrict log_spread) {
    const ptrdiff_t nx = T.nx, ny = T.ny;
    const float *low = T.at(0, j - 1, 0), *here = T.at(0, j, 0), *high = T.at(0, j + 1, 0);
    const float *below = logs.at(0, j - 1, 0), *log = logs.at(0, j, 0);
    const float* above = logs.at(0, j + 1, 0);
    const auto fading = [](ptrdiff_t cells) {
        return std::max(0.0f, 1.0f - float(cells) / WALL_CELLS);
    };
#pragma omp simd
    for (ptrdiff_t i = 0; i < nx; ++i) {
        spread[i] = range(low, here, high, i);
        log_spread[i] = range(below, log, above, i);
        const float over = 1.0f / (spread[i] + SOFT);
        f[i] = (here[i + 1] - here[i - 1]) * over;
        f[apart + i] = (high[i] - low[i]) * over;
        f[2 * apart + i] = ((here[i + 1] + here[i - 1]) - 2.0f * here[i]) * over;
        f[3 * apart + i] = ((high[i] + low[i]) - 2.0f * here[i]) * over;
        f[4 * apart + i] = ((high[i + 1] + low[i - 1]) - (high[i - 1] + low[i + 1])) * over;
        f[5 * apart + i] = spread[i] / (spread[i] + 0.1f);
        f[6 * apart + i] = squashed(0.5f * (log[i + 1] - log[i - 1]));
        f[7 * apart + i] = squashed(0.5f * (above[i] - below[i]));
    }
    for (ptrdiff_t i = 0; i < nx; ++i) {
        f[8 * apart + i] = fading(j);
        f[9 * apart + i] = fading(ny - 1 - j);
        f[10 * apart + i] = fading(std::min(i, nx - 1 - i));
    }
}

// Those of the flow: cell Peclet numbers at the cells, and u at the faces.
TELLUS_CLONES inline void flow_row(const Planes& across, const Planes& up, const double* u,
                                   float hx, ptrdiff_t j, ptrdiff_t apart, float* __restrict f) {
    const float *a = across.at(0, j, 0), *b = up.at(0, j, 0);
    const float *low = across.at(0, j - 1, 0), *high = across.at(0, j + 1, 0);
#pragma omp simd
    for (ptrdiff_t i = 0; i < across.nx; ++i) {
        const float calm = 1.0f / (std::fabs(a[i]) + std::fabs(b[i]) + 1.0f);
        f[i] = squashed(a[i]);
        f[apart + i] = squashed(b[i]);
        f[2 * apart + i] = a[i] * calm;
        f[3 * apart + i] = b[i] * calm;
        f[4 * apart + i] = (float(u[i + 1]) - float(u[i])) * hx * calm;
        f[5 * apart + i] = 0.5f * (high[i] - low[i]) * calm;
        f[6 * apart + i] = 0.5f * (b[i + 1] - b[i - 1]) * calm;
    }
}

// What features are found in: two fields, and the ranges of T and of the logarithm of viscosity in
// 3 x 3 cells, shape (ny, nx).
struct Around {
    std::vector<float> fields[2], spread, log_spread;
};

// The first STATE of the features.
inline void state_features(const Seen& seen, const Planes& features, Around& around) {
    const ptrdiff_t ny = seen.ny, nx = seen.nx, apart = features.rows * features.line;
    const auto field = [nx](const double* values) {
        return [=](ptrdiff_t j, ptrdiff_t i) { return float(values[j * nx + i]); };
    };
    const Planes T = ringed(ny, nx, field(seen.temperature), around.fields[0]);
    const Planes logs = ringed(ny, nx, field(seen.log_viscosity), around.fields[1]);
    for (ptrdiff_t i = -1; i <= nx; ++i) {
        *T.at(0, -1, i) = float(2.0 * seen.bottom) - *T.at(0, 0, i);
        *T.at(0, ny, i) = float(2.0 * seen.top) - *T.at(0, ny - 1, i);
    }
    around.spread.resize(ny * nx);
    around.log_spread.resize(ny * nx);
    for (ptrdiff_t j = 0; j < ny; ++j)
        state_row(T, logs, j, apart, features.at(0, j, 0), &around.spread[j * nx],
                  &around.log_spread[j * nx]);
}

// Those after them.
inline void flow_features(const Moved& flow, const Planes& features, Around& around) {
    const ptrdiff_t ny = features.ny, nx = features.nx, apart = features.rows * features.line;
    const float hx = float(flow.hx), hy = float(flow.hy);
    const auto along_x = [&](ptrdiff_t j, ptrdiff_t i) {
        const double* left = flow.u + j * (nx + 1) + i;
        return 0.5f * (float(left[1]) + float(left[0])) * hx;
    };
    const auto along_y = [&](ptrdiff_t j, ptrdiff_t i) {
        const double* below = flow.v + j * nx + i;
        return 0.5f * (float(below[nx]) + float(below[0])) * hy;
    };
    const Planes across = ringed(ny, nx, along_x, around.fields[0]);
    const Planes up = ringed(ny, nx, along_y, around.fields[1]);
    for (ptrdiff_t j = 0; j < ny; ++j)
        flow_row(across, up, flow.u + j * (nx + 1), hx, j, apart, features.at(STATE, j, 0));
}

}  // namespace tellus
