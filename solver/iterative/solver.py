"""The Stokes solver that iterates in torch, on a CPU or a GPU, and remembers earlier solutions."""

import numpy as np
import torch

from tellus.errors import SolverError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.history import History
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.torch_operator import TorchPsiOperator, buoyancy, one_of_a_batch
from tellus.solver.stokes import Flow, SolverState, StokesProblem, StokesSolver, failure
from tellus.solver.torch_threads import few_torch_threads

from .batch import IterativeSettings, iterate, make_preconditioner, relative_residual
from .krylov import BatchSolution, Preconditioner


class _CachedPreconditioner:
    """A preconditioner that serves a number of solves, and can be made again to the bit."""

    def __init__(self, settings: IterativeSettings) -> None:
        self._settings, self._served = settings, 0
        self._viscosity: Array | None = None
        self._made: tuple[BoundaryConditions, Preconditioner] | None = None

    def serve(
        self, operator: TorchPsiOperator, boundaries: BoundaryConditions, viscosity: Array
    ) -> Preconditioner:
        """The kept one, or after its last use one for `operator`, which has that viscosity."""
        other_walls = self._made is not None and self._made[0].no_slip != boundaries.no_slip
        if self._viscosity is None or self._served >= self._settings.keep or other_walls:
            self._made, self._served = None, 0
            self._viscosity = viscosity.copy()
        elif self._made is None:
            kept = torch.as_tensor(self._viscosity, device=self._settings.device)[None]
            operator = TorchPsiOperator(operator.grid, boundaries, kept)
        self._served += 1
        if self._made is None:
            self._made = boundaries, make_preconditioner(operator, self._settings)
        return self._made[1]

    def state(self) -> SolverState:
        """The viscosity that it was made of, unless the next solve makes another."""
        if self._viscosity is None or self._served >= self._settings.keep:
            return {}
        return {"hierarchy": self._viscosity, "served": np.array(self._served)}

    def restore(self, state: SolverState) -> None:
        kept = state.get("hierarchy")
        self._viscosity = None if kept is None else np.asarray(kept, dtype=np.float64)
        self._served, self._made = int(state.get("served", 0)), None


class IterativeSolver(CompositeSolver):
    """Krylov iterations on A psi = b in float64, matrix-free on the finest grid.

    Starts from `guess` where one is given, else from earlier solutions. The under-relaxation of
    Agarwal et al. (2025), a factor of 0.99 with their BiCGStab, is read as one of psi between
    time steps.

    Raises InputError where the device is not there or the grid does not suit multigrid.
    """

    def __init__(
        self,
        grid: Grid,
        settings: IterativeSettings | None = None,
        guess: StokesSolver | None = None,
        name: str = "iterative",
    ) -> None:
        self.name, self.grid, self.guess = name, grid, guess
        self.settings = settings or IterativeSettings()
        self.settings.check(grid)
        self.inner = {} if guess is None else {"guess": guess}
        self._history = History()
        self._kept = _CachedPreconditioner(self.settings)

    @torch.no_grad()
    @few_torch_threads()
    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; the estimate in the report is the last change of it.

        Raises SolverError where the iteration does not get there, or gets to no finite number.
        """
        timer = PhaseTimer(self.settings.device)
        start = self._start(problem)
        timer.lap("assemble" if self.guess is None else "base")
        viscosity = problem.viscosity()
        timer.lap("assemble")
        eta, T, at_start = (
            one_of_a_batch(array, self.settings.device)
            for array in (viscosity, problem.temperature, start)
        )
        timer.lap("transfer")
        operator = TorchPsiOperator(self.grid, problem.boundaries, eta)
        b = buoyancy(self.grid, T, problem.rayleigh)
        timer.lap("assemble")
        precondition = self._kept.serve(operator, problem.boundaries, viscosity)
        timer.lap("factor")
        found = iterate(operator, precondition, b, at_start[:, 1:-1, 1:-1], self.settings)
        timer.lap("solve")
        residual = float(relative_residual(operator, found.psi, b))
        timer.lap("residual")
        self._assert_solved(found, residual, viscosity, problem.time)
        psi = self._relaxed(found.psi[0].cpu().numpy())
        timer.lap("transfer")
        if self.settings.relaxation != 1.0 or (self.settings.warm and self.guess is None):
            self._history.add(problem.time, psi)
        how = {"estimate": float(found.change), "products": found.products}
        return self.flow(psi, self.grid, timer.seconds, int(found.iterations), residual, **how)

    def _start(self, problem: StokesProblem) -> Array:
        """psi at the nodes: the guess, or what earlier solutions make one expect, or zero."""
        if self.guess is not None:
            return self.guess.solve(problem).psi
        start = self._history.start(problem.time) if self.settings.warm else None
        return np.zeros(self.grid.nodes) if start is None else start

    def _relaxed(self, found: Array) -> Array:
        """psi at the nodes, drawn towards the one before."""
        psi = np.zeros(self.grid.nodes)
        psi[1:-1, 1:-1] = found
        share = self.settings.relaxation
        before = self._history.flows[-1:]
        return share * psi + (1.0 - share) * before[0].psi if before else psi

    def _assert_solved(
        self, found: BatchSolution, residual: float, viscosity: Array, time: float
    ) -> None:
        if bool(found.solved) and np.isfinite(residual):
            return
        passed = int(found.iterations)
        if passed < self.settings.stopping.limit:
            raise failure("gave no finite solution", viscosity, time, subject="the iteration")
        raise SolverError(
            f"the iteration stopped after {passed} iterations at t = {time:.6g}, the relative "
            f"residual at {residual:.3g}: raise limit=... or tol=... in the solver's name, or use "
            "--stokes direct."
        )

    def own_state(self) -> SolverState:
        return {**self._history.state(), **self._kept.state()}

    def restore_own(self, state: SolverState) -> None:
        # The hierarchy is made when it is used.
        self._history.restore(state)
        self._kept.restore(state)
