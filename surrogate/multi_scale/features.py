"""The seven channels of Agarwal et al. (2025), at the cells or with a ring of wall values."""

from dataclasses import dataclass
from math import log, log10
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from tellus.solver.grid import Array, Grid
from tellus.surrogate.data import Snapshots
from tellus.surrogate.rows import Rows

CHANNELS = ("x", "y", "log_viscosity", "heating", "gamma_T", "gamma_p", "temperature")

SMALLEST_VISCOSITY = 1e-8
RANGES = (0.0, 10.0), (6.0, 10.0), (0.0, 2.0)
"""Ranges of heating, log10 gamma_T and log10 gamma_p that the paper scales to 0..1."""


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


@dataclass(frozen=True)
class ScaledSnapshots(Rows):
    """Snapshots of one split as tensors; `psi` is over the velocity scale of its snapshot."""

    temperature: Tensor
    psi: Tensor
    parameters: Parameters
    vrms: Array
    even: NDArray[np.bool_]

    @classmethod
    def of(cls, snapshots: Snapshots, scale: Array) -> Self:
        """Snapshots with psi divided by the scale of each, shape (n,), in place."""
        # At 512x128 a copy of all stream functions is gigabytes.
        psi = np.divide(snapshots.psi, scale[:, None, None], out=snapshots.psi, casting="same_kind")
        columns = (snapshots.gamma_T, snapshots.gamma_p, snapshots.heating)
        parameters = Parameters(*map(torch.from_numpy, columns))
        fields = torch.from_numpy(snapshots.temperature), torch.from_numpy(psi)
        return cls(*fields, parameters, snapshots.vrms, snapshots.even)


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
    logs = torch.log10(parameters.gamma_T), torch.log10(parameters.gamma_p)
    fields = [
        (x / 4.0).expand(shape),
        (y / 4.0)[:, None].expand(shape),
        _log10_viscosity(temperature, parameters, y) / 8.0,
        *(one[:, None, None].expand(shape) for one in scaled(parameters.heating, *logs)),
        temperature,
    ]
    return torch.stack(fields, dim=1)


def _log10_viscosity(temperature: Tensor, parameters: Parameters, y: Tensor) -> Tensor:
    """log10 of the Frank-Kamenetskii viscosity, within 1e-8..1 as the paper clips it."""
    ln_T = torch.log(parameters.gamma_T)[:, None, None]
    ln_p = torch.log(parameters.gamma_p)[:, None, None]
    exponent = -ln_T * temperature + ln_p * (1.0 - y)[:, None]
    return torch.clamp(exponent / log(10.0), log10(SMALLEST_VISCOSITY), 0.0)


def scaled(*values: Any) -> list[Any]:
    """Heating, log10 of gamma_T and log10 of gamma_p, arrays each, from its range to 0..1."""
    return [(v - low) / (high - low) for v, (low, high) in zip(values, RANGES, strict=True)]
