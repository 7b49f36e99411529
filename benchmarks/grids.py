"""Grids of aspect 4 by their names; needs no more than NumPy."""

import re

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.solver.limits import MOST_CELLS

ASPECT = 4.0


def grids_of(text: str, option: str = "--grid") -> list[Grid]:
    """Grids from text such as 512x128,256x64; InputError, naming the option, for anything else.

    >>> [str(grid) for grid in grids_of("64x16, 128x32")]
    ['64x16', '128x32']
    """
    return [_grid(part.strip(), option) for part in text.split(",")]


def _grid(name: str, option: str) -> Grid:
    sizes = re.fullmatch(r"(\d{1,5})x(\d{1,5})", name, flags=re.ASCII)
    if not sizes:
        raise InputError(f'{option} takes NXxNY[,NXxNY...], such as 512x128, not "{name}".')
    nx, ny = int(sizes[1]), int(sizes[2])
    if max(nx, ny) > MOST_CELLS:
        raise InputError(f"{option} takes at most {MOST_CELLS} cells along a side, not {name}.")
    return Grid(nx, ny, ASPECT)
