// A whole simulation without Python, for browsers: what `tellus run --preset fast` does with
// Frank-Kamenetskii viscosity between the walls that are the default. See Simulation, MidStep and
// Stepping of coupling/simulation.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "local_network.hpp"
#include "refined.hpp"
#include "transport.hpp"

namespace tellus {

struct Settings {
    double gamma_T = 1e7, gamma_p = 10, rayleigh = 1, heating = 3;
    double courant = 1, dt_max = 1e-4, dt_initial = 1e-7, dt_min = 1e-12, growth = 1.2;
    double bounds_tolerance = 1e-3;
};

// Of the last step; Nusselt numbers are wall heat fluxes averaged over it.
struct Measured {
    double dt = 0, mean_temperature = 0, nusselt_top = 0, nusselt_bottom = 0, vrms = 0;
    double surface_velocity = 0, heat_budget = 0;
    double silent = 0;  // share of cells of which the closure said nothing
};

class Simulation {
  public:
    Simulation(ptrdiff_t nx, ptrdiff_t ny, double aspect, double tolerance)
        : box{ny, nx, 1.0 / ny, aspect / nx},
          temperature(ny * nx, 0.0),
          viscosity(ny * nx, 1.0),
          psi((ny + 1) * (nx + 1), 0.0),
          solver(box, tolerance),
          transport_{box, 1.0, 0.0},
          logs_(ny * nx, 0.0) {}

    Box box;
    Settings settings;
    Field temperature, viscosity, psi;
    RefinedSolver solver;
    double time = 0;
    long steps = 0;
    int iterations = 0;  // of the velocity that the last step began with
    Measured measured;
    std::shared_ptr<const LocalNetwork> closure;

    // T or a setting was changed from outside: nothing is gone on from but the preconditioner.
    void disturbed() {
        solved_ = false;
        past_.clear();
        before_.psi.clear();
        const auto [coldest, hottest] = std::minmax_element(temperature.begin(), temperature.end());
        lowest_ = std::min(0.0, *coldest);
        highest_ = std::max(1.0, *hottest);
        heated_ = 0;
    }

    // As new at time zero.
    void restart() {
        disturbed();
        solver.restore({});
        time = last_dt_ = 0;
        steps = 0;
        measured = {};
    }

    // The velocity of the present state; false where there is none.
    bool solve() {
        if (!solved_) {
            solved_ = solve_at(temperature, time, psi);
            iterations = solver.iterations;
        }
        return solved_;
    }

    // One step, not beyond a model time; false where the state is past repair, and left as it was.
    bool step(double until = std::numeric_limits<double>::infinity()) {
        if (!solve()) return false;
        auto [free, carrying] = unhindered();
        double carried = free;
        const double least = std::max(settings.dt_min, time * 2.3e-16);
        if (!(free >= least)) return false;
        for (int halvings = 0; halvings <= 8; ++halvings) {
            const bool reaches = time + (1 + 1e-9) * free >= until;
            const double dt = reaches ? until - time : free;
            if (dt != carried) carrying = carrying_over(dt);
            carried = dt;
            Transported after = advanced(carrying, dt);
            if (within_bounds(after.temperature, dt)) {
                finish(carrying, after, dt, reaches ? until : time + dt, free);
                return true;
            }
            if (dt < 2 * settings.dt_min) return false;
            free = 0.5 * dt;
        }
        return false;
    }

  private:
    // The velocities that carry T through a step: their mean, and those at its start, its end and
    // its middle.
    struct Carrying {
        Field psi;
        Velocity mean;
        std::vector<Velocity> stages;  // none where the mean is held
    };

    bool solve_at(const Field& T, double when, Field& found) {
        const ptrdiff_t ny = box.ny, nx = box.nx, line = nx + 1;
        const double warm = -std::log(settings.gamma_T), deep = std::log(settings.gamma_p);
        Field eta(T.size()), b((ny + 1) * line, 0.0);
        for (ptrdiff_t j = 0; j < ny; ++j)
            for (ptrdiff_t i = 0; i < nx; ++i) {
                const ptrdiff_t k = j * nx + i;
                logs_[k] = warm * T[k] + deep * (1 - (j + 0.5) * box.hy);
                eta[k] = std::exp(logs_[k]);
            }
        for (ptrdiff_t j = 1; j < ny; ++j)
            for (ptrdiff_t i = 1; i < nx; ++i) {
                const double *up = &T[j * nx + i], *down = up - nx;
                b[j * line + i] = settings.rayleigh * box.hy *
                                  (0.5 * (up[0] + down[0]) - 0.5 * (up[-1] + down[-1]));
            }
        if (!solver.solve(eta, b, when, found)) return false;
        viscosity = std::move(eta);
        return true;
    }

    Transported advanced(const Carrying& carrying, double dt) {
        std::unique_ptr<Fluxes> added;
        if (closure) {
            added = std::make_unique<Fluxes>(box);
            const Seen seen{box.ny, box.nx, temperature.data(), logs_.data(), 1.0, 0.0};
            const Moved moved{carrying.mean.u.data(), carrying.mean.v.data(), box.hx, box.hy};
            const auto unknown =
                closure->fluxes(seen, moved, added->along_x.data(), added->along_y.data());
            measured.silent = double(unknown) / (box.ny * box.nx);
        }
        const auto& own = carrying.stages;
        const Velocity* held = &carrying.mean;
        const std::array<const Velocity*, 3> stages = {own.empty() ? held : &own[0],
                                                       own.empty() ? held : &own[1],
                                                       own.empty() ? held : &own[2]};
        return transport_.step(temperature, stages, carrying.mean, settings.heating, dt, lowest_,
                               highest_ + heated_ + dt * settings.heating, added.get());
    }

    bool within_bounds(const Field& T, double dt) const {
        const double slack = settings.bounds_tolerance, heated = heated_ + dt * settings.heating;
        for (const double value : T)
            if (!(value >= lowest_ - slack && value <= highest_ + heated + slack)) return false;
        return true;
    }

    // The step where no time cuts it, and what carries T through it.
    std::pair<double, Carrying> unhindered() {
        const Velocity now = velocity(box, psi);
        const double stable = std::min(transport_.stable_dt(now, settings.courant), longest_held());
        double free = std::min(stable, settings.dt_max);
        free = std::min(free, last_dt_ > 0 ? settings.growth * last_dt_ : settings.dt_initial);
        keep(past_, time, psi, 4);
        Carrying carrying = carrying_over(free);
        double cut = transport_.stable_dt(carrying.mean, settings.courant);
        if (!carrying.stages.empty()) {
            cut = std::numeric_limits<double>::infinity();
            for (const Velocity& stage : carrying.stages)
                cut = std::min(cut, transport_.stable_dt(stage, settings.courant));
        }
        if (free <= cut) return {free, std::move(carrying)};
        return {cut, carrying_over(cut)};
    }

    // Over which the velocity may be held, see longest_without_overshoot.
    double longest_held() const {
        constexpr auto never = std::numeric_limits<double>::infinity();
        if (before_.psi.empty()) return never;
        const double size = dot(before_.psi, before_.psi), fallen = size - dot(before_.psi, psi);
        double largest = 0;
        for (const double value : before_.psi) largest = std::max(largest, std::fabs(value));
        const double elapsed = time - before_.time;
        const bool moved = elapsed * largest / (box.hx * box.hy) > 1e-6;
        return fallen > 0 && moved ? elapsed * size / fallen : never;
    }

    Carrying carrying_over(double dt) {
        if (dt > 0.25 * longest_held()) {
            past_.clear();
            return {psi, velocity(box, psi), {}};
        }
        Field first = psi, last, middle = psi;
        if (past_.size() < 2) {
            last = end_of(dt);
            for (size_t k = 0; k < psi.size(); ++k) middle[k] = 0.5 * (first[k] + last[k]);
        } else {
            const auto kept = well_apart(past_, time + dt, 0.5, 3);
            if (kept.size() < 2) return {psi, velocity(box, psi), {}};
            first = extrapolated(kept, time);
            last = extrapolated(kept, time + dt);
            middle = extrapolated(kept, time + 0.5 * dt);
        }
        Field mean(psi.size());
        for (size_t k = 0; k < psi.size(); ++k) mean[k] = (first[k] + 4 * middle[k] + last[k]) / 6;
        Velocity over = velocity(box, mean);
        return {std::move(mean),
                std::move(over),
                {velocity(box, first), velocity(box, last), velocity(box, middle)}};
    }

    // psi at the end of a step with the velocity of its start; the solver forgets it again.
    Field end_of(double dt) {
        const Transported after = advanced({psi, velocity(box, psi), {}}, dt);
        Field end;
        if (!within_bounds(after.temperature, dt)) return psi;
        const Memory memory = solver.memory();
        const Field eta = viscosity, logs = logs_;
        const bool solved = solve_at(after.temperature, time + dt, end);
        solver.restore(memory);
        viscosity = eta;
        logs_ = logs;
        return solved ? end : psi;
    }

    void finish(const Carrying& carrying, Transported& after, double dt, double then, double free) {
        const auto mean = [](const Field& T) {
            double sum = 0;
            for (const double value : T) sum += value;
            return sum / T.size();
        };
        const auto cells = double(box.ny * box.nx);
        const double *top = &carrying.mean.u[(box.ny - 1) * (box.nx + 1)],
                     *below = top - box.nx - 1;
        double surface = 0;
        for (ptrdiff_t i = 0; i <= box.nx; ++i) {
            const double along = (9 * top[i] - below[i]) / 8;
            surface += along * along;
        }
        const double gained = mean(after.temperature) - mean(temperature);
        measured.dt = dt;
        measured.mean_temperature = mean(after.temperature);
        measured.nusselt_top = after.heat_out;
        measured.nusselt_bottom = after.heat_in;
        measured.vrms = std::sqrt(
            squared_velocity(box.ny, box.nx, box.hy, box.hx, carrying.psi.data()) / cells);
        measured.surface_velocity = std::sqrt(surface / box.nx);
        measured.heat_budget = gained - dt * (after.heat_in - after.heat_out + settings.heating);
        before_ = {time, psi};
        temperature = std::move(after.temperature);
        heated_ += dt * settings.heating;
        time = then;
        ++steps;
        last_dt_ = free;
        solved_ = false;
    }

    Transport transport_;
    Field logs_;  // of viscosity
    std::vector<PastFlow> past_;
    PastFlow before_{0, {}};
    double last_dt_ = 0, lowest_ = 0, highest_ = 1, heated_ = 0;
    bool solved_ = false;
};

}  // namespace tellus
