"""How much better a Stokes solve becomes with what a closure knows of T within cells."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.torch_operator import TorchPsiOperator, buoyancy

from .carrying import guess, seen
from .data import Stretches
from .network import DetailNetwork

WALLS = BoundaryConditions()
INSIDE = (slice(None), slice(1, -1), slice(1, -1))

Measure = Callable[[Tensor, int], Tensor]
"""A number of psi on the coarse grid, shape (ny+1, nx+1), and the row of its example."""


def flows(temperature: Array, log_viscosity: Array, grid: Grid) -> Array:
    """psi of T and viscosity at the cells, Ra = 1, (n, ny, nx) to (n, ny+1, nx+1)."""
    factor, psi = CachedFactor(grid), np.empty((len(temperature), *grid.nodes))
    for one, logs, out in zip(temperature, log_viscosity, psi, strict=True):
        factor.factor(np.exp(logs))
        out[...] = factor.back_substitute(factor.operator.right_hand_side(one, 1.0))
    return psi


def flow_errors(psi: Tensor, truth: Tensor, grid: Grid) -> Tensor:
    """Relative mean squares of the velocity and of that along the top, of one psi, shape (2,)."""
    gap = psi - truth
    speeds = [
        (part.diff(dim=0) / grid.hy).square().sum() + (part.diff(dim=1) / grid.hx).square().sum()
        for part in (gap, truth)
    ]
    surface = [part[-2].square().sum() for part in (gap, truth)]
    return torch.stack([speeds[0] / speeds[1], surface[0] / surface[1]])


def finer_flows(
    grid: Grid, each: Stretches, detail: DetailNetwork | None, measure: Measure
) -> Tensor:
    """A measure of the flows where stretches begin, as `measured`, with T within cells or without.

    On the processor, where the solves are.
    """
    here = each.to("cpu")
    temperature = guess(grid, here)
    if detail is not None:
        there = each.to(next(detail.parameters()))
        temperature = temperature + detail(seen(there.temperature[:, 0], there)).cpu()
    begun, logs = (part.double().numpy() for part in seen(here.temperature[:, 0], here))
    coarse = torch.from_numpy(flows(begun, logs, grid)) * here.rayleigh[:, None, None]
    return measured(*seen(temperature, here), here.rayleigh, coarse, grid.finer(2), measure)


def flow_squares(grid: Grid, each: Stretches, detail: DetailNetwork | None) -> Tensor:
    """Of the flows where stretches begin, as `flow_errors`, shape (n, 2); no gradients."""
    found: list[Tensor] = []

    def keep(psi: Tensor, row: int) -> Tensor:
        found.append(flow_errors(psi, each.psi[row, 0].double().cpu(), grid))
        return found[-1][0]

    with torch.inference_mode():
        finer_flows(grid, each, detail, keep)
    return torch.stack(found)


def extrapolated(fine: Tensor, coarse: Tensor) -> Tensor:
    """As `richardson` does, of psi on cells half as long and on the coarse grid."""
    return (4.0 * fine[..., ::2, ::2] - coarse) / 3.0


def measured(
    temperature: Tensor,
    log_viscosity: Tensor,
    rayleigh: Tensor,
    coarse: Tensor,
    finer: Grid,
    measure: Measure,
) -> Tensor:
    """A measure of the flow that `richardson` makes of a solve on a finer grid, shape (n,).

    Gradients go back to T and viscosity through the solve: A being symmetric, its adjoint is one
    more with the same factor.

    Parameters
    ----------
    temperature, log_viscosity : Tensor
        At the cells of `finer`, (n, 2 ny, 2 nx).
    rayleigh : Tensor
        Shape (n,).
    coarse : Tensor
        psi of the solve on the coarse grid, (n, ny+1, nx+1).
    finer : Grid
    measure : callable
    """
    temperature, logs = temperature.double(), log_viscosity.double()
    factor, found, psi, adjoint = CachedFactor(finer), [], [], []
    for k in range(len(temperature)):
        factor.factor(np.exp(logs[k].detach().numpy()))
        forces = factor.operator.right_hand_side(
            temperature[k].detach().numpy(), float(rayleigh[k])
        )
        solved = torch.from_numpy(factor.back_substitute(forces))
        psi.append(solved)
        if not logs.requires_grad:
            found.append(measure(extrapolated(solved, coarse[k].double()), k))
            continue
        solved = solved.clone().requires_grad_()
        value = measure(extrapolated(solved, coarse[k].double()), k)
        (pull,) = torch.autograd.grad(value, solved)
        adjoint.append(torch.from_numpy(factor.back_substitute(pull.numpy())))
        found.append(value.detach())
    values = torch.stack(found)
    if adjoint:
        pulls = torch.stack(adjoint)[INSIDE]
        product = TorchPsiOperator(finer, WALLS, torch.exp(logs))(torch.stack(psi)[INSIDE])
        load = buoyancy(finer, temperature, rayleigh[:, None, None])
        work = (pulls * (load - product)).sum(dim=(1, 2))
        values = values + (work - work.detach())  # nothing, but for its gradient
    return values
