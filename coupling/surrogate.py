"""A trained network behind the interface of any Stokes solver."""

from pathlib import Path

from tellus.solver.errors import SolverError
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesReport, StokesSolver, flow_from_psi
from tellus.surrogate.model import Surrogate


class SurrogateSolver(StokesSolver):
    """psi from a surrogate, cast to float64 and differenced like any other."""

    name = "surrogate"

    def __init__(self, surrogate: Surrogate) -> None:
        self.surrogate = surrogate

    @classmethod
    def from_weights(cls, path: Path | None, grid: Grid) -> "SurrogateSolver":
        """Load weights from `path`, the shipped ones by default."""
        return cls(Surrogate.load(path, grid))

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file, for provenance."""
        return self.surrogate.sha256

    def check(self, problem: StokesProblem) -> list[str]:
        """Warnings where the problem lies outside the training; InputError where it cannot fit."""
        return self.surrogate.check(problem.grid, problem.boundaries, problem.rheology)

    def solve(self, problem: StokesProblem) -> Flow:
        """The predicted velocity."""
        psi, seconds = self.surrogate.predict(problem)
        report = StokesReport(self.name, seconds, status="predicted")
        flow = flow_from_psi(psi, problem.grid, report)
        if not float(abs(psi).max()) < float("inf"):
            raise SolverError(
                f"the surrogate predicted a velocity that is not finite at t = {problem.time:.6g}; "
                "continue with --stokes direct from the last checkpoint."
            )
        return flow
