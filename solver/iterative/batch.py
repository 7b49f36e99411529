"""Many independent Stokes problems solved at once, on a CPU or a GPU."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.torch_operator import TorchPsiOperator, buoyancy, inner

from .krylov import METHODS, BatchSolution, Preconditioner, Stopping
from .multigrid import Multigrid, coarsenings


@dataclass(frozen=True)
class IterativeSettings:
    """How to iterate.

    Parameters
    ----------
    stopping : Stopping
    method : {"cg", "bicgstab"}
    preconditioner : {"mg", "jacobi"}
        A multigrid V-cycle, or division by the diagonal.
    device : str
        "cpu" or "cuda".
    warm : bool
        Whether to start from earlier solutions, extrapolated in time, or from zero.
    relaxation : float
        psi becomes `relaxation` times what was found plus the rest times the psi before. 1: off.
    keep : int
        Solves for which a multigrid hierarchy is kept, though the viscosity moves on.
    """

    stopping: Stopping = field(default=Stopping())
    method: str = "cg"
    preconditioner: str = "mg"
    device: str = "cpu"
    warm: bool = True
    relaxation: float = 1.0
    keep: int = 1

    def check(self, grid: Grid) -> None:
        """Raise InputError where the device is not there or the grid does not suit multigrid."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "stokes.solver: no CUDA device is at hand, or this torch was built without CUDA; "
                'leave "cuda" out to iterate on the CPU.'
            )
        if self.preconditioner == "mg":
            coarsenings(grid)


class Jacobi:
    """Division by the diagonal."""

    products = 0

    def __init__(self, operator: TorchPsiOperator) -> None:
        diagonal = operator.diagonal()
        self._scale = torch.where(diagonal > 0.0, 1.0 / diagonal, torch.nan)

    def __call__(self, residual: Tensor) -> Tensor:
        return self._scale * residual


def make_preconditioner(operator: TorchPsiOperator, settings: IterativeSettings) -> Preconditioner:
    """The one that the settings name."""
    return Multigrid(operator) if settings.preconditioner == "mg" else Jacobi(operator)


def iterate(
    operator: TorchPsiOperator,
    precondition: Preconditioner,
    b: Tensor,
    start: Tensor,
    settings: IterativeSettings,
) -> BatchSolution:
    """Solve A psi = b, from rest where nothing drives the flow.

    The residual is the one that the recursion has.

    Parameters
    ----------
    operator : TorchPsiOperator
        A.
    precondition : Preconditioner
    b, start : Tensor, shape (batch, ny-1, nx-1)
        At the interior nodes, as the psi that is found; `start` is where to begin.
    settings : IterativeSettings
        Of which the method and the stopping count here.
    """
    driven = (b != 0.0).flatten(1).any(1)[:, None, None]
    start = torch.where(driven, start, 0.0)
    return METHODS[settings.method](operator, precondition, b, start, settings.stopping)


@torch.no_grad()
def solve_batch(
    grid: Grid,
    temperature: Tensor | Array,
    viscosity: Tensor | Array,
    rayleigh: float | Sequence[float] = 1.0,
    boundaries: BoundaryConditions | None = None,
    start: Tensor | Array | None = None,
    settings: IterativeSettings | None = None,
) -> BatchSolution:
    """Solve independent problems on one grid.

    Problems that are solved wait unchanged for the others, and one that fails leaves the others
    alone and says so in `solved`. The result lives on the settings' device, psi at all nodes, the
    residual the true one.

    Parameters
    ----------
    grid : Grid
    temperature, viscosity : Tensor or array, shape (batch, ny, nx)
    rayleigh : float or sequence of float
        One for all, or one each.
    boundaries : BoundaryConditions, optional
        `BoundaryConditions()` by default.
    start : Tensor or array, shape (batch, ny+1, nx+1), optional
        psi to begin with; zero by default.
    settings : IterativeSettings, optional

    Raises
    ------
    InputError
        As `IterativeSettings.check` does.
    ValueError
        For shapes that do not agree.
    """
    settings = settings or IterativeSettings()
    settings.check(grid)

    def moved(values: Tensor | Array | float | Sequence[float]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float64, device=settings.device)

    T, eta = moved(temperature), moved(viscosity)
    if T.shape != eta.shape or T.shape[1:] != grid.cells:
        raise ValueError(
            f"temperature {tuple(T.shape)} and viscosity {tuple(eta.shape)} must both have the "
            f"shape (batch, {grid.ny}, {grid.nx})"
        )
    operator = TorchPsiOperator(grid, boundaries or BoundaryConditions(), eta)
    b = buoyancy(grid, T, moved(rayleigh).reshape(-1, 1, 1))
    psi = torch.zeros_like(b) if start is None else moved(start)[:, 1:-1, 1:-1]
    found = iterate(operator, make_preconditioner(operator, settings), b, psi, settings)
    residual = relative_residual(operator, found.psi, b)
    return found._replace(psi=pad(found.psi, (1, 1, 1, 1)), residual=residual)


def relative_residual(operator: TorchPsiOperator, psi: Tensor, b: Tensor) -> Tensor:
    """|A psi - b| / |b|, or zero where nothing drives the flow; shape (batch,)."""
    left = operator(psi) - b
    squares, scale = inner(left, left).flatten(), inner(b, b).flatten()
    return torch.where(scale > 0.0, squares / scale, squares).sqrt_()
