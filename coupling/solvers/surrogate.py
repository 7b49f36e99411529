"""A trained network behind the interface of any Stokes solver."""

from tellus.errors import SolverError
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver
from tellus.surrogate.model import StokesSurrogate


class SurrogateSolver(StokesSolver):
    """The flow of a surrogate, in float64 like any other."""

    name = "surrogate"

    def __init__(self, surrogate: StokesSurrogate) -> None:
        self.surrogate = surrogate

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file, for provenance."""
        return self.surrogate.sha256

    def check(self, problem: StokesProblem) -> list[str]:
        """Warnings where the problem lies outside the training; InputError where it cannot fit."""
        return self.surrogate.check(problem.grid, problem.boundaries, problem.rheology)

    def solve(self, problem: StokesProblem) -> Flow:
        flow = self.surrogate.flow(problem)
        if not max(float(abs(part).max()) for part in (flow.u, flow.v)) < float("inf"):
            raise SolverError(
                f"the surrogate predicted a velocity that is not finite at t = {problem.time:.6g}; "
                "continue with --stokes direct from the last checkpoint."
            )
        return flow
