"""The time loop's one step: a velocity from the Stokes solver, then the energy equation."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.config import Config
from tellus.coupling.build import check_grid, require_config
from tellus.coupling.own import OwnParts
from tellus.coupling.simulation.arguments import simulation_arguments
from tellus.coupling.simulation.checks import first_field, first_flow
from tellus.coupling.simulation.mid_step import MidStep, StepVelocity
from tellus.coupling.simulation.snapshot import Progress, Snapshot, require_fields_of
from tellus.coupling.simulation.statistics import RunStatistics
from tellus.coupling.simulation.stepping import (
    LAST_CHECKPOINT,
    NOT_FINITE,
    NotFiniteError,
    OutOfBoundsError,
    Stepping,
    TemperatureBounds,
    longest_without_overshoot,
)
from tellus.coupling.starts.initial import given_start, initial_state
from tellus.errors import InputError
from tellus.io.shown import facts_table
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.closure import Closure, checked_fluxes, require_closure
from tellus.solver.composite import joined, state_of
from tellus.solver.diagnostics import Diagnostics, diagnose
from tellus.solver.energy import (
    EXPLICIT,
    MP5,
    EnergyEquation,
    ExtendedBoussinesq,
    ThermalState,
)
from tellus.solver.grid import Array, Grid
from tellus.solver.heating import Heating
from tellus.solver.history import PastFlow
from tellus.solver.limits import FINITE, NOT_NEGATIVE, Choice, Limits, check
from tellus.solver.rheology import Rheology, require_rheology
from tellus.solver.stokes import (
    Flow,
    StokesProblem,
    StokesSolver,
    require_solver,
    vrms,
    warnings_of,
)
from tellus.solver.strain import dissipation, effective_viscosity
from tellus.solver.threads import one_blas_thread

log = logging.getLogger("tellus")

HELD, MID_STEP = "held", "mid-step"

MOST_REJECTIONS = 8
"""How often a step that breaks the bounds is repeated with half its dt."""


@dataclass(frozen=True)
class StepRecord:
    """One step taken: `time` is the model time it led to."""

    step: int
    time: float
    dt: float
    diagnostics: Diagnostics


class Simulation:
    """A clock, a temperature, and the solver that gives it a velocity.

    Parameters
    ----------
    grid : Grid
    rheology : Rheology
    solver : StokesSolver
        Anything that implements the protocol.
    temperature : array, shape (ny, nx)
        The initial state.
    rayleigh : float
    heating : Heating or float
        The internal heat source H.
    boundaries : BoundaryConditions
    stepping : Stepping
    scheme, advection, extended, core_capacity
        See `EnergyEquation`.
    velocity : {"mid-step", "held"}
        Which velocity carries T through a step: one that goes on in time as the last three solved
        ones did, second order or higher, or that of its start, first order.
    core_temperature : float, optional
        That of a cooling core at the start, by default of the bottom wall.
    time : float
        Model time of the initial state.
    closure : Closure, optional
        What the grid loses of T within its cells; with "mp5" only.
    """

    def __init__(
        self,
        grid: Grid,
        rheology: Rheology,
        solver: StokesSolver,
        temperature: Array,
        *,
        rayleigh: float = 1.0,
        heating: Heating | float = 0.0,
        boundaries: BoundaryConditions | None = None,
        stepping: Stepping | None = None,
        scheme: str = EXPLICIT,
        advection: str = MP5,
        velocity: str = MID_STEP,
        extended: ExtendedBoussinesq | None = None,
        core_capacity: float | None = None,
        core_temperature: float | None = None,
        time: float = 0.0,
        closure: Closure | None = None,
    ) -> None:
        check(
            "Simulation",
            rayleigh=(rayleigh, NOT_NEGATIVE),
            time=(time, FINITE),
            core_temperature=(core_temperature, Limits(optional=True)),
            velocity=(velocity, Choice((HELD, MID_STEP))),
        )
        if not hasattr(heating, "mean"):
            check("Simulation", heating=(heating, FINITE))
        require_solver("Simulation", solver)
        require_rheology("Simulation", rheology)
        initial = first_field(temperature, grid)
        if closure is not None:
            require_closure("Simulation", closure, advection)
        self.grid, self.rheology, self.solver, self.closure = grid, rheology, solver, closure
        self.rayleigh = rayleigh
        self.boundaries = boundaries = boundaries or BoundaryConditions()
        self.stepping = stepping = stepping or Stepping()
        self.energy = EnergyEquation(
            grid, boundaries, heating, scheme, extended, core_capacity, advection
        )
        self._mid_step = MidStep(grid) if velocity == MID_STEP else None
        core = core_temperature
        if core is None and core_capacity is not None:
            core = boundaries.bottom.value
        self.state = ThermalState(initial, bottom_temperature=core)
        self.time, self.steps = time, 0
        self.statistics = RunStatistics()
        self.bounds = TemperatureBounds.of(
            initial if core is None else np.append(initial, core),
            boundaries,
            extended is None,
            stepping.bounds_tolerance,
        )
        self._heated = 0.0
        self._last_dt: float | None = None
        self._flow: Flow | None = None
        self._checked = False
        self._before: PastFlow | None = None
        if closure is not None:
            warnings_of(closure, self.problem)

    @classmethod
    def from_config(
        cls,
        config: Config,
        solver: StokesSolver | None = None,
        temperature: Array | None = None,
        warn: Callable[[str], None] = log.warning,
        rheology: Rheology | None = None,
        heating: Heating | None = None,
        closure: Closure | None = None,
    ) -> Self:
        """Build what a configuration describes.

        Parameters
        ----------
        config : Config
        solver : StokesSolver, optional
            One of your own, instead of the one that `stokes.solver` names.
        temperature : array, shape (ny, nx), optional
            The initial state, instead of the field of the section `initial`.
        warn : callable
            Takes what `tellus run` would warn of, by default into the log.
        rheology, heating, closure : optional
            Of your own, instead of the law of `rheology.kind`, which layers and yielding go on top
            of, the source of the section `model` and the closure of the section `closure`.

        Raises
        ------
        InputError
            What `tellus run` refuses, such as a box that the solver cannot be used in.
        """
        require_config(config)
        own = OwnParts(solver, rheology, heating, closure)
        of_grid = check_grid(config, own)
        if temperature is None:
            start = initial_state(config, rheology)
        else:
            start = given_start(config, temperature)
        simulation = cls(**simulation_arguments(config, start, own))
        for warning in (*of_grid, *start.warnings, *simulation.check()):
            warn(warning)
        return simulation

    def check(self) -> list[str]:
        """What solver and closure warn of here; InputError where one cannot be used at all."""
        found = [warning for part in self._parts for warning in warnings_of(part, self.problem)]
        if self._mid_step is not None and self.closure is not None and self.closure.held:
            found.append(
                f"closure {self.closure.name} expects the velocity of a step's start: set "
                f'energy.velocity = "{HELD}"'
            )
        return found

    @property
    def _parts(self) -> list[StokesSolver | Closure]:
        """The solver, and the closure if there is one."""
        return [self.solver] if self.closure is None else [self.solver, self.closure]

    @property
    def temperature(self) -> Array:
        """T at the cell centres, shape (ny, nx)."""
        return self.state.temperature

    @property
    def problem(self) -> StokesProblem:
        """The momentum problem of the present state; its bottom is as warm as a cooling core."""
        boundaries, core = self.boundaries, self.state.bottom_temperature
        if core is not None:
            boundaries = replace(boundaries, bottom=replace(boundaries.bottom, value=core))
        return StokesProblem(
            self.grid,
            self.temperature,
            self.rheology,
            self.rayleigh,
            boundaries,
            self.time,
            self.energy.heating_at(self.time),
            self.closure,
        )

    @one_blas_thread()
    def flow(self) -> Flow:
        """The velocity of the present state; solved once and kept until the next step."""
        if self._flow is None:
            start = perf_counter()
            self._flow = self._solved()
            self.statistics.add(self._flow.report, perf_counter() - start)
        return self._flow

    def _solved(self) -> Flow:
        """The solver's answer, checked the first time."""
        if self._checked:
            return self.solver.solve(self.problem)
        flow = first_flow(self.problem, self.solver)
        self._checked = True
        return flow

    @one_blas_thread()
    def warm_up(self) -> None:
        """Compile kernels and touch memory now, so that no step is timed with it.

        The solver is asked once and gets its memory back as it was.
        """
        before = self.solver.state()
        flow = self._solved()
        self.solver.restore(before)
        self.energy.step(self.state, flow, self.stepping.dt_min, self.time, self._dissipation(flow))
        self.energy.stable_dt(flow, self.stepping.courant)

    def _free(self) -> tuple[float, StepVelocity]:
        """The next time step where no output time cuts it, and what carries T through it."""
        flow = self.flow()
        stable = self.energy.stable_dt(flow, self.stepping.courant)
        free = self.stepping.next_dt(min(stable, self._longest_held(flow)), self._last_dt)
        if self._mid_step is None:
            return free, StepVelocity(flow)
        self._mid_step.add(self.time, flow)
        advecting = self._step_velocity(flow, free)
        moving = self.energy.moving(*advecting)
        stable = min(self.energy.stable_dt(one, self.stepping.courant) for one in moving)
        cut = self.stepping.factor * stable
        return (free, advecting) if free <= cut else (cut, self._step_velocity(flow, cut))

    def _longest_held(self, flow: Flow) -> float:
        """The longest step that holds the velocity, see `longest_without_overshoot`."""
        if self._before is None:
            return inf
        return longest_without_overshoot(self._before, PastFlow(self.time, flow.psi), self.grid)

    def slowed_by_diffusion(self) -> float:
        """How many times longer the next step might be with implicit diffusion."""
        flow, stepping = self.flow(), self.stepping
        others = min(stepping.dt_max, self._longest_held(flow))
        free = min(others, self.energy.advective_dt(flow, stepping.courant))
        return free / min(others, self.energy.stable_dt(flow, stepping.courant))

    def reaches(self, until: float) -> bool:
        """Whether the next step would end at `until`, cut to it or not."""
        # The slack keeps rounding from leaving a sliver of a step before `until`.
        return self.time + (1.0 + 1e-9) * self._free()[0] >= until

    @one_blas_thread()
    def step(self, until: float = float("inf")) -> StepRecord:
        """Take one step, not beyond model time `until`.

        Raises
        ------
        InputError
            The simulation has come to `until` already.
        RunFailedError
            T is not finite or out of its physical bounds, or dt collapsed; the state is
            left as it was before the step.
        """
        check("Simulation.step", until=(until, Limits(above=self.time, infinite=True)))
        flow = self.flow()
        start = perf_counter()
        free, advecting = self._free()
        found_for = free
        self.stepping.check(free, self.time, self.steps + 1, flow, self.grid)
        for halvings in range(MOST_REJECTIONS + 1):
            # The slack keeps rounding from leaving a sliver of a step before `until`.
            reaches = self.time + (1.0 + 1e-9) * free >= until
            dt = until - self.time if reaches else free
            if dt != found_for:
                advecting, found_for = self._step_velocity(flow, dt), dt
            time = until if reaches else self.time + dt
            heated = self._heated + dt * self.energy.mean_heating(self.time, self.time + dt)
            # Not after.source, which holds what a divergence takes from the mean: no bound on T.
            after = self._advanced(advecting, dt, heated)
            wrong = self.bounds.violation(after.temperature, self.temperature, heated, self.grid)
            if wrong is None:
                break
            self.statistics.rejected += 1
            if halvings == MOST_REJECTIONS or dt < 2.0 * self.stepping.dt_min:
                kind = NotFiniteError if wrong.startswith(NOT_FINITE) else OutOfBoundsError
                raise kind(
                    f"step {self.steps + 1}, t = {self.time:.6g}: {wrong}, still so after "
                    f"{halvings} halvings of the time step to {dt:.3g}; try a smaller "
                    f"time.courant, a finer grid, or --stokes direct. {LAST_CHECKPOINT}"
                )
            free = 0.5 * dt
        measured = diagnose(self.state, after, advecting.mean, self.grid, dt, self.boundaries)
        self._before = PastFlow(self.time, flow.psi)
        self.state, self.time, self.steps, self._heated = after, time, self.steps + 1, heated
        # A step cut short to hit `until` must not slow the growth of the ones after it.
        self._last_dt, self._flow = free, None
        self.statistics.energy += perf_counter() - start
        return StepRecord(self.steps, time, dt, measured)

    def run(
        self,
        until: float = float("inf"),
        observers: Sequence["Observer"] = (),
        steps: int | None = None,
    ) -> None:
        """Step to a model time, or through a number of steps, whichever comes first.

        Parameters
        ----------
        until : float
            Model time, hit exactly.
        observers : sequence of callables
            After every step each is called with the simulation and the step's `StepRecord`. An
            observer that wants no more steps raises `StopIteration`.
        steps : int, optional
            Most steps to take.

        Raises
        ------
        InputError
            Neither a time nor a number of steps is given, or the time has passed already.
        RunFailedError
            As in `step`.
        """
        check("Simulation.run", until=(until, Limits(least=self.time, infinite=True)))
        needed = not until < float("inf")
        check("Simulation.run", steps=(steps, Limits(least=0, whole=True, optional=not needed)))
        for observe in observers:
            if not callable(observe):
                raise InputError(
                    f"Simulation.run: observers must be callable with a simulation and a record, "
                    f"and {observe!r:.60} is not."
                )
        last = None if steps is None else self.steps + steps
        with suppress(StopIteration):
            while self.time < until and self.steps != last:
                record = self.step(until)
                for observe in observers:
                    observe(self, record)

    def _repr_html_(self) -> str:
        flow, closure = self._flow, self.closure
        facts = {
            "grid": self.grid,
            "viscosity": self.rheology,
            "Rayleigh number": f"{self.rayleigh:g}",
            "solver": self.solver.name,
            "energy": f"{self.energy.advection}, {self.energy.scheme}",
            **({} if closure is None else {"closure": closure.name}),
            "reached": f"step {self.steps}, t = {self.time:.6g}",
            "<T>": f"{float(np.mean(self.temperature)):.5g}",
            **({} if flow is None else {"Vrms": f"{vrms(flow, self.grid):.5g}"}),
        }
        return facts_table("Simulation", facts)

    def _step_velocity(self, flow: Flow, dt: float) -> StepVelocity:
        """The velocities of a step of length dt, of that at its start."""
        if self._mid_step is None:
            return StepVelocity(flow)
        longest, end = self._longest_held(flow), partial(self._end, flow, dt)
        return self._mid_step.over(self.time, dt, flow, longest, end)

    def _advanced(self, advecting: StepVelocity, dt: float, heated: float) -> ThermalState:
        """The state after a step with these velocities."""
        flow, stages = advecting
        bounds = (self.bounds.lowest, self.bounds.highest + heated)
        dissipated = self._dissipation(flow)
        added = None
        if self.closure is not None:
            added = checked_fluxes(self.closure, self.problem, flow)
            if self.closure.silent is not None:
                self.statistics.note("silent", float(self.closure.silent))
        return self.energy.step(self.state, flow, dt, self.time, dissipated, bounds, stages, added)

    def _end(self, flow: Flow, dt: float) -> Flow:
        """The velocity that a step with `flow` ends with; the solver forgets it again.

        That of its start where T would leave its bounds: the step itself then does, too, and is
        taken anew.
        """
        heated = self._heated + dt * self.energy.mean_heating(self.time, self.time + dt)
        after = self._advanced(StepVelocity(flow), dt, heated)
        if self.bounds.violation(after.temperature, self.temperature, heated, self.grid):
            return flow
        before = self.solver.state()
        problem = replace(self.problem, temperature=after.temperature, time=self.time + dt)
        end = self.solver.solve(problem)
        self.solver.restore(before)
        return end

    def _dissipation(self, flow: Flow) -> Array | None:
        """Shear heating, where the energy equation asks for it."""
        if self.energy.extended is None:
            return None
        viscosity = effective_viscosity(self.problem, flow)
        return dissipation(flow, viscosity, self.grid, self.boundaries)

    def snapshot(self) -> Snapshot:
        """Everything needed to go on bitwise from here, as arrays."""
        arrays = Progress(
            state=self.state,
            time=self.time,
            steps=self.steps,
            bounds=self.bounds,
            heated=self._heated,
            last_dt=self._last_dt,
            before=self._before,
            flow=self._flow,
        ).to_arrays()
        parts = {} if self._mid_step is None else {"mid-step": self._mid_step.state()}
        arrays |= joined({**parts, "solver": self.solver.state()})
        return arrays | {"velocity_from": np.array(self._velocity_from())}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to what `snapshot` described.

        Another solver than the one that was asked then starts without its memory and its
        velocity, which may be why it was replaced.

        Raises
        ------
        KeyError, ValueError
            The snapshot is not of this grid, or not complete.
        """
        require_fields_of(self.grid, arrays)
        found = Progress.of(arrays, self.stepping.bounds_tolerance, self.solver.name)
        self.state, self.time, self.steps = found.state, found.time, found.steps
        self.bounds, self._heated, self._last_dt = found.bounds, found.heated, found.last_dt
        self._flow = self._before = None
        if self._mid_step is not None:
            self._mid_step = MidStep(self.grid)
        if str(arrays["velocity_from"]) != self._velocity_from():
            return
        self.solver.restore(state_of("solver", arrays))
        if self._mid_step is not None:
            self._mid_step.restore(state_of("mid-step", arrays))
        self._before, self._flow = found.before, found.flow

    def _velocity_from(self) -> str:
        """The solver and the closure, if any, and the weights of each, if any."""
        named = (f"{part.name} {part.weights_sha256 or ''}" for part in self._parts)
        return " ".join(named).strip()


Observer = Callable[[Simulation, StepRecord], object]
"""What is called after a step."""
