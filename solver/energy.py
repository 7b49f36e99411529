"""The energy equation: conservative finite volumes, explicit or with implicit diffusion."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt

import numpy as np

from . import energy_kernels
from .boundaries import TEMPERATURE, BoundaryConditions
from .diffusion import DiffusionSolver
from .grid import Array, Grid
from .heating import ConstantHeating, Heating
from .stokes import Flow

EXPLICIT, IMPLICIT = "explicit", "implicit"
GAMMA = 1.0 - 1.0 / sqrt(2.0)


@dataclass(frozen=True)
class ThermalState:
    """Temperature at the cell centres, shape (ny, nx), and the heat of the step that led here.

    `heat_in` (bottom) and `heat_out` (top) are fluxes per unit width, `heat_sides` the flux
    into the box through both sides per unit height, `source` the mean of all sources over the
    box; averages over the step, NaN before the first. `bottom_temperature` is that of the core
    where it cools, else None.
    """

    temperature: Array
    heat_in: float = float("nan")
    heat_out: float = float("nan")
    heat_sides: float = float("nan")
    source: float = float("nan")
    bottom_temperature: float | None = None


@dataclass(frozen=True)
class ExtendedBoussinesq:
    """Adiabatic and shear heating, King et al. (2010): - Di (T + T0) v + (Di / Ra) Phi.

    `dissipation_number` Di; `surface_temperature` T0 over the temperature contrast.
    """

    dissipation_number: float
    surface_temperature: float
    rayleigh: float


@dataclass(frozen=True)
class EnergyEquation:
    """dT/dt + u . grad T = laplace T + H, van Leer limited upwind fluxes.

    Second order in space (smooth fields) and in time for a given velocity; with the velocity
    frozen over the step the coupled scheme is first order in time. `scheme`:

    - "explicit": Heun's method, strong-stability preserving (Runge-Kutta 2);
    - "implicit": the same for advection and sources, an L-stable two-stage SDIRK for diffusion,
      IMEX-SSP2(2,2,2) of Pareschi and Russo (2005); dt knows the advective limit only.

    Parameters
    ----------
    grid : Grid
    boundaries : BoundaryConditions
    heating : Heating or float
        Internal heat source H(t).
    scheme : str
    extended : ExtendedBoussinesq, optional
        Adiabatic and shear heating.
    core_capacity : float, optional
        Heat capacity of a well-mixed core over the mantle's; its temperature, that of the
        bottom wall, then follows from the heat that it loses: C dT_b/dt = -q_b.
    """

    grid: Grid
    boundaries: BoundaryConditions = BoundaryConditions()
    heating: Heating | float = 0.0
    scheme: str = EXPLICIT
    extended: ExtendedBoussinesq | None = None
    core_capacity: float | None = None
    order: int = field(default=2, init=False)

    def step(
        self,
        state: ThermalState,
        flow: Flow,
        dt: float,
        time: float = 0.0,
        dissipation: Array | None = None,
    ) -> ThermalState:
        """The state one step of size `dt` after `time`.

        `dissipation` at the cells, shape (ny, nx), is needed with `extended` only.

        A flow that is marked as divergent, as networks may predict it, moves T about and makes
        none: T div u is added back to -div(u T).
        """
        walls = self._wall_values(state)
        divergence = self._divergence(flow)
        steady = self.mean_heating(time, time + dt)
        sources: list[float] = []

        def tendency(temperature: Array) -> Array:
            """Advection and sources; what the sources add is noted for the budget."""
            rate = np.empty(self.grid.cells)
            grid = self.grid
            energy_kernels.advect(
                temperature, flow.u, flow.v, grid.hx, grid.hy, self._fixed, walls, rate
            )
            source = self._sources(temperature, flow, steady, dissipation)
            if divergence is not None:
                source = source + temperature * divergence
            sources.append(float(np.mean(source)))
            rate += source
            return rate

        advance = self._implicit if self.scheme == IMPLICIT else self._explicit
        temperature, stages = advance(state.temperature, tendency, walls, dt)
        fluxes = np.mean([self._wall_fluxes(stage, walls) for stage in stages], axis=0)
        left, right, bottom, top = fluxes.tolist()
        core = None
        if self.core_capacity is not None:
            core = float(walls[2]) - dt * bottom / self.core_capacity
        return ThermalState(temperature, bottom, -top, left + right, float(np.mean(sources)), core)

    def stable_dt(self, flow: Flow, courant: float) -> float:
        """The largest dt with ``dt (A / courant + D) <= 1``.

        A = max(|u|/hx + |v|/hy) bounds advection in both directions together, so that dt A
        never exceeds `courant`. D bounds diffusion, 2/h^2 in each direction and 3/h^2 across
        the half cells of a wall of fixed temperature; it is zero for the implicit scheme.
        Each explicit stage is then monotone for courant <= 1/2. Infinite for a fluid at rest
        with implicit diffusion.
        """
        hx, hy = self.grid.hx, self.grid.hy
        advection = energy_kernels.advection_rate(flow.u, flow.v, hx, hy)
        limit = advection / courant + (0.0 if self.scheme == IMPLICIT else self._diffusion_rate)
        return float(1.0 / limit) if limit > 0.0 else float("inf")

    def _explicit(
        self,
        start: Array,
        tendency: Callable[[Array], Array],
        walls: Array,
        dt: float,
    ) -> tuple[Array, list[Array]]:
        """Heun's method; the stages at which fluxes were taken come back too."""
        hx, hy = self.grid.hx, self.grid.hy
        rate = tendency(start)
        energy_kernels.diffuse(start, hx, hy, self._fixed, walls, rate)
        middle = start + dt * rate
        rate = tendency(middle)
        energy_kernels.diffuse(middle, hx, hy, self._fixed, walls, rate)
        return 0.5 * (start + middle + dt * rate), [start, middle]

    def _implicit(
        self,
        start: Array,
        tendency: Callable[[Array], Array],
        walls: Array,
        dt: float,
    ) -> tuple[Array, list[Array]]:
        """IMEX-SSP2(2,2,2); diffusion follows from the stages' own equations."""
        a = GAMMA * dt
        first = self._diffusion.solve(start, a, walls)
        diffusion_1 = (first - start) / a
        explicit_1 = tendency(first)
        rhs = start + dt * (explicit_1 + (1.0 - 2.0 * GAMMA) * diffusion_1)
        second = self._diffusion.solve(rhs, a, walls)
        diffusion_2 = (second - rhs) / a
        change = explicit_1 + tendency(second) + diffusion_1 + diffusion_2
        return start + 0.5 * dt * change, [first, second]

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
        return steady - adiabatic + number / self.extended.rayleigh * dissipation

    def _wall_fluxes(self, temperature: Array, walls: Array) -> Array:
        """Mean heat flux into the box through left, right, bottom, top."""
        grid = self.grid
        edges = (temperature[:, 0], temperature[:, -1], temperature[0], temperature[-1])
        spacings = (grid.hx, grid.hx, grid.hy, grid.hy)
        return np.array(
            [
                np.mean(2.0 * (value - edge) / h) if fixed else value
                for edge, h, fixed, value in zip(edges, spacings, self._fixed, walls, strict=True)
            ]
        )

    def _wall_values(self, state: ThermalState) -> Array:
        values = np.array([wall.value for wall in self.boundaries.walls.values()])
        if state.bottom_temperature is not None:
            values[2] = state.bottom_temperature
        return values

    @cached_property
    def _fixed(self) -> energy_kernels.Flags:
        return np.array([w.thermal == TEMPERATURE for w in self.boundaries.walls.values()])

    def heating_at(self, time: float) -> float:
        """The internal heating H at a model time."""
        return self._source.mean(time, time)

    def mean_heating(self, start: float, end: float) -> float:
        """The internal heating H on average between two model times."""
        return self._source.mean(start, end)

    @cached_property
    def _source(self) -> Heating:
        heating = self.heating
        return ConstantHeating(heating) if isinstance(heating, int | float) else heating

    @cached_property
    def _diffusion(self) -> DiffusionSolver:
        return DiffusionSolver(self.grid, self.boundaries)

    @cached_property
    def _diffusion_rate(self) -> float:
        across, along = (3.0 if any(pair) else 2.0 for pair in (self._fixed[:2], self._fixed[2:]))
        return across / self.grid.hx**2 + along / self.grid.hy**2
