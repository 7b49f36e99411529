"""Sparse Cholesky on a GPU: NVIDIA's cuDSS on the stream-function system, analysed once."""

import logging
import warnings
import weakref
from typing import Any

import torch
from torch.nn.functional import pad

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.iterative.batch import relative_residual
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.matrix import UpperPattern
from tellus.solver.psi.torch_operator import TorchPsiOperator, buoyancy, one_of_a_batch
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, failure

INACCURATE = 1e-6
"""A relative residual above it tells of a pivot that was replaced: cuDSS goes on from those."""


class CudssSolver(StokesSolver):
    """The matrix is made, factored and kept on the device; T, viscosity and psi travel.

    Half of A is stored: its upper triangle. nvmath takes a matrix that already lies on the device
    by reference, and a plan serves as long as its arrays stay where they are, so that each step
    writes new values into the same ones.

    Needs an NVIDIA GPU and the extra `cudss`; raises InputError without them.

    Parameters
    ----------
    grid : Grid
    device : str
        Where torch keeps the arrays.
    """

    name = "cudss"

    def __init__(self, grid: Grid, device: str = "cuda") -> None:
        self.grid, self.device = grid, device
        advanced = _load(device)
        pattern = UpperPattern(grid.ny, grid.nx)
        self._present = torch.from_numpy(pattern.present).to(device)
        self._values = torch.zeros(len(pattern.indices), dtype=torch.float64, device=device)
        unknowns = len(pattern.present)
        self._b = torch.zeros(unknowns, dtype=torch.float64, device=device)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(
                torch.from_numpy(pattern.indptr).to(device),
                torch.from_numpy(pattern.indices).to(device),
                self._values,
                (unknowns, unknowns),
                check_invariants=False,
            )
        self._handle = _handle(advanced, matrix, self._b)
        # cuDSS keeps the factor where Python does not see it.
        weakref.finalize(self, self._handle.free)
        self._planned = False

    @torch.no_grad()
    def solve(self, problem: StokesProblem) -> Flow:
        """The velocity; raises SolverError where A is not positive definite to rounding."""
        timer = PhaseTimer(self.device)
        viscosity = problem.viscosity()
        timer.lap("assemble")
        eta, T = (one_of_a_batch(array, self.device) for array in (viscosity, problem.temperature))
        timer.lap("transfer")
        operator = TorchPsiOperator(self.grid, problem.boundaries, eta)
        b = buoyancy(self.grid, T, problem.rayleigh)
        self._values.copy_(operator.entries()[0][self._present])
        self._b.copy_(b.flatten())
        timer.lap("assemble")
        if not self._planned:
            self._handle.plan()
            self._planned = True
        timer.lap("analyse")
        info = int(self._handle.factorize().info)
        timer.lap("factor")
        if info != 0:
            raise failure(f"by cuDSS failed with its error {info}", viscosity)
        psi = self._handle.solve().view_as(b)
        timer.lap("solve")
        residual = float(relative_residual(operator, psi, b))
        timer.lap("residual")
        if not residual <= INACCURATE:
            what = f"by cuDSS left a relative residual of {residual:.3g}"
            raise failure(what, viscosity, problem.time)
        nodes = pad(psi, (1, 1, 1, 1))[0].cpu().numpy()
        timer.lap("transfer")
        return self.flow(nodes, self.grid, timer.seconds, residual=residual)


def _load(device: str) -> Any:
    """The part of nvmath that has the solver."""
    try:
        from nvmath.sparse import advanced
    except (ImportError, OSError, RuntimeError) as error:
        raise _missing(error) from None
    if device == "cuda" and not torch.cuda.is_available():
        raise _missing("no CUDA device is at hand, or this torch was built without CUDA")
    return advanced


def _handle(advanced: Any, matrix: torch.Tensor, b: torch.Tensor) -> Any:
    """A solver of that matrix, its upper triangle, and that right-hand side, by reference."""
    # Else every start says that one thread plans, which a run does once.
    log = logging.getLogger(__name__)
    log.setLevel(logging.ERROR)
    options = advanced.DirectSolverOptions(
        sparse_system_type=advanced.DirectSolverMatrixType.SPD,
        sparse_system_view=advanced.DirectSolverMatrixViewType.UPPER,
        logger=log,
    )
    try:
        return advanced.DirectSolver(matrix, b, options=options)
    except (ImportError, OSError, RuntimeError) as error:
        # nvmath looks for the libraries themselves only now.
        raise _missing(error) from None


def _missing(why: object) -> InputError:
    install = "pip install 'tellus-mantle[cudss]'"
    return InputError(f'stokes.solver: "cudss" needs an NVIDIA GPU and cuDSS: {install} ({why}).')
