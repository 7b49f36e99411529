"""What holds on the four walls, all impermeable."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .grid import Array
from .limits import FINITE, Choice, check_record

Flags = NDArray[np.bool_]

FREE_SLIP, NO_SLIP = "free-slip", "no-slip"
TEMPERATURE, FLUX, INSULATING = "temperature", "flux", "insulating"


@dataclass(frozen=True)
class Wall:
    """One wall.

    Parameters
    ----------
    velocity : {"free-slip", "no-slip"}
    thermal : {"temperature", "flux", "insulating"}
    value : float
        The wall's temperature, or the heat flux through it into the box.
    """

    velocity: str = FREE_SLIP
    thermal: str = INSULATING
    value: float = 0.0

    def __post_init__(self) -> None:
        check_record(
            self,
            velocity=Choice((FREE_SLIP, NO_SLIP)),
            thermal=Choice((TEMPERATURE, FLUX, INSULATING)),
            value=FINITE,
        )


@dataclass(frozen=True)
class BoundaryConditions:
    """The walls of the box: by default free slip, T = 1 below, T = 0 above, insulating sides."""

    bottom: Wall = field(default=Wall(thermal=TEMPERATURE, value=1.0))
    top: Wall = field(default=Wall(thermal=TEMPERATURE, value=0.0))
    left: Wall = field(default=Wall())
    right: Wall = field(default=Wall())

    @property
    def walls(self) -> dict[str, Wall]:
        """All four by name, in the order left, right, bottom, top."""
        return {"left": self.left, "right": self.right, "bottom": self.bottom, "top": self.top}

    def values(self, bottom: float) -> Array:
        """What holds at left, right, bottom and top, shape (4,), the bottom's as given."""
        return np.array([self.left.value, self.right.value, bottom, self.top.value])

    @property
    def no_slip(self) -> tuple[bool, bool, bool, bool]:
        """Which walls hold the fluid fast: left, right, bottom, top."""
        left, right, bottom, top = (wall.velocity == NO_SLIP for wall in self.walls.values())
        return left, right, bottom, top

    @property
    def isothermal(self) -> tuple[bool, bool, bool, bool]:
        """Which walls have a temperature: left, right, bottom, top."""
        left, right, bottom, top = (w.thermal == TEMPERATURE for w in self.walls.values())
        return left, right, bottom, top

    @cached_property
    def fixed(self) -> Flags:
        """Which walls have a temperature, for kernels: left, right, bottom, top, shape (4,)."""
        return np.array(self.isothermal)

    @property
    def velocity(self) -> str:
        """What all walls do, "free-slip" or "no-slip", or else what each does."""
        kinds = {wall.velocity for wall in self.walls.values()}
        if len(kinds) == 1:
            return kinds.pop()
        return ", ".join(f"{name} {wall.velocity}" for name, wall in self.walls.items())

    @property
    def temperatures(self) -> list[float]:
        """Temperatures of the walls that have one."""
        return [w.value for w in self.walls.values() if w.thermal == TEMPERATURE]


def along_walls(cells: Array) -> tuple[Array, Array, Array, Array]:
    """Values of the cells along left, right, bottom and top: views of `cells`, shape (ny, nx)."""
    return cells[:, 0], cells[:, -1], cells[0], cells[-1]
