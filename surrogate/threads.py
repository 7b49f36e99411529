"""How many threads a prediction gets."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tellus.solver.grid import Grid

SERIAL_CELLS = 32_768
"""Grids up to which a second thread costs more in waiting than it computes (measured at 256x64:
7 ms on one thread, 9 ms on two of an idle machine, 20 ms on two of a busy one)."""


@contextmanager
def threads_for(grid: Grid) -> Iterator[None]:
    """One thread for torch and BLAS on small grids; theirs again afterwards."""
    if grid.nx * grid.ny > SERIAL_CELLS:
        yield
        return
    from tellus.solver.threads import one_blas_thread

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_blas_thread():
            yield
    finally:
        torch.set_num_threads(before)
