"""The energy equation: conservative finite volumes, explicit or with implicit diffusion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from tellus.errors import InputError

from . import energy_kernels
from .boundaries import TEMPERATURE, BoundaryConditions, along_walls
from .core import Core
from .diffusion import DiffusionSolver
from .grid import Array, Grid
from .heating import ConstantHeating, Heating, mean_of
from .limits import FINITE, NOT_NEGATIVE, POSITIVE, Choice, Limits, check, check_record
from .stokes import Flow
from .transport.diffusion import MeanDiffusion
from .transport.means import Fluxes, MeanTransport
from .transport.schemes import ark2, heun
from .transport.step import STAGES, MeanStep

VAN_LEER, MP5 = "van-leer", "mp5"
EXPLICIT, IMPLICIT = "explicit", "implicit"

MOST_DIAGONALISED = 2048
"""Cells along the box: half a minute and 100 MB; both grow with the cube and the square of it."""

UNBOUNDED = (-inf, inf)

MOST_AMISS = 2.0
"""Shear heating over the work that it stands for, or the reverse, beyond which it is left alone:
a flow so far from a solution, or all but at rest, says nothing of either."""


@dataclass(frozen=True)
class ThermalState:
    """Temperature at the cell centres, shape (ny, nx), and the heat of the step that led here.

    `heat_in` (bottom) and `heat_out` (top) are fluxes per unit width, `heat_sides` the flux
    into the box through both sides per unit height, `source` the mean of all sources over the
    box; averages over the step, NaN before the first. `bottom_temperature` is that of the core
    where it cools, else None. `fluxes` is the heat through every face where that is kept.
    """

    temperature: Array
    heat_in: float = float("nan")
    heat_out: float = float("nan")
    heat_sides: float = float("nan")
    source: float = float("nan")
    bottom_temperature: float | None = None
    fluxes: Fluxes | None = None


@dataclass(frozen=True)
class ExtendedBoussinesq:
    """Adiabatic and shear heating, King et al. (2010): - Di (T + T0) v + (Di / Ra) Phi.

    `dissipation_number` Di; `surface_temperature` T0 over the temperature contrast.
    """

    dissipation_number: float
    surface_temperature: float
    rayleigh: float

    def __post_init__(self) -> None:
        check_record(
            self,
            dissipation_number=NOT_NEGATIVE,
            surface_temperature=NOT_NEGATIVE,
            rayleigh=POSITIVE,
        )


@dataclass(frozen=True)
class EnergyEquation:
    """dT/dt + u . grad T = laplace T + H, conservative, of cell means. `advection`:

    - "van-leer": limited upwind fluxes and conduction, second order where T is smooth;
    - "mp5": of fifth and fourth order, walls and products included; see `MeanTransport`. T is
      kept within the `bounds` that a step is given.

    `scheme`, of the order in time for a given velocity that is said (with the velocity of the
    start of the step, the coupled scheme is of first order):

    - "explicit": strong-stability preserving Runge-Kutta, of second order (Heun) with "van-leer"
      and of third with "mp5";
    - "implicit": ARK2(2,3,2) of Giraldo, Kelly and Constantinescu (2013), a32 = 1/2: L-stable
      TR-BDF2 for diffusion and, at the same times, a strong-stability preserving method for the
      rest, so that a steady state is one for any dt; dt knows the advective limit only. Second
      order.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    heating : Heating or float
        Internal heat source H(t).
    scheme, advection : str
    extended : ExtendedBoussinesq, optional
        Adiabatic and shear heating.
    core_capacity : float, optional
        Heat capacity of a well-mixed core over the mantle's; its temperature, that of the
        bottom wall, then follows from the heat that it loses, stable at any dt: see `Core`.
    keep_fluxes : bool
        Whether a step of "mp5" leaves the heat through every face in its state.
    """

    grid: Grid
    boundaries: BoundaryConditions = BoundaryConditions()
    heating: Heating | float = 0.0
    scheme: str = EXPLICIT
    extended: ExtendedBoussinesq | None = None
    core_capacity: float | None = None
    advection: str = VAN_LEER
    keep_fluxes: bool = False

    def __post_init__(self) -> None:
        check_record(
            self,
            scheme=Choice((EXPLICIT, IMPLICIT)),
            advection=Choice((VAN_LEER, MP5)),
            core_capacity=Limits(above=0.0, optional=True),
        )
        longest = max(self.grid.cells)
        if (self.scheme, self.advection) == (IMPLICIT, MP5) and longest > MOST_DIAGONALISED:
            raise InputError(
                f'time.scheme = "implicit" with energy.advection = "mp5" diagonalises matrices of '
                f"as many rows as there are cells along the box, {MOST_DIAGONALISED} at most, not "
                f'{longest}: take "explicit", or "van-leer".'
            )
        if self.core_capacity is not None and self.boundaries.bottom.thermal != TEMPERATURE:
            raise InputError(
                f'EnergyEquation: core_capacity needs a bottom wall of "{TEMPERATURE}", which the '
                f'core sets, not "{self.boundaries.bottom.thermal}".'
            )

    @property
    def may_be_implicit(self) -> bool:
        """Whether diffusion is explicit, and need not be on this grid."""
        fits = self.advection == VAN_LEER or max(self.grid.cells) <= MOST_DIAGONALISED
        return self.scheme == EXPLICIT and fits

    @property
    def order(self) -> int:
        """Order of accuracy in time, for a given velocity."""
        return 3 if (self.scheme, self.advection) == (EXPLICIT, MP5) else 2

    def step(
        self,
        state: ThermalState,
        flow: Flow,
        dt: float,
        time: float = 0.0,
        dissipation: Array | None = None,
        bounds: tuple[float, float] = UNBOUNDED,
        stages: Sequence[Flow] = (),
        added: Fluxes | None = None,
    ) -> ThermalState:
        """The state one step of size `dt` after `time`.

        A flow that is marked as divergent, as networks may predict it, moves T about and makes
        none: T div u is added back to -div(u T).

        Parameters
        ----------
        state : ThermalState
        flow : Flow
            The velocity, held over the step, or its mean.
        dt, time : float
        dissipation : array, shape (ny, nx), optional
            At the cells; needed with `extended` only. Scaled so that all of it is the work that
            rising fluid does: so it is, to rounding, for a flow that was solved for on this
            grid and T, and with any other no heat comes from nowhere.
        bounds : pair of float
            Between which T lies before the step, and after it with "mp5".
        stages : three of Flow, optional
            At the start, the end and the middle of the step. Explicit "mp5" takes its stages with
            them, where they are free of divergence, so that it is of third order in time with the
            flow; sources are those of the mean.
        added : Fluxes, optional
            Heat through the faces beside that of "mp5", held over the step and kept within the
            bounds with it.
        """
        check("EnergyEquation.step", dt=(dt, POSITIVE), time=(time, FINITE))
        divergence = self._divergence(flow)
        steady = self.mean_heating(time, time + dt)

        def source(temperature: Array) -> Array | float:
            heating = self._sources(temperature, flow, steady, dissipation)
            return heating if divergence is None else heating + temperature * divergence

        bottom = state.bottom_temperature
        bottom = self.boundaries.bottom.value if bottom is None else bottom
        if self.advection == MP5:
            moving = self.moving(flow, stages)
            flows = tuple(moving) if len(moving) == len(STAGES) else (flow,) * len(STAGES)
            means, core, start = self._means, self._core, state.temperature
            step = MeanStep(means, core, start, bottom, flow, flows, source, dt, added)
            return self._step_of_means(step, bounds)

        def transport(temperature: Array, bottom: float) -> tuple[Array, Array]:
            rate = np.empty(self.grid.cells)
            grid, walls = self.grid, self.boundaries.values(bottom)
            energy_kernels.advect(
                temperature, flow.u, flow.v, grid.hx, grid.hy, self.boundaries.fixed, walls, rate
            )
            heating = source(temperature)
            rate += heating
            return rate, self._heat(temperature, walls, heating)

        advance, diffusion = ark2 if self.scheme == IMPLICIT else heun, self._diffusion
        return self._state(*advance(state.temperature, bottom, transport, diffusion, dt))

    def moving(self, mean: Flow, stages: Sequence[Flow] = ()) -> Sequence[Flow]:
        """The velocities that a step with this mean and these stages moves T with, see `step`."""
        explicit = (self.scheme, self.advection) == (EXPLICIT, MP5)
        return stages if stages and explicit and not mean.divergent else (mean,)

    def _state(self, temperature: Array, heat: Array, bottom: float) -> ThermalState:
        """The state after a step; `heat` came from left, right, bottom, top and sources, (5,)."""
        left, right, below, above, source = heat.tolist()
        core = None if self.core_capacity is None else bottom
        return ThermalState(temperature, below, -above, left + right, source, core)

    def stable_dt(self, flow: Flow, courant: float) -> float:
        """The largest dt with ``dt (A / courant + D) <= 1``.

        A = max(|u|/hx + |v|/hy) bounds advection in both directions together, so that dt A
        never exceeds `courant`. D bounds diffusion, 2/h^2 in each direction and 3/h^2 across
        the half cells of a wall of fixed temperature; it is zero for the implicit scheme.
        Each explicit stage of "van-leer" is then monotone for courant <= 1/2; with "mp5" D is
        that of its own fluxes and stages. Adiabatic cooling, at the rate
        Di |v|, is the faster of the two, and bounds dt in its place, where cells are higher
        than 1 / Di. Infinite for a fluid at rest with implicit diffusion.
        """
        diffusion = 0.0 if self.scheme == IMPLICIT else self._diffusion_rate
        limit = self._advection_rate(flow) / courant + diffusion
        return float(1.0 / limit) if limit > 0.0 else float("inf")

    def advective_dt(self, flow: Flow, courant: float) -> float:
        """The largest dt that `stable_dt` allows for advection alone, whatever the scheme."""
        rate = self._advection_rate(flow)
        return float(courant / rate) if rate > 0.0 else float("inf")

    @property
    def diffusive_dt(self) -> float:
        """The largest dt that is stable in a fluid at rest: no step is longer."""
        return float("inf") if self.scheme == IMPLICIT else 1.0 / self._diffusion_rate

    def _advection_rate(self, flow: Flow) -> float:
        rate = float(energy_kernels.advection_rate(flow.u, flow.v, self.grid.hx, self.grid.hy))
        if self.extended is None:
            return rate
        return max(rate, self.extended.dissipation_number * float(np.max(np.abs(flow.v))))

    def _step_of_means(self, step: MeanStep, bounds: tuple[float, float]) -> ThermalState:
        """A step of "mp5", its fluxes summed so that they can be limited as a whole."""
        explicit = self.scheme == EXPLICIT
        stepped = step.explicit() if explicit else step.implicit(self._mean_diffusion)
        if stepped.beyond(*bounds):
            implicit = None if explicit else DiffusionSolver(self.grid, self.boundaries)
            stepped = step.limited(stepped, bounds, implicit)
        heat = np.array([*stepped.heat, np.mean(stepped.sources)])
        state = self._state(stepped.temperature, heat, stepped.bottom)
        return replace(state, fluxes=stepped.fluxes(self.grid)) if self.keep_fluxes else state

    def _divergence(self, flow: Flow) -> Array | None:
        """div u at the cells, shape (ny, nx), of a flow that owns to one."""
        if not flow.divergent:
            return None
        across, up = np.diff(flow.u, axis=1), np.diff(flow.v, axis=0)
        return np.asarray(across / self.grid.hx + up / self.grid.hy)

    def _sources(
        self, temperature: Array, flow: Flow, steady: float, dissipation: Array | None
    ) -> Array | float:
        if self.extended is None:
            return steady
        if dissipation is None:
            raise ValueError("extended Boussinesq needs the dissipation")
        number = self.extended.dissipation_number
        v = 0.5 * (flow.v[1:] + flow.v[:-1])
        adiabatic = number * (temperature + self.extended.surface_temperature) * v
        friction = number / self.extended.rayleigh * dissipation
        work, heat = float(np.mean(adiabatic)), float(np.mean(friction))
        if heat < MOST_AMISS * work and work < MOST_AMISS * heat:
            friction *= work / heat
        return steady - adiabatic + friction

    def _heat(self, temperature: Array, walls: Array, source: Array | float) -> Array:
        """Mean heat flux into the box through left, right, bottom, top; mean of the sources."""
        around = along_walls(temperature), self.grid.wall_spacings, self.boundaries.fixed, walls
        fluxes = [
            np.mean(2.0 * (value - edge) / h) if fixed else value
            for edge, h, fixed, value in zip(*around, strict=True)
        ]
        return np.array([*fluxes, np.mean(source)])

    @cached_property
    def _core(self) -> Core | None:
        if self.core_capacity is None:
            return None
        if self.advection == MP5:
            return self._means.core(self.core_capacity)
        return Core.under_half_cells(self.core_capacity, self.grid.hy)

    def heating_at(self, time: float) -> float:
        """The internal heating H at a model time; InputError where that is no finite number."""
        return mean_of(self._source, time, time)

    def mean_heating(self, start: float, end: float) -> float:
        """The internal heating H on average between two model times; InputError likewise."""
        return mean_of(self._source, start, end)

    @cached_property
    def _source(self) -> Heating:
        heating = self.heating
        return ConstantHeating(heating) if isinstance(heating, int | float) else heating

    @cached_property
    def _diffusion(self) -> DiffusionSolver:
        return DiffusionSolver(self.grid, self.boundaries, self._core)

    @cached_property
    def _mean_diffusion(self) -> MeanDiffusion:
        return MeanDiffusion(self.grid, self.boundaries, self._core)

    @cached_property
    def _means(self) -> MeanTransport:
        return MeanTransport(self.grid, self.boundaries)

    @cached_property
    def _diffusion_rate(self) -> float:
        if self.advection == MP5:
            return self._means.diffusion_rate()
        sides, ends = self.boundaries.isothermal[:2], self.boundaries.isothermal[2:]
        across, along = (3.0 if any(pair) else 2.0 for pair in (sides, ends))
        return across / self.grid.hx**2 + along / self.grid.hy**2
