// Convolutions of 3 x 3 cells in single precision, of a state and of its mirror image at once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "weights.hpp"

namespace tellus {

constexpr ptrdiff_t LANES = 8;
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

// Rows of an answer that are found together, of so many rows of what is seen (Lavin and Gray 2016,
// F(4, 3), along y alone): six products in the place of twelve.
constexpr ptrdiff_t TILE = 4, SEEN = TILE + 2;

// Outputs, and cells by LANES, that are found together: as many sums as registers hold.
constexpr ptrdiff_t OUTPUTS = 4, VECTORS = 2, CELLS = VECTORS * LANES;

// Channels of cells with zeros around them, in memory that outlives them. What is inside is for
// others to write.
struct Planes {
    ptrdiff_t channels, ny, nx, line, rows;
    float* values;

    Planes(ptrdiff_t channels_, ptrdiff_t ny_, ptrdiff_t nx_, std::vector<float>& memory)
        : channels(channels_),
          ny(ny_),
          nx(nx_),
          line((nx + CELLS - 1) / CELLS * CELLS + 2 * LANES),
          rows((ny + TILE - 1) / TILE * TILE + 2) {
        memory.resize(channels * rows * line);
        values = memory.data();
        for (ptrdiff_t c = 0; c < channels; ++c) {
            std::fill(row(c, -1), row(c, 0), 0.0f);
            for (ptrdiff_t j = 0; j < ny; ++j) std::fill(row(c, j), at(c, j, 0), 0.0f);
            std::fill(row(c, ny), row(c, rows - 1), 0.0f);
        }
        end_rows(0, ny);
    }
    // From -1 on, each with LANES zeros before its cells.
    float* row(ptrdiff_t c, ptrdiff_t j) const { return values + (c * rows + j + 1) * line; }
    float* at(ptrdiff_t c, ptrdiff_t j, ptrdiff_t i) const { return row(c, j) + LANES + i; }
    // Zeros after the cells of `count` rows.
    void end_rows(ptrdiff_t j, ptrdiff_t count) const {
        for (ptrdiff_t c = 0; c < channels; ++c)
            for (ptrdiff_t k = j; k < std::min(ny, j + count); ++k)
                std::fill(at(c, k, nx), row(c, k + 1), 0.0f);
    }
};

// Of the state, and of its mirror image turned back.
struct Both {
    Planes one, image;
};

// Matrices from rows of cells, `terms` of them, to outputs: one for each of the SEEN rows that are
// combined.
struct Products {
    ptrdiff_t terms, outputs;
    std::vector<float> weights;  // SEEN x (groups of outputs) x terms x (outputs of a group)

    Products(ptrdiff_t terms_, ptrdiff_t outputs_)
        : terms(terms_), outputs((outputs_ + 1) / 2 * 2), weights(SEEN * terms * outputs, 0.0f) {}

    // Of the group of which `o` is the first.
    const float* of(ptrdiff_t k, ptrdiff_t o) const { return &weights[(k * outputs + o) * terms]; }

    // From the weights of the cells below, at and above.
    void set(ptrdiff_t o, ptrdiff_t term, double below, double here, double above) {
        const double odd = here / 6.0, outer = (below + above) / 6.0;
        const double near = below / 24.0 + above / 6.0, far = here / 12.0;
        const double found[SEEN] = {below / 4.0, -outer - odd, odd - outer,
                                    near + far,  near - far,   above};
        const ptrdiff_t group = o / OUTPUTS * OUTPUTS, wide = std::min(OUTPUTS, outputs - group);
        for (ptrdiff_t k = 0; k < SEEN; ++k)
            weights[(k * outputs + group) * terms + term * wide + o - group] = float(found[k]);
    }
};

// A layer, from the answers of the one before.
struct Layer {
    ptrdiff_t inputs, outputs;
    Products products;
    std::vector<float> bias;

    // From (outputs, inputs, 3, 3).
    Layer(ptrdiff_t inputs_, ptrdiff_t outputs_, const float* w, const float* b)
        : inputs(inputs_), outputs(outputs_), products(3 * inputs, outputs), bias(b, b + outputs) {
        for (ptrdiff_t o = 0; o < outputs; ++o)
            for (ptrdiff_t c = 0; c < inputs; ++c, w += 9)
                for (ptrdiff_t dx = 0; dx < 3; ++dx)
                    products.set(o, 3 * c + dx, w[dx], w[3 + dx], w[6 + dx]);
    }
};

// The first layer. Its inputs are features of the state, which the mirror leaves as they are or,
// where they are `odd`, turns the sign of. So sums and differences of the cells at both sides are
// either even or odd, and what the state and its image get are the sum and the difference of what
// comes from these and from those: both for the price of one.
struct FirstLayer {
    ptrdiff_t inputs, outputs;
    std::vector<bool> sign;  // of the inputs: whether they are odd
    Products even, odd;
    std::vector<float> bias;

    FirstLayer(const std::vector<bool>& sign_, ptrdiff_t outputs_, const float* w, const float* b)
        : inputs(sign_.size()),
          outputs(outputs_),
          sign(sign_),
          even(terms(false), outputs),
          odd(terms(true), outputs),
          bias(b, b + outputs) {
        for (ptrdiff_t o = 0; o < outputs; ++o) {
            ptrdiff_t next[] = {0, 0};
            for (ptrdiff_t c = 0; c < inputs; ++c, w += 9) {
                Products &same = sign[c] ? odd : even, &turned = sign[c] ? even : odd;
                ptrdiff_t &of_same = next[sign[c]], &of_turned = next[!sign[c]];
                const auto half = [w](double of_west) {
                    return
                        [=](ptrdiff_t dy) { return 0.5 * (w[3 * dy + 2] + of_west * w[3 * dy]); };
                };
                const auto sum = half(1.0), difference = half(-1.0);
                same.set(o, of_same++, w[1], w[4], w[7]);
                same.set(o, of_same++, sum(0), sum(1), sum(2));
                turned.set(o, of_turned++, difference(0), difference(1), difference(2));
            }
        }
    }

  private:
    ptrdiff_t terms(bool which) const {
        ptrdiff_t count = 0;
        for (const bool each : sign) count += each == which ? 2 : 1;
        return count;
    }
};

// The SEEN rows from j - 1 on of every channel, combined: SEEN x channels x line.
TELLUS_CLONES inline void combine_rows(const Planes& in, ptrdiff_t j, float* __restrict rows) {
    const ptrdiff_t n = in.line, apart = in.channels * n;
    for (ptrdiff_t c = 0; c < in.channels; ++c) {
        const float* __restrict r = in.row(c, j - 1);
        float* __restrict out = rows + c * n;
#pragma omp simd
        for (ptrdiff_t x = 0; x < n; ++x) {
            const float r0 = r[x], r1 = r[n + x], r2 = r[2 * n + x], r3 = r[3 * n + x],
                        r4 = r[4 * n + x], r5 = r[5 * n + x];
            const float even = r4 - 4.0f * r2, odd = r3 - 4.0f * r1;
            const float near = r4 - r2, far = 2.0f * (r3 - r1);
            out[x] = (4.0f * r0 - 5.0f * r2) + r4;
            out[apart + x] = even + odd;
            out[2 * apart + x] = even - odd;
            out[3 * apart + x] = near + far;
            out[4 * apart + x] = near - far;
            out[5 * apart + x] = (4.0f * r1 - 5.0f * r3) + r5;
        }
    }
}

// Of CELLS cells of rows that were combined, `line` apart, what is even and what is odd: SEEN x
// terms x CELLS each.
inline __attribute__((always_inline)) void split_rows(const FirstLayer& layer, ptrdiff_t line,
                                                      const float* rows, float* even, float* odd) {
    for (ptrdiff_t k = 0; k < SEEN; ++k)
        for (ptrdiff_t c = 0; c < layer.inputs; ++c, rows += line) {
            float *&same = layer.sign[c] ? odd : even, *&turned = layer.sign[c] ? even : odd;
            for (ptrdiff_t p = 0; p < CELLS; p += LANES) {
                Lanes left, here, right;
                std::memcpy(&left, rows + p - 1, sizeof left);
                std::memcpy(&here, rows + p, sizeof here);
                std::memcpy(&right, rows + p + 1, sizeof right);
                const Lanes sum = right + left, difference = right - left;
                std::memcpy(same + p, &here, sizeof here);
                std::memcpy(same + CELLS + p, &sum, sizeof sum);
                std::memcpy(turned + p, &difference, sizeof difference);
            }
            same += 2 * CELLS, turned += CELLS;
        }
}

template <int OUTS>
using Found = Lanes[TILE][OUTS][VECTORS];

// TILE rows of OUTS outputs of CELLS cells, of rows that were combined, `apart` from each other, of
// which the terms begin at `offset`.
template <int OUTS>
inline __attribute__((always_inline)) void multiply(const Products& with, ptrdiff_t first,
                                                    const float* rows, ptrdiff_t apart,
                                                    const ptrdiff_t* offset, Found<OUTS>& found) {
    Lanes m[SEEN][OUTS][VECTORS];
    for (ptrdiff_t k = 0; k < SEEN; ++k) {
        Lanes sum[OUTS][VECTORS];  // In registers.
        for (int o = 0; o < OUTS; ++o)
            for (ptrdiff_t p = 0; p < VECTORS; ++p) sum[o][p] = Lanes{};
        const float* w = with.of(k, first);
        for (ptrdiff_t t = 0; t < with.terms; ++t, w += OUTS) {
            Lanes cells[VECTORS];
            const float* from = rows + k * apart + offset[t];
            for (ptrdiff_t p = 0; p < VECTORS; ++p)
                std::memcpy(&cells[p], from + p * LANES, sizeof cells[p]);
            for (int o = 0; o < OUTS; ++o)
                for (ptrdiff_t p = 0; p < VECTORS; ++p) sum[o][p] += w[o] * cells[p];
        }
        for (int o = 0; o < OUTS; ++o)
            for (ptrdiff_t p = 0; p < VECTORS; ++p) m[k][o][p] = sum[o][p];
    }
    for (int o = 0; o < OUTS; ++o)
        for (ptrdiff_t p = 0; p < VECTORS; ++p) {
            const Lanes sum = m[1][o][p] + m[2][o][p], difference = m[1][o][p] - m[2][o][p];
            const Lanes more = m[3][o][p] + m[4][o][p], other = m[3][o][p] - m[4][o][p];
            found[0][o][p] = (m[0][o][p] + sum) + more;
            found[1][o][p] = difference + 2.0f * other;
            found[2][o][p] = sum + 4.0f * more;
            found[3][o][p] = (difference + 8.0f * other) + m[5][o][p];
        }
}

// Of outputs from `first` on of cells from (j, i) on, with the bias, none less than `floor`.
template <int OUTS>
inline __attribute__((always_inline)) void put(const Found<OUTS>& found, const float* bias,
                                               float floor, ptrdiff_t first, ptrdiff_t j,
                                               ptrdiff_t i, const Planes& out) {
    for (int o = 0; o < OUTS && first + o < out.channels; ++o)
        for (ptrdiff_t row = 0; row < TILE && j + row < out.ny; ++row) {
            float* to = out.at(first + o, j + row, i);
            for (ptrdiff_t p = 0; p < VECTORS; ++p) {
                Lanes value = found[row][o][p] + bias[first + o];
                value = value > floor ? value : Lanes{} + floor;
                std::memcpy(to + p * LANES, &value, sizeof value);
            }
        }
}

// What a convolution works in: combined rows, even and odd ones, and where terms begin.
struct Work {
    std::vector<float> rows, even, odd;
    std::vector<ptrdiff_t> offset;
};

template <int OUTS>
inline __attribute__((always_inline)) void answer_cells(const Layer& layer, ptrdiff_t first,
                                                        const Work& work, ptrdiff_t apart,
                                                        float floor, ptrdiff_t j, ptrdiff_t i,
                                                        const Planes& out) {
    Found<OUTS> found;
    multiply<OUTS>(layer.products, first, &work.rows[LANES + i], apart, work.offset.data(), found);
    put<OUTS>(found, layer.bias.data(), floor, first, j, i, out);
}

// All outputs of a layer, none less than `floor`; of an `image`, from right to left.
TELLUS_CLONES inline void convolve(const Layer& layer, const Planes& in, bool image, float floor,
                                   const Planes& out, Work& work) {
    const ptrdiff_t apart = in.channels * in.line;
    work.rows.resize(SEEN * apart);
    work.offset.clear();
    for (ptrdiff_t c = 0; c < in.channels; ++c)
        for (ptrdiff_t dx = -1; dx < 2; ++dx)
            work.offset.push_back(c * in.line + (image ? -dx : dx));
    for (ptrdiff_t j = 0; j < in.ny; j += TILE) {
        combine_rows(in, j, work.rows.data());
        for (ptrdiff_t i = 0; i < in.nx; i += CELLS) {
            ptrdiff_t o = 0;
            for (; o + OUTPUTS <= layer.products.outputs; o += OUTPUTS)
                answer_cells<OUTPUTS>(layer, o, work, apart, floor, j, i, out);
            if (o < layer.products.outputs)
                answer_cells<2>(layer, o, work, apart, floor, j, i, out);
        }
        out.end_rows(j, TILE);
    }
}

template <int OUTS>
inline __attribute__((always_inline)) void first_cells(const FirstLayer& layer, ptrdiff_t first,
                                                       const Work& work, float floor, ptrdiff_t j,
                                                       ptrdiff_t i, const Both& out) {
    Found<OUTS> even, odd, image;
    const ptrdiff_t* offset = work.offset.data();
    multiply<OUTS>(layer.even, first, work.even.data(), layer.even.terms * CELLS, offset, even);
    multiply<OUTS>(layer.odd, first, work.odd.data(), layer.odd.terms * CELLS, offset, odd);
    for (ptrdiff_t row = 0; row < TILE; ++row)
        for (int o = 0; o < OUTS; ++o)
            for (ptrdiff_t p = 0; p < VECTORS; ++p) {
                image[row][o][p] = even[row][o][p] - odd[row][o][p];
                even[row][o][p] += odd[row][o][p];
            }
    put<OUTS>(even, layer.bias.data(), floor, first, j, i, out.one);
    put<OUTS>(image, layer.bias.data(), floor, first, j, i, out.image);
}

// Those of the first layer, for the state and for its image.
TELLUS_CLONES inline void convolve(const FirstLayer& layer, const Planes& in, float floor,
                                   const Both& out, Work& work) {
    work.rows.resize(SEEN * in.channels * in.line);
    work.even.resize(SEEN * layer.even.terms * CELLS);
    work.odd.resize(SEEN * layer.odd.terms * CELLS);
    work.offset.clear();
    for (ptrdiff_t t = 0; t < std::max(layer.even.terms, layer.odd.terms); ++t)
        work.offset.push_back(t * CELLS);
    for (ptrdiff_t j = 0; j < in.ny; j += TILE) {
        combine_rows(in, j, work.rows.data());
        for (ptrdiff_t i = 0; i < in.nx; i += CELLS) {
            split_rows(layer, in.line, &work.rows[LANES + i], work.even.data(), work.odd.data());
            ptrdiff_t o = 0;
            for (; o + OUTPUTS <= layer.even.outputs; o += OUTPUTS)
                first_cells<OUTPUTS>(layer, o, work, floor, j, i, out);
            if (o < layer.even.outputs) first_cells<2>(layer, o, work, floor, j, i, out);
        }
        out.one.end_rows(j, TILE);
        out.image.end_rows(j, TILE);
    }
}

}  // namespace tellus
