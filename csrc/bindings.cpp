// Python bindings of the stencil kernels. Shapes and types are checked by the Python callers.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>

#include "line_solve.hpp"
#include "psi_operator.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

namespace {

// Cells (ny, nx) seen with y fast (numbering along the short side) or x fast.
// no_slip: left, right, bottom, top.
using Walls = std::array<bool, 4>;

tellus::Weights<double> weights(const Array& eta, double hx, double hy, bool y_fast,
                                const Walls& no_slip) {
    const auto [left, right, bottom, top] = no_slip;
    const auto ny = eta.shape(0), nx = eta.shape(1);
    const double* data = eta.data();
    if (y_fast)
        return {tellus::View<double>{data, 1, nx}, nx, ny, hx, hy, {left, right, bottom, top}};
    return {tellus::View<double>{data, nx, 1}, ny, nx, hy, hx, {bottom, top, left, right}};
}

void assemble_bands(const Array& eta, double hx, double hy, bool y_fast, const Walls& no_slip,
                    Array bands) {
    double* out = bands.mutable_data();
    py::gil_scoped_release release;
    const auto w = weights(eta, hx, hy, y_fast, no_slip);
    tellus::assemble_bands(w, y_fast ? hx : hy, y_fast ? hy : hx, out);
}

Array apply(const Array& eta, double hx, double hy, const Walls& no_slip, const Array& psi) {
    Array out({psi.shape(0), psi.shape(1)});
    double* result = out.mutable_data();
    const double* in = psi.data();
    py::gil_scoped_release release;
    tellus::apply(weights(eta, hx, hy, false, no_slip), hy, hx, in, result);
    return out;
}

Array diagonal(const Array& eta, double hx, double hy, const Walls& no_slip) {
    Array out({eta.shape(0) + 1, eta.shape(1) + 1});
    double* result = out.mutable_data();
    py::gil_scoped_release release;
    tellus::diagonal(weights(eta, hx, hy, false, no_slip), hy, hx, result);
    return out;
}

void solve_lines(double a, double hy, const Array& shift, bool fixed_bottom, bool fixed_top,
                 Array t) {
    double* values = t.mutable_data();
    py::gil_scoped_release release;
    tellus::solve_lines(t.shape(0), t.shape(1), a, hy, shift.data(), fixed_bottom, fixed_top,
                        values);
}

int max_threads() {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

}  // namespace

PYBIND11_MODULE(_core, m) {
    m.doc() = "Hot stencil loops of the stream-function operator.";
    m.def("assemble_bands", &assemble_bands, py::arg("viscosity").noconvert(), py::arg("hx"),
          py::arg("hy"), py::arg("y_fast"), py::arg("no_slip"), py::arg("bands").noconvert(),
          "Write the 13-point operator into LAPACK lower band storage, shape (unknowns, kd + 1).");
    m.def("apply", &apply, py::arg("viscosity").noconvert(), py::arg("hx"), py::arg("hy"),
          py::arg("no_slip"), py::arg("psi").noconvert(), "A psi at the nodes, zero on the walls.");
    m.def("diagonal", &diagonal, py::arg("viscosity").noconvert(), py::arg("hx"), py::arg("hy"),
          py::arg("no_slip"), "The diagonal of A at the nodes, zero on the walls.");
    m.def("solve_lines", &solve_lines, py::arg("a"), py::arg("hy"), py::arg("shift").noconvert(),
          py::arg("fixed_bottom"), py::arg("fixed_top"), py::arg("t").noconvert(),
          "Solve (shift - a d2/dy2) t = t in place, one tridiagonal system per column.");
    m.def("max_threads", &max_threads, "OpenMP threads the kernels will use.");
}
