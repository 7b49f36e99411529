"""The uniform staggered (MAC) grid on a box of height 1."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tellus.errors import InputError

from .limits import COUNT, FEWEST_CELLS, POSITIVE, Limits, check

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A box of height 1 and width `aspect`, cut into `ny` x `nx` equal cells.

    Arrays are indexed ``[j, i]`` with row 0 at the bottom.

    Parameters
    ----------
    nx, ny : int
        Number of cells along x and y, at least 4 each.
    aspect : float
        Width of the box over its height.
    """

    nx: int
    ny: int
    aspect: float = 4.0

    def __post_init__(self) -> None:
        cells = Limits(least=FEWEST_CELLS, whole=True)
        if not (cells.allow(self.nx) and cells.allow(self.ny)):
            raise InputError(
                f"grid: nx and ny must be whole numbers, at least {FEWEST_CELLS}, not "
                f"{self.nx!r:.40} and {self.ny!r:.40}."
            )
        if not POSITIVE.allow(self.aspect):
            raise InputError(f"grid.aspect must be a positive number, not {self.aspect!r:.40}.")

    @property
    def hx(self) -> float:
        """Cell width."""
        return self.aspect / self.nx

    @property
    def hy(self) -> float:
        """Cell height."""
        return 1.0 / self.ny

    @property
    def of_squares(self) -> bool:
        """Whether cells are as wide as high, to rounding."""
        return abs(self.hx - self.hy) <= 1e-6 * self.hy

    @property
    def cells(self) -> tuple[int, int]:
        """Shape of temperature, viscosity and pressure."""
        return (self.ny, self.nx)

    @property
    def u_faces(self) -> tuple[int, int]:
        """Shape of the horizontal velocity, on vertical faces."""
        return (self.ny, self.nx + 1)

    @property
    def v_faces(self) -> tuple[int, int]:
        """Shape of the vertical velocity, on horizontal faces."""
        return (self.ny + 1, self.nx)

    @property
    def nodes(self) -> tuple[int, int]:
        """Shape of the stream function."""
        return (self.ny + 1, self.nx + 1)

    @property
    def wall_spacings(self) -> tuple[float, float, float, float]:
        """What cells measure across left, right, bottom and top wall."""
        return (self.hx, self.hx, self.hy, self.hy)

    @cached_property
    def x_cells(self) -> Array:
        """x of the cell centres, shape (nx,)."""
        return (np.arange(self.nx, dtype=np.float64) + 0.5) * self.hx

    @cached_property
    def y_cells(self) -> Array:
        """y of the cell centres, shape (ny,)."""
        return (np.arange(self.ny, dtype=np.float64) + 0.5) * self.hy

    @cached_property
    def x_nodes(self) -> Array:
        """x of the nodes and vertical faces, shape (nx + 1,)."""
        return np.arange(self.nx + 1, dtype=np.float64) * self.hx

    @cached_property
    def y_nodes(self) -> Array:
        """y of the nodes and horizontal faces, shape (ny + 1,)."""
        return np.arange(self.ny + 1, dtype=np.float64) * self.hy

    def finer(self, factor: int) -> "Grid":
        """The grid with cells `factor` times shorter in both directions."""
        check("Grid.finer", factor=(factor, COUNT))
        return Grid(factor * self.nx, factor * self.ny, self.aspect)

    def coarsened(self, factor: int) -> "Grid":
        """The grid with cells `factor` times longer in both directions."""
        check("Grid.coarsened", factor=(factor, COUNT))
        if self.nx % factor or self.ny % factor:
            raise InputError(
                f"a {self.nx}x{self.ny} grid cannot be coarsened by {factor}: "
                f"choose nx and ny divisible by {factor}."
            )
        return Grid(self.nx // factor, self.ny // factor, self.aspect)

    def require(self, cells: int, purpose: str, instead: str = "use --stokes direct") -> None:
        """Raise InputError where either side has fewer cells than some purpose needs."""
        if min(self.nx, self.ny) < cells:
            raise InputError(
                f"a {self} grid is too small for {purpose}: set grid.nx and grid.ny to at least "
                f"{cells}, or {instead}."
            )

    def __str__(self) -> str:
        return f"{self.nx}x{self.ny}"
