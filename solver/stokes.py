"""The plug every way of getting a velocity fits into: problem in, flow out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError, SolverError

from .boundaries import BoundaryConditions
from .grid import Array, Grid
from .limits import FINITE, check_record, check_shape
from .rheology import Rheology, depends_on_strain_rate

SolverState = Mapping[str, NDArray[np.generic]]

THROUGH_WALLS = 1e-6
"""The share of the largest velocity that may go through a wall: single precision's rounding."""


class MomentumClosure(Protocol):
    """What a closure says to the momentum equation; `Closure` adds heat fluxes."""

    name: str
    of_own_grid: bool = False
    """Whether it expects velocities of solves on its own grid, not extrapolated ones."""

    def refined(self, problem: "StokesProblem", finer: Grid) -> "StokesProblem":
        """The momentum problem on a grid that divides each cell, as `fine:R` solves it.

        Its temperature is what is buoyant, its rheology what gives the viscosity.
        """
        ...

    def viscosity(self, problem: "StokesProblem", found: Array) -> Array:
        """What cells show a solve on their grid of the viscosity of their mean T, `found`.

        Of its shape, (ny, nx); or (2, ny, nx), to stretching and to shear: viscosity that varies
        within a cell resists the former with its arithmetic mean, nearly, and the latter with less.
        """
        return found

    def check(self, problem: "StokesProblem") -> list[str]:
        """Warnings about using this closure here; InputError where it cannot be used at all."""
        return []


@dataclass(frozen=True)
class StokesProblem:
    """Everything the momentum equation depends on at one moment.

    `temperature` has shape (ny, nx); `time` is the model time. The momentum equation
    does not know `heating`, the internal heating at that time; networks may. `closure` says what
    a finer grid sees of it, where it is not interpolated, and what viscosity this one does.
    """

    grid: Grid
    temperature: Array
    rheology: Rheology
    rayleigh: float = 1.0
    boundaries: BoundaryConditions = BoundaryConditions()
    time: float = 0.0
    heating: float = 0.0
    closure: "MomentumClosure | None" = None

    def __post_init__(self) -> None:
        check_shape("StokesProblem", "temperature", self.temperature, self.grid.cells)
        check_record(self, rayleigh=FINITE, time=FINITE)

    def viscosity(self) -> Array:
        """Viscosity that the cells show, shape (ny, nx); raises as `viscosity_of_means` does.

        With a closure that tells them apart (2, ny, nx), to stretching and to shear.
        """
        found = self.viscosity_of_means()
        if self.closure is None:
            return found
        shown = self.closure.viscosity(self, found)
        shapes = self.grid.cells, (2, *self.grid.cells)
        real = isinstance(shown, np.ndarray) and shown.dtype.kind in "fiu"
        if not real or shown.shape not in shapes or not np.all((shown > 0.0) & (shown < np.inf)):
            raise InputError(
                f"closure {self.closure.name}: viscosity must return positive, finite numbers of "
                f"shape {self.grid.cells}, or of two such fields: mend it, or bound them."
            )
        return shown

    def viscosity_of_means(self) -> Array:
        """Viscosity at the cells, shape (ny, nx), of a law without strain rate.

        Raises SolverError for a non-linear law: `PicardSolver` goes around a linear solver
        and hands it problems whose viscosity is known.
        """
        if depends_on_strain_rate(self.rheology):
            raise SolverError(
                "this viscosity law depends on the strain rate and needs an iteration: wrap the "
                "solver in tellus.solver.picard.PicardSolver."
            )
        return self.rheology.viscosity(self.temperature, self.grid)


@dataclass(frozen=True)
class StokesReport:
    """How a velocity was obtained.

    `seconds` maps phase names ("assemble", "factor", "solve", "features",
    "network", ...) to wall time; `residual` is |A psi - b| / |b| where the
    solver knows it, else NaN; `status` is "solved", "held", "extrapolated",
    "predicted", "corrected" or "fallback".

    `estimate` is the velocity error, relative to the velocity, that a solver estimated
    before it decided what to hand out; `error` is the true one, where the solver was asked to
    find it out; NaN where there is none. `products` counts those with A on the finest grid, None
    where they are not counted.
    """

    solver: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    iterations: int = 1
    residual: float = float("nan")
    status: str = "solved"
    estimate: float = float("nan")
    error: float = float("nan")
    products: int | None = None


@dataclass(frozen=True)
class Flow:
    """A velocity, free of divergence in every cell unless it is marked otherwise.

    Shapes: psi (ny+1, nx+1) at the nodes, u (ny, nx+1) and v (ny+1, nx) on the faces.
    `divergent` owns to a divergence; an unmarked one is a mistake, and is left to pile up heat
    until the bounds of T notice.
    """

    psi: Array
    u: Array
    v: Array
    report: StokesReport
    p: Array | None = None
    divergent: bool = False

    def reported(self, **changes: Any) -> "Flow":
        """A copy with `changes` in its report."""
        return replace(self, report=replace(self.report, **changes))


class StokesSolver(Protocol):
    """Any way of getting a velocity. Subclass it and write `solve`; all else has a default.

    Solvers that remember something between steps also write `state` (arrays
    that checkpoints save) and `restore` (the same arrays back), so that a
    resumed run is bitwise the run that was never stopped. What is asked before a solver is
    built, such as the memory that it will take, stands beside its name in
    `tellus.coupling.solvers.kinds`.
    """

    name: str

    tolerance: float = 0.0
    """Error of the velocity, relative, at which a solver that iterates may stop."""

    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity at `problem.time`; raises SolverError when there is none."""
        ...

    def flow(
        self,
        psi: Array,
        grid: Grid,
        seconds: Mapping[str, float],
        iterations: int = 1,
        residual: float = float("nan"),
        **more: Any,
    ) -> Flow:
        """psi as this solver's answer: differenced, with a `StokesReport` under its name.

        Parameters
        ----------
        psi : array, shape (ny+1, nx+1)
            At the nodes, float64.
        grid : Grid
        seconds, iterations, residual, **more
            Entries of the report.
        """
        report = StokesReport(self.name, seconds, iterations, residual, **more)
        return flow_from_psi(psi, grid, report)

    def check(self, problem: StokesProblem) -> list[str]:
        """Warnings about using this solver here; InputError where it cannot be used at all."""
        return []

    def state(self) -> SolverState:
        """What the solver remembers, as arrays."""
        return {}

    def restore(self, state: SolverState) -> None:
        """Take back what `state` handed out."""
        return None

    @property
    def weights_sha256(self) -> str | None:
        """Digest of the weights that the velocity comes from, where it comes from any."""
        return None

    @property
    def shares_processes(self) -> bool:
        """Whether all processes of an mpirun build it and call it, at the same moments."""
        return False

    @property
    def cycle(self) -> int | None:
        """Calls after which the solver does the same again; None where the flow decides."""
        return None if self.state() else 1


def velocity(psi: Array, grid: Grid) -> tuple[Array, Array]:
    """u = d psi/dy on vertical faces and v = -d psi/dx on horizontal faces.

    One-cell differences of the nodal stream function: the discrete divergence
    of (u, v) vanishes in every cell, to rounding.
    """
    return (psi[1:] - psi[:-1]) / grid.hy, (psi[:, 1:] - psi[:, :-1]) / -grid.hx


def flow_from_psi(psi: Array, grid: Grid, report: StokesReport) -> Flow:
    """Difference a float64 stream function, shape (ny+1, nx+1), into a Flow."""
    check_shape("flow_from_psi", "psi", psi, grid.nodes)
    u, v = velocity(psi, grid)
    return Flow(psi, u, v, report)


def relative_velocity_error(flow: Flow, reference: Flow) -> float:
    """sqrt(sum |u - u_ref|^2 / sum |u_ref|^2) over all faces, u and v together."""
    difference = np.sum((flow.u - reference.u) ** 2) + np.sum((flow.v - reference.v) ** 2)
    scale = np.sum(reference.u**2) + np.sum(reference.v**2)
    return float(np.sqrt(difference / scale))


def vrms(flow: Flow, grid: Grid) -> float:
    """Root mean square velocity over the box, second order."""
    return rms_velocity(flow.u, flow.v, grid)


def rms_velocity(u: Array, v: Array, grid: Grid) -> float:
    """Root mean square over the box of velocities on the faces, (ny, nx+1) and (ny+1, nx)."""
    return float(np.sqrt((np.sum(u**2) + np.sum(v**2)) / (grid.nx * grid.ny)))


def failure(
    what: str,
    viscosity: Array,
    time: float | None = None,
    temperature: Array | None = None,
    subject: str = "the Cholesky factorisation",
) -> SolverError:
    """The error of a solve that went wrong, with ranges and a remedy.

    Parameters
    ----------
    what : str
        What happened, as it follows `subject` in the sentence.
    viscosity : array
        Of any shape, for its range.
    time : float, optional
        Model time.
    temperature : array, optional
        For its range.
    subject : str
        What it happened to.
    """
    at = "" if time is None else f" at t = {time:.6g}"
    ranges = f"viscosity ranges from {np.min(viscosity):.3g} to {np.max(viscosity):.3g}"
    if temperature is not None:
        ranges += f", T from {np.min(temperature):.3g} to {np.max(temperature):.3g}"
    return SolverError(
        f"{subject} {what}{at}: {ranges}; set rheology.floor and rheology.ceiling to bound it, or "
        "refine the grid."
    )


def require_solver(owner: str, solver: object) -> None:
    """Raise InputError for what cannot solve, such as the name or the class of a solver."""
    if isinstance(solver, type) or not callable(getattr(solver, "solve", None)):
        raise InputError(
            f"{owner}: solver must have a method solve, as tellus.make_solver's have, and "
            f"{solver!r:.60} has none."
        )
    if not isinstance(getattr(solver, "name", None), str):
        raise InputError(
            f"{owner}: the solver {type(solver).__name__} has no name: give it one, a string, "
            "which reports and messages call it by."
        )


def warnings_of(part: "StokesSolver | MomentumClosure", problem: StokesProblem) -> list[str]:
    """Warnings of a solver or closure; InputError where its `check` returns other than strings."""
    found = part.check(problem)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InputError(
            f"{part.name}: check must return a list of warnings, strings, not {found!r:.60}."
        )
    return found


def check_flow(flow: object, problem: StokesProblem, name: str) -> None:
    """Raise SolverError for what cannot be a velocity in this box.

    A shape that is not the grid's, NaN, or fluid that goes through a wall, which only a flow that
    is marked as divergent may do.
    """
    what, grid = f"--stokes {name}", problem.grid
    if not isinstance(flow, Flow):
        raise SolverError(f"{what}: solve must return a tellus.Flow, not {flow!r:.60}.")
    for part, shape in (("psi", grid.nodes), ("u", grid.u_faces), ("v", grid.v_faces)):
        values = np.asarray(getattr(flow, part))
        if values.shape != shape:
            raise SolverError(f"{what}: its {part} has shape {values.shape}, and needs {shape}.")
        if values.dtype.kind != "f" or not np.all(np.isfinite(values)):
            raise SolverError(f"{what}: its {part} holds NaN, infinity or no real numbers.")
    through = np.concatenate([flow.u[:, [0, -1]].ravel(), flow.v[[0, -1]].ravel()])
    fastest = max(float(np.max(np.abs(flow.u))), float(np.max(np.abs(flow.v))))
    if not flow.divergent and np.max(np.abs(through)) > THROUGH_WALLS * fastest:
        raise SolverError(
            f"{what}: its velocity goes through a wall, by {np.max(np.abs(through)):.3g}: psi must "
            "be the same all along the walls, zero say."
        )
