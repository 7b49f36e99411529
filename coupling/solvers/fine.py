"""Stokes solves on finer grids than that of the energy equation, and what two of them tell."""

from collections import Counter
from dataclasses import replace

from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, flow_from_psi
from tellus.solver.transport.regridding import coarse_means, regridded


class FineSolver(CompositeSolver):
    """Asks `solver` on a grid that is `finer` by a whole number, see `regridded`.

    What the solver does, viscosity and yielding included, it does on the fine grid. psi at every
    `factor`-th of its nodes gives velocities that are the exact means over the coarse faces of
    those on the fine ones, and free of divergence; the pressure is the mean over fine cells.
    """

    def __init__(self, solver: StokesSolver, grid: Grid, finer: Grid) -> None:
        self.solver, self.grid, self.finer = solver, grid, finer
        self.factor = finer.nx // grid.nx
        self.name = f"fine:{self.factor}:{solver.name}"
        self.inner = {"inner": solver}

    def solve(self, problem: StokesProblem) -> Flow:
        """The fine solution, on the grid of the problem."""
        flow = self.solver.solve(self._on_the_finer(problem))
        psi = flow.psi[:: self.factor, :: self.factor].copy()
        report = replace(flow.report, solver=self.name)
        coarse = flow_from_psi(psi, self.grid, report)
        if flow.divergent:
            u, v = self._means(flow)
            coarse = replace(coarse, u=u, v=v, divergent=True)
        if flow.p is None:
            return coarse
        return replace(coarse, p=coarse_means(flow.p, self.grid))

    def check(self, problem: StokesProblem) -> list[str]:
        """What the solver within warns of, on its grid."""
        return self.solver.check(self._on_the_finer(problem))

    def _means(self, flow: Flow) -> tuple[Array, Array]:
        """u and v over the coarse faces, of a fine flow that does not follow from its psi."""
        nx, ny, factor = self.grid.nx, self.grid.ny, self.factor
        u = flow.u[:, ::factor].reshape(ny, factor, nx + 1).mean(axis=1)
        v = flow.v[::factor].reshape(ny + 1, nx, factor).mean(axis=2)
        return u, v

    def _on_the_finer(self, problem: StokesProblem) -> StokesProblem:
        temperature = regridded(problem.temperature, self.grid, self.finer, problem.boundaries)
        return replace(problem, grid=self.finer, temperature=temperature)


class RichardsonSolver(CompositeSolver):
    """A solve on the grid of T and one on cells half as long, extrapolated to no cells at all.

    Both err by a multiple of h^2 where viscosity is smooth, which 4/3 of the finer one less 1/3
    of the other is free of (Richardson 1911). Pressure likewise.
    """

    def __init__(self, coarse: StokesSolver, fine: FineSolver) -> None:
        self.coarse, self.fine = coarse, fine
        self.name = f"richardson:{coarse.name}"
        self.inner = {"coarse": coarse, "fine": fine}

    def solve(self, problem: StokesProblem) -> Flow:
        """The extrapolated flow, on the grid of the problem."""
        coarse, fine = self.coarse.solve(problem), self.fine.solve(problem)
        seconds = Counter(coarse.report.seconds)
        seconds.update(fine.report.seconds)
        report = replace(
            fine.report,
            solver=self.name,
            seconds=dict(seconds),
            iterations=coarse.report.iterations + fine.report.iterations,
        )
        flow = flow_from_psi(_extrapolated(coarse.psi, fine.psi), problem.grid, report)
        if coarse.divergent or fine.divergent:
            u, v = _extrapolated(coarse.u, fine.u), _extrapolated(coarse.v, fine.v)
            flow = replace(flow, u=u, v=v, divergent=True)
        if coarse.p is None or fine.p is None:
            return flow
        return replace(flow, p=_extrapolated(coarse.p, fine.p))


def _extrapolated(coarse: Array, fine: Array) -> Array:
    return fine + (fine - coarse) / 3.0
