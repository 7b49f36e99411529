"""What is known of a state of the data without a closure: its viscosity, and T within its cells."""

import numpy as np
import torch
from torch import Tensor

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.transport.regridding import regridded

from .data import Stretches
from .features import Seen


def guess(grid: Grid, each: Stretches) -> Tensor:
    """What is known without a closure of T at the quarters of cells where stretches begin."""
    begun, walls = each.temperature[:, 0], BoundaryConditions()
    finer = grid.finer(2)
    found = [regridded(one, grid, finer, walls) for one in begun.detach().cpu().numpy()]
    return torch.from_numpy(np.array(found)).to(begun)


def seen(temperature: Tensor, each: Stretches) -> Seen:
    """What the closure looks at: the law of data sets is Frank-Kamenetskii's."""
    ny = temperature.shape[1]
    depth = torch.linspace(1.0 - 0.5 / ny, 0.5 / ny, ny).to(temperature)
    of_T, of_p = (each.log_gamma[:, k, None, None] for k in range(2))
    return Seen(temperature, of_p * depth[:, None] - of_T * temperature)
