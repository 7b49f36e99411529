"""Picard iteration: a non-linear viscosity law around any linear Stokes solve."""

from dataclasses import dataclass, replace

import numpy as np

from tellus.errors import SolverError

from .composite import CompositeSolver
from .defaults import PICARD_LIMIT, PICARD_TOLERANCE
from .grid import Array
from .limits import COUNT, POSITIVE, check_record
from .phase_timer import added
from .rheology import Given, depends_on_strain_rate
from .stokes import Flow, SolverState, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from .strain import effective_viscosity


@dataclass(frozen=True)
class PicardSettings:
    """When a Picard iteration stops.

    `tolerance` bounds the change of psi from one iteration to the next over psi itself,
    both as root mean squares; `limit` the iterations; `required` makes missing the tolerance
    an error instead of a note in the report.
    """

    tolerance: float = PICARD_TOLERANCE
    limit: int = PICARD_LIMIT
    required: bool = False

    def __post_init__(self) -> None:
        check_record(self, tolerance=POSITIVE, limit=COUNT)


class PicardSolver(CompositeSolver):
    """Solve, take the strain rate, update the viscosity, solve again.

    A linear law goes straight through to `linear`. The iteration starts from the last flow
    it found, which checkpoints save. Its solves are as exact as its own tolerance asks: one
    that stops early changes little from iteration to iteration wherever it is.
    """

    def __init__(self, linear: StokesSolver, settings: PicardSettings | None = None) -> None:
        self.linear, self.name = linear, linear.name
        self.inner = {"linear": linear}
        self.settings = settings or PicardSettings()
        self._psi: Array | None = None

    def solve(self, problem: StokesProblem) -> Flow:
        """The flow; the report's iterations count linear solves, its status says "unconverged"."""
        if not depends_on_strain_rate(problem.rheology):
            return self.linear.solve(problem)
        self.linear.tolerance = min(self.linear.tolerance, self.settings.tolerance)
        seconds: dict[str, float] = {}
        psi, change = self._psi, float(np.inf)
        iteration = 0
        while change > self.settings.tolerance and iteration < self.settings.limit:
            iteration += 1
            flow = self.linear.solve(replace(problem, rheology=Given(_viscosity(problem, psi))))
            seconds = added(seconds, flow.report.seconds)
            change = _relative_change(flow.psi, psi)
            psi = flow.psi
        self._psi = psi
        converged = change <= self.settings.tolerance
        if not converged and self.settings.required:
            raise SolverError(
                f"the Picard iteration stopped after {iteration} solves at a change of "
                f"{change:.3g}, above stokes.picard_tolerance = {self.settings.tolerance:g}, at "
                f"t = {problem.time:.6g}: raise stokes.picard_limit or the tolerance."
            )
        status = "solved" if converged else "unconverged"
        report = StokesReport(self.name, seconds, iteration, flow.report.residual, status)
        return replace(flow, report=report)

    def state(self) -> SolverState:
        own = {} if self._psi is None else {"picard": self._psi}
        return {**self.linear.state(), **own}

    def restore(self, state: SolverState) -> None:
        psi = state.get("picard")
        self._psi = None if psi is None else np.asarray(psi, dtype=np.float64)
        self.linear.restore({k: v for k, v in state.items() if k != "picard"})


def _viscosity(problem: StokesProblem, psi: Array | None) -> Array:
    """The law at the strain rate of psi; without one before the first flow."""
    if psi is None:
        return problem.rheology.viscosity(problem.temperature, problem.grid)
    linear = replace(problem, closure=None)  # which the linear solver is handed
    return effective_viscosity(linear, flow_from_psi(psi, problem.grid, StokesReport("picard")))


def _relative_change(psi: Array, before: Array | None) -> float:
    if before is None:
        return float("inf")
    scale = float(np.linalg.norm(psi))
    return float(np.linalg.norm(psi - before)) / scale if scale > 0.0 else 0.0
