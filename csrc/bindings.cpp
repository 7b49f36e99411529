// Python bindings of the stencil kernels. Shapes and types are checked by the Python callers.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <limits>
#include <tuple>

#include "chebyshev.hpp"
#include "homogenised.hpp"
#include "line_solve.hpp"
#include "local_network.hpp"
#include "psi_operator.hpp"
#include "reduced.hpp"
#include "simulation.hpp"

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;
using Indices = py::array_t<std::ptrdiff_t, py::array::c_style>;

namespace {

// no_slip: left, right, bottom, top.
using Walls = std::array<bool, 4>;

// Cells (ny, nx), or (2, ny, nx) to stretching and to shear, seen with y fast (contiguous) or x
// fast.
tellus::Weights make_weights(const Array& eta, double hx, double hy, bool y_fast,
                             const Walls& no_slip) {
    const auto [left, right, bottom, top] = no_slip;
    const auto ny = eta.shape(eta.ndim() - 2), nx = eta.shape(eta.ndim() - 1);
    const double *stretching = eta.data(), *shear = stretching + (eta.ndim() == 3 ? ny * nx : 0);
    py::gil_scoped_release release;
    using tellus::View;
    if (y_fast)
        return {View{stretching, 1, nx},   View{shear, 1, nx}, nx, ny, hx, hy,
                {left, right, bottom, top}};
    return {View{stretching, nx, 1},   View{shear, nx, 1}, ny, nx, hy, hx,
            {bottom, top, left, right}};
}

void assemble_bands(const tellus::Weights& weights, Array bands) {
    double* out = bands.mutable_data();
    const auto lines = bands.shape(0) / (weights.nf - 1);
    py::gil_scoped_release release;
    tellus::assemble_bands(weights, lines, out);
}

void apply(const tellus::Weights& weights, const Array& psi, Array out) {
    const double* in = psi.data();
    double* result = out.mutable_data();
    py::gil_scoped_release release;
    tellus::apply(weights, in, result);
}

void diagonal(const tellus::Weights& weights, Array out) {
    double* result = out.mutable_data();
    py::gil_scoped_release release;
    tellus::diagonal(weights, result);
}

double squared_velocity(const Array& psi, double hx, double hy) {
    const double* nodes = psi.data();
    const auto ny = psi.shape(0) - 1, nx = psi.shape(1) - 1;
    py::gil_scoped_release release;
    return tellus::squared_velocity(ny, nx, hy, hx, nodes);
}

void chebyshev(const tellus::Weights& weights, const Array& inverse, const Array& b, double low,
               double high, int steps, bool from_zero, Array x, Array scratch) {
    const double *diagonal = inverse.data(), *load = b.data();
    double *solution = x.mutable_data(), *r = scratch.mutable_data();
    const auto nodes = b.size();
    py::gil_scoped_release release;
    tellus::chebyshev(weights, diagonal, load, low, high, steps, from_zero, solution, r, r + nodes,
                      r + 2 * nodes);
}

// first (count), then value, second and slope, each (count, width).
using Splines = std::tuple<Indices, Array, Array, Array>;

tellus::Basis basis(const Splines& splines) {
    const auto& [first, value, second, slope] = splines;
    return {value.shape(0), value.shape(1), first.data(),
            value.data(),   second.data(),  slope.data()};
}

void restrict_nodes(const Splines& slow, const Splines& fast, const Array& nodes, Array c) {
    const auto slow_basis = basis(slow), fast_basis = basis(fast);
    const auto line = nodes.shape(1);
    const double* in = nodes.data();
    double* out = c.mutable_data();
    py::gil_scoped_release release;
    tellus::restrict_nodes(slow_basis, fast_basis, line, in, out);
}

void prolong_nodes(const Splines& slow, const Splines& fast, const Array& c, Array nodes) {
    const auto slow_basis = basis(slow), fast_basis = basis(fast);
    const auto line = nodes.shape(1);
    const double* in = c.data();
    double* out = nodes.mutable_data();
    py::gil_scoped_release release;
    tellus::prolong_nodes(slow_basis, fast_basis, line, in, out);
}

void assemble_reduced(const tellus::Weights& weights, const Splines& slow, const Splines& fast,
                      Array sums, Array bands) {
    const auto slow_basis = basis(slow), fast_basis = basis(fast);
    double *scratch = sums.mutable_data(), *out = bands.mutable_data();
    py::gil_scoped_release release;
    tellus::assemble_reduced(weights, slow_basis, fast_basis, scratch, out);
}

void solve_lines(double a, double hy, const Array& shift, bool fixed_bottom, bool fixed_top,
                 Array t) {
    double* values = t.mutable_data();
    py::gil_scoped_release release;
    tellus::solve_lines(t.shape(0), t.shape(1), a, hy, shift.data(), fixed_bottom, fixed_top,
                        values);
}

void show_layers(const Array& viscosity, const Array& logs, Array both) {
    const tellus::Layers layers{viscosity.shape(0), viscosity.shape(1), viscosity.data(),
                                logs.data(), both.mutable_data()};
    py::gil_scoped_release release;
    tellus::show_layers(layers);
}

using Single = py::array_t<float, py::array::c_style>;

// Weights (outputs, inputs, 3, 3) and bias (outputs) of each layer.
tellus::LocalNetwork make_network(const std::vector<std::pair<Single, Single>>& layers,
                                  const std::vector<bool>& odd, const std::vector<float>& low,
                                  const std::vector<float>& high, const std::vector<float>& mean,
                                  const std::vector<float>& whitening, double largest) {
    const auto& [weights, bias] = layers.front();
    tellus::FirstLayer first(odd, bias.size(), weights.data(), bias.data());
    std::vector<tellus::Layer> later;
    for (std::size_t k = 1; k < layers.size(); ++k)
        later.emplace_back(layers[k - 1].second.size(), layers[k].second.size(),
                           layers[k].first.data(), layers[k].second.data());
    return {std::move(first), std::move(later), low, high, {mean, whitening, largest}};
}

// T of the bottom and of the top.
using Ends = std::array<double, 2>;

tellus::Seen seen(const Array& temperature, const Array& log_viscosity, const Ends& ends) {
    return {temperature.shape(0),
            temperature.shape(1),
            temperature.data(),
            log_viscosity.data(),
            ends[0],
            ends[1]};
}

std::ptrdiff_t fluxes(const tellus::LocalNetwork& network, const Array& temperature,
                      const Array& log_viscosity, const Ends& ends, const Array& u, const Array& v,
                      double hx, double hy, Array along_x, Array along_y) {
    const auto state = seen(temperature, log_viscosity, ends);
    const tellus::Moved flow{u.data(), v.data(), hx, hy};
    double *x = along_x.mutable_data(), *y = along_y.mutable_data();
    py::gil_scoped_release release;
    return network.fluxes(state, flow, x, y);
}

void details(const tellus::LocalNetwork& network, const Array& temperature,
             const Array& log_viscosity, const Ends& ends, Array within) {
    const auto state = seen(temperature, log_viscosity, ends);
    double* out = within.mutable_data();
    py::gil_scoped_release release;
    network.details(state, out);
}

void viscosities(const tellus::LocalNetwork& network, const Array& temperature,
                 const Array& log_viscosity, const Ends& ends, Single lacking) {
    const auto state = seen(temperature, log_viscosity, ends);
    float* out = lacking.mutable_data();
    py::gil_scoped_release release;
    network.viscosities(state, out);
}

tellus::Field values_of(const Array& array) { return {array.data(), array.data() + array.size()}; }

Array array_of(const tellus::Field& values, std::ptrdiff_t rows, std::ptrdiff_t columns) {
    Array array({rows, columns});
    std::copy(values.begin(), values.end(), array.mutable_data());
    return array;
}

// T after a step between the default walls, and the heat in and out; velocities as stream
// functions.
std::tuple<Array, double, double> transport_step(const Array& temperature,
                                                 const std::array<Array, 3>& stages,
                                                 const Array& mean, double hx, double hy,
                                                 double source, double dt, double lowest,
                                                 double highest) {
    const tellus::Box box{temperature.shape(0), temperature.shape(1), hy, hx};
    const auto moving = [&](const Array& psi) { return tellus::velocity(box, values_of(psi)); };
    const auto first = moving(stages[0]), last = moving(stages[1]), middle = moving(stages[2]);
    auto after = tellus::Transport{box}.step(values_of(temperature), {&first, &last, &middle},
                                             moving(mean), source, dt, lowest, highest, nullptr);
    return {array_of(after.temperature, box.ny, box.nx), after.heat_in, after.heat_out};
}

using Live = tellus::Simulation;

void bind_simulation(py::module_& m) {
    constexpr auto never = std::numeric_limits<double>::infinity();
    py::class_<Live>(m, "Simulation", "What a browser runs: see csrc/simulation.hpp.")
        .def(py::init<std::ptrdiff_t, std::ptrdiff_t, double, double>(), py::arg("nx"),
             py::arg("ny"), py::arg("aspect"), py::arg("tolerance"))
        .def(
            "set",
            [](Live& live, double gamma_T, double gamma_p, double rayleigh, double heating,
               double dt_max, double dt_initial) {
                live.settings.gamma_T = gamma_T;
                live.settings.gamma_p = gamma_p;
                live.settings.rayleigh = rayleigh;
                live.settings.heating = heating;
                live.settings.dt_max = dt_max;
                live.settings.dt_initial = dt_initial;
            },
            py::kw_only(), py::arg("gamma_T"), py::arg("gamma_p"), py::arg("rayleigh"),
            py::arg("heating"), py::arg("dt_max"), py::arg("dt_initial"))
        .def(
            "start",
            [](Live& live, const Array& temperature) {
                live.temperature = values_of(temperature);
                live.restart();
            },
            py::arg("temperature"))
        .def(
            "close",
            [](Live& live, std::shared_ptr<tellus::LocalNetwork> network) {
                live.closure = std::move(network);
            },
            py::arg("network"))
        .def("step", &Live::step, py::arg("until") = never)
        .def_property_readonly(
            "temperature",
            [](const Live& live) { return array_of(live.temperature, live.box.ny, live.box.nx); })
        .def_property_readonly(
            "psi",
            [](const Live& live) { return array_of(live.psi, live.box.ny + 1, live.box.nx + 1); })
        .def_readonly("time", &Live::time)
        .def_readonly("iterations", &Live::iterations)
        .def_property_readonly("measured", [](const Live& live) {
            const auto& found = live.measured;
            return std::array{found.mean_temperature, found.nusselt_top,
                              found.nusselt_bottom,   found.vrms,
                              found.surface_velocity, found.heat_budget};
        });
}

}  // namespace

PYBIND11_MODULE(_core, m) {
    m.doc() = "Hot stencil loops of the stream-function operator.";
    py::class_<tellus::Weights>(m, "Weights", "The viscous weights of one viscosity field.")
        .def(py::init(&make_weights), py::arg("viscosity").noconvert(), py::arg("hx"),
             py::arg("hy"), py::arg("y_fast"), py::arg("no_slip"));
    m.def("assemble_bands", &assemble_bands, py::arg("weights"), py::arg("bands").noconvert(),
          "Write the first lines of the 13-point operator into LAPACK lower band storage.");
    m.def("apply", &apply, py::arg("weights"), py::arg("psi").noconvert(),
          py::arg("out").noconvert(), "A psi at the nodes, zero on the walls.");
    m.def("diagonal", &diagonal, py::arg("weights"), py::arg("out").noconvert(),
          "The diagonal of A at the nodes, zero on the walls.");
    m.def("squared_velocity", &squared_velocity, py::arg("psi").noconvert(), py::arg("hx"),
          py::arg("hy"), "Sum of u^2 + v^2 over all faces.");
    m.def("chebyshev", &chebyshev, py::arg("weights"), py::arg("inverse").noconvert(),
          py::arg("b").noconvert(), py::arg("low"), py::arg("high"), py::arg("steps"),
          py::arg("from_zero"), py::arg("x").noconvert(), py::arg("scratch").noconvert(),
          "Smooth A x = b in place, damping eigenvalues of D^-1 A between low and high.");
    m.def("assemble_reduced", &assemble_reduced, py::arg("weights"), py::arg("slow"),
          py::arg("fast"), py::arg("sums").noconvert(), py::arg("bands").noconvert(),
          "Write P^T A P for tensor-product splines into LAPACK lower band storage.");
    m.def("restrict_nodes", &restrict_nodes, py::arg("slow"), py::arg("fast"),
          py::arg("nodes").noconvert(), py::arg("c").noconvert(), "c = P^T nodes.");
    m.def("prolong_nodes", &prolong_nodes, py::arg("slow"), py::arg("fast"),
          py::arg("c").noconvert(), py::arg("nodes").noconvert(), "nodes += P c.");
    m.def("solve_lines", &solve_lines, py::arg("a"), py::arg("hy"), py::arg("shift").noconvert(),
          py::arg("fixed_bottom"), py::arg("fixed_top"), py::arg("t").noconvert(),
          "Solve (shift - a d2/dy2) t = t in place, one tridiagonal system per column.");
    m.def("show_layers", &show_layers, py::arg("viscosity").noconvert(),
          py::arg("logs").noconvert(), py::arg("both").noconvert(),
          "Write what cells show to stretching and to shear, of viscosity and its logarithm.");
    py::class_<tellus::LocalNetwork, std::shared_ptr<tellus::LocalNetwork>>(
        m, "LocalNetwork", "Convolutions over cells, of a closure.")
        .def(py::init(&make_network), py::arg("layers"), py::arg("odd"), py::arg("low"),
             py::arg("high"), py::arg("mean") = std::vector<float>{},
             py::arg("whitening") = std::vector<float>{}, py::arg("largest") = INFINITY)
        .def("fluxes", &fluxes, py::arg("temperature").noconvert(),
             py::arg("log_viscosity").noconvert(), py::arg("ends"), py::arg("u").noconvert(),
             py::arg("v").noconvert(), py::arg("hx"), py::arg("hy"), py::arg("along_x").noconvert(),
             py::arg("along_y").noconvert(), "Write the heat that the scheme's fluxes lack.")
        .def("details", &details, py::arg("temperature").noconvert(),
             py::arg("log_viscosity").noconvert(), py::arg("ends"), py::arg("within").noconvert(),
             "Write T at the quarters of cells less a smooth guess of it.")
        .def("viscosities", &viscosities, py::arg("temperature").noconvert(),
             py::arg("log_viscosity").noconvert(), py::arg("ends"), py::arg("lacking").noconvert(),
             "Write what the logarithms of viscosity to stretching and to shear lack.");
    m.def("transport_step", &transport_step, py::arg("temperature").noconvert(), py::arg("stages"),
          py::arg("mean"), py::arg("hx"), py::arg("hy"), py::arg("source"), py::arg("dt"),
          py::arg("lowest"), py::arg("highest"), "A step of high-order transport.");
    bind_simulation(m);
    m.def("threads", [] { return tellus::threads_allowed; }, "The most threads a kernel uses.");
    m.def("set_threads", [](int count) { tellus::threads_allowed = count; }, py::arg("count"));
}
