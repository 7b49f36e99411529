// What a browser calls of the simulation: plain functions on pointers, as WebAssembly has them.
#include <cstdlib>

#include "simulation.hpp"

// Names of their own, as those of C are taken.
#define EXPORT(name) __attribute__((export_name(#name), used)) tellus_##name

using tellus::Simulation;

extern "C" {

// Room for numbers from outside.
void* EXPORT(allocate)(size_t bytes) { return std::malloc(bytes); }
void EXPORT(release)(void* room) { std::free(room); }

Simulation* EXPORT(create)(int nx, int ny, double aspect, double tolerance) {
    return new Simulation(nx, ny, aspect, tolerance);
}
void EXPORT(destroy)(Simulation* live) { delete live; }

// As many numbers as Settings has, in its order; so with `measured`.
double* EXPORT(settings)(Simulation* live) { return &live->settings.gamma_T; }
const double* EXPORT(measured)(Simulation* live) { return &live->measured.dt; }
double* EXPORT(temperature)(Simulation* live) { return live->temperature.data(); }
const double* EXPORT(psi)(Simulation* live) { return live->psi.data(); }

double EXPORT(clock)(Simulation* live) { return live->time; }
int EXPORT(steps)(Simulation* live) { return int(live->steps); }
int EXPORT(iterations)(Simulation* live) { return live->iterations; }

void EXPORT(disturbed)(Simulation* live) { live->disturbed(); }
void EXPORT(restart)(Simulation* live) { live->restart(); }
bool EXPORT(solve)(Simulation* live) { return live->solve(); }
bool EXPORT(step)(Simulation* live, double until) { return live->step(until); }

// A learned closure: the widths of its layers from inputs to outputs, of each layer the weights
// (outputs, inputs, 3, 3) and the bias (outputs), and of each input whether it is odd, the least
// and the most that it was in training.
void EXPORT(close)(Simulation* live, int layers, const int* widths, const float* weights,
                   const float* inputs) {
    std::vector<bool> odd;
    std::vector<float> low, high;
    for (int k = 0; k < widths[0]; ++k, inputs += 3) {
        odd.push_back(inputs[0] != 0.0f);
        low.push_back(inputs[1]);
        high.push_back(inputs[2]);
    }
    const auto bias = [&](int k) { return weights + 9 * widths[k] * widths[k + 1]; };
    tellus::FirstLayer first(odd, widths[1], weights, bias(0));
    std::vector<tellus::Layer> later;
    for (int k = 1; k < layers; ++k) {
        weights = bias(k - 1) + widths[k];
        later.emplace_back(widths[k], widths[k + 1], weights, bias(k));
    }
    live->closure = std::make_shared<tellus::LocalNetwork>(std::move(first), std::move(later),
                                                           std::move(low), std::move(high));
}
}
