"""The stream-function operator A = C^T K C: band storage, matrix-free product, right-hand side."""

import numpy as np

from tellus.solver import _core
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Array, Grid


class PsiOperator:
    """The symmetric positive definite 13-point operator of A psi = b.

    Eliminating pressure from the MAC saddle-point system with the discrete
    curl C gives A = C^T K C, b = C^T f: the same velocity, a third of the
    unknowns. Unknowns are the interior nodes, numbered along the short side.
    Second order on smooth viscosity; node viscosity is the geometric mean of
    the four cells. A viscosity has shape (ny, nx), or (2, ny, nx) where cells
    show another one to shear than to stretching.
    """

    def __init__(self, grid: Grid, boundaries: BoundaryConditions | None = None) -> None:
        self.grid = grid
        self.no_slip = (boundaries or BoundaryConditions()).no_slip
        self.y_fast = grid.ny <= grid.nx
        short = min(grid.ny, grid.nx)
        self.unknowns = (grid.ny - 1) * (grid.nx - 1)
        self.half_bandwidth = 2 * (short - 1)

    def between(self, boundaries: BoundaryConditions) -> "PsiOperator":
        """The operator on this grid between these walls: this one, if they are its own."""
        same = boundaries.no_slip == self.no_slip
        return self if same else PsiOperator(self.grid, boundaries)

    def bands(self, viscosity: Array, out: Array | None = None, mirrored: bool = False) -> Array:
        """A in LAPACK lower band storage: ``out[k, d] = A[k + d, k]``.

        Of the first rows only where `out` has fewer; `mirrored` begins at the other end of the
        long side. The transpose is what ``dpbtrf(..., lower=1)`` takes without a copy.
        """
        bands = np.empty((self.unknowns, self.half_bandwidth + 1)) if out is None else out
        lines, rest = divmod(len(bands), min(self.grid.cells) - 1)
        if bands.shape[1:] != (self.half_bandwidth + 1,) or rest or len(bands) > self.unknowns:
            raise ValueError(f"bands of shape {bands.shape} are not those of a {self.grid} grid")
        # The cut must lie two cells beyond the last line of nodes, where it is not felt.
        _core.assemble_bands(self.from_end(viscosity, lines + 2, mirrored), bands)
        return bands

    def weights(self, viscosity: Array) -> _core.Weights:
        """What A is made of at one viscosity, for the kernels of `_core`."""
        eta = np.ascontiguousarray(self._checked(viscosity), dtype=np.float64)
        return _core.Weights(eta, self.grid.hx, self.grid.hy, False, self.no_slip)

    def _checked(self, viscosity: Array) -> Array:
        if viscosity.shape not in (self.grid.cells, (2, *self.grid.cells)):
            raise ValueError(
                f"viscosity has shape {viscosity.shape}, the grid's cells {self.grid.cells}"
            )
        return viscosity

    def from_end(self, viscosity: Array, cells: int, mirrored: bool = False) -> _core.Weights:
        """Weights with the long side slow, of the first `cells` lines of cells from one end.

        `mirrored` starts from the other end. The first `cells` - 2 lines of nodes are those of
        the whole box; the ones after feel the cut.
        """
        eta, spacing = self._checked(viscosity), (self.grid.hx, self.grid.hy)
        sides, ends = self.no_slip[:2], self.no_slip[2:]
        if self.y_fast:
            eta, spacing, sides, ends = eta.swapaxes(-1, -2), spacing[::-1], ends, sides
        if mirrored:
            eta, ends = eta[..., ::-1, :], ends[::-1]
        cut = np.ascontiguousarray(eta[..., :cells, :], dtype=np.float64)
        return _core.Weights(cut, *spacing, False, (*sides, *ends))

    def at(self, viscosity: Array) -> "PsiProduct":
        """A at one viscosity, to be applied many times."""
        return PsiProduct(self.grid, self.weights(viscosity))

    def apply(self, viscosity: Array, psi: Array) -> Array:
        """A psi at the nodes, shape (ny+1, nx+1), zero on the walls; psi must vanish there."""
        return self.at(viscosity)(psi)

    def diagonal(self, viscosity: Array) -> Array:
        """The diagonal of A at the nodes, shape (ny+1, nx+1), zero on the walls."""
        out = np.empty(self.grid.nodes)
        _core.diagonal(self.weights(viscosity), out)
        return out

    def right_hand_side(self, temperature: Array, rayleigh: float) -> Array:
        """b = C^T f of the buoyancy Ra T e_y, shape (ny+1, nx+1), zero on the walls."""
        on_v_faces = 0.5 * (temperature[1:] + temperature[:-1])
        b = np.zeros(self.grid.nodes)
        b[1:-1, 1:-1] = rayleigh * self.grid.hy * np.diff(on_v_faces, axis=1)
        return b

    def to_unknowns(self, nodes: Array) -> Array:
        """Interior node values in the order of the unknowns, shape (unknowns,)."""
        interior = nodes[1:-1, 1:-1]
        return (interior.T if self.y_fast else interior).ravel()

    def to_nodes(self, unknowns: Array) -> Array:
        """The inverse of `to_unknowns`, zero on the walls, shape (ny+1, nx+1)."""
        nodes = np.zeros(self.grid.nodes)
        ny, nx = self.grid.ny - 1, self.grid.nx - 1
        nodes[1:-1, 1:-1] = unknowns.reshape(nx, ny).T if self.y_fast else unknowns.reshape(ny, nx)
        return nodes


def velocity_norm(psi: Array, grid: Grid) -> float:
    """Root of the sum of u^2 and v^2 over all faces, of a stream function at the nodes."""
    nodes = np.ascontiguousarray(psi, float).reshape(grid.nodes)
    return float(np.sqrt(_core.squared_velocity(nodes, grid.hx, grid.hy)))


def relative_velocity(change: Array, psi: Array, grid: Grid) -> float:
    """The velocity of a change of psi over that of psi; 0 if there is none, even over none."""
    moved, scale = velocity_norm(change, grid), velocity_norm(psi, grid)
    if scale == 0.0:
        return 0.0 if moved == 0.0 else float("inf")
    return moved / scale


class PsiProduct:
    """A psi, matrix-free, at one viscosity: one pass through memory."""

    def __init__(self, grid: Grid, weights: _core.Weights) -> None:
        self._nodes, self._weights = grid.nodes, weights

    def __call__(self, psi: Array, out: Array | None = None) -> Array:
        """A psi, shape (ny+1, nx+1), zero on the walls; psi, of that shape, must vanish there.

        `out` may hold the result, if it is contiguous and not psi itself.
        """
        nodes = np.ascontiguousarray(psi, float).reshape(self._nodes)
        result = np.empty(self._nodes) if out is None else out
        if result.shape != self._nodes or not result.flags.c_contiguous or result is nodes:
            raise ValueError(f"out must be another contiguous array of shape {self._nodes}")
        _core.apply(self._weights, nodes, result)
        return result


def relative_residual(A: PsiProduct, psi: Array, b: Array) -> float:
    """|A psi - b| / |b|, or zero where nothing drives the flow."""
    scale = float(np.linalg.norm(b))
    # A temperature that is not finite makes b NaN, and so the result.
    return float(np.linalg.norm(A(psi) - b)) / scale if scale != 0.0 else 0.0
