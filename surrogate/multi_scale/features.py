"""The seven channels of Agarwal et al. (2025), at the cells or with a ring of wall values."""

from dataclasses import dataclass
from math import log, log10
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from tellus.solver.grid import Grid
from tellus.surrogate.data import Snapshots
from tellus.surrogate.rows import Rows

CHANNELS = ("x", "y", "log_viscosity", "heating", "gamma_T", "gamma_p", "temperature")

SMALLEST_VISCOSITY = 1e-8
HEATING = (0.0, 10.0)
LOG10_GAMMA_T = (6.0, 10.0)
LOG10_GAMMA_P = (0.0, 2.0)
"""Ranges that the paper's parameters are scaled from, to 0..1."""


@dataclass(frozen=True)
class Parameters(Rows):
    """One number per example, shape (n,)."""

    gamma_T: Tensor
    gamma_p: Tensor
    heating: Tensor

    @classmethod
    def one(cls, gamma_T: float, gamma_p: float, heating: float, like: Tensor) -> Self:
        """Parameters of a single example."""
        return cls(*(like.new_full((1,), value) for value in (gamma_T, gamma_p, heating)))

    @classmethod
    def of(cls, snapshots: Snapshots) -> Self:
        """Parameters of each snapshot."""
        columns = (snapshots.gamma_T, snapshots.gamma_p, snapshots.heating)
        return cls(*map(torch.from_numpy, columns))


def paper_features(temperature: Tensor, parameters: Parameters, grid: Grid, ring: bool) -> Tensor:
    """Channels in the order of `CHANNELS`, (n, 7, ny, nx); with a ring (n, 7, ny+2, nx+2).

    The ring holds what the walls have: T = 1 at the bottom and 0 at the top, the
    cell's own T at the sides, and their coordinates.
    """
    like = temperature
    x = torch.as_tensor(grid.x_cells, dtype=like.dtype, device=like.device)
    y = torch.as_tensor(grid.y_cells, dtype=like.dtype, device=like.device)
    if ring:
        sides = pad(temperature[:, None], (1, 1, 0, 0), mode="replicate")[:, 0]
        floor = torch.ones_like(sides[:, :1])
        temperature = torch.cat([floor, sides, torch.zeros_like(floor)], dim=1)
        x = pad(x[None, None], (1, 1))[0, 0]
        x[-1] = grid.aspect
        y = pad(y[None, None], (1, 1))[0, 0]
        y[-1] = 1.0
    shape = temperature.shape
    fields = [
        (x / 4.0).expand(shape),
        (y / 4.0)[:, None].expand(shape),
        _log10_viscosity(temperature, parameters, y) / 8.0,
        *(_unit(parameters)[:, k, None, None].expand(shape) for k in range(3)),
        temperature,
    ]
    return torch.stack(fields, dim=1)


def _log10_viscosity(temperature: Tensor, parameters: Parameters, y: Tensor) -> Tensor:
    """log10 of the Frank-Kamenetskii viscosity, within 1e-8..1 as the paper clips it."""
    ln_T = torch.log(parameters.gamma_T)[:, None, None]
    ln_p = torch.log(parameters.gamma_p)[:, None, None]
    exponent = -ln_T * temperature + ln_p * (1.0 - y)[:, None]
    return torch.clamp(exponent / log(10.0), log10(SMALLEST_VISCOSITY), 0.0)


def _unit(parameters: Parameters) -> Tensor:
    """Heating and the logarithms of gamma_T and gamma_p, each from its range to 0..1, (n, 3)."""
    values = (parameters.heating, torch.log10(parameters.gamma_T), torch.log10(parameters.gamma_p))
    ranges = (HEATING, LOG10_GAMMA_T, LOG10_GAMMA_P)
    scaled = [(v - low) / (high - low) for v, (low, high) in zip(values, ranges, strict=True)]
    return torch.stack(scaled, dim=1)
