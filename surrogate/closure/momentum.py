"""Stokes solves with what a closure knows of viscosity and of T within cells."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.factor.cached import CachedFactor
from tellus.solver.grid import Grid
from tellus.solver.psi.torch_operator import TorchPsiOperator, buoyancy

from .data import Stretches
from .network import DetailNetwork, ViscosityNetwork

WALLS = BoundaryConditions()
INSIDE = (slice(None), slice(1, -1), slice(1, -1))

QUIET_ROW = 1e-8
"""A row whose velocity is less than so much of the fastest row's counts as that one's."""


class _Solve(torch.autograd.Function):
    """psi, (n, ny+1, nx+1), of T, (n, ny, nx), and the logarithm of viscosity at the cells.

    That of shape (n, ny, nx), or (n, 2, ny, nx) to stretching and to shear.

    A being symmetric, the adjoint is one more back-substitution with the same factor.
    """

    @staticmethod
    def forward(
        context: Any, temperature: Tensor, logs: Tensor, rayleigh: Tensor, grid: Grid
    ) -> Tensor:
        psi, context.grid, context.factors = [], grid, []
        for one, log, force in zip(temperature, logs, rayleigh.tolist(), strict=True):
            factor = CachedFactor(grid)
            factor.factor(np.exp(log.double().numpy()))
            forces = factor.operator.right_hand_side(one.double().numpy(), force)
            psi.append(torch.from_numpy(factor.back_substitute(forces)))
            context.factors.append(factor)
        found = torch.stack(psi)
        context.save_for_backward(temperature, logs, rayleigh, found)
        return found.to(temperature)

    @staticmethod
    def backward(context: Any, *pulls: Tensor) -> tuple[Tensor, Tensor, None, None]:
        temperature, logs, rayleigh, psi = context.saved_tensors
        grid = context.grid
        pull = torch.zeros_like(psi)
        pull[INSIDE] = pulls[0][INSIDE].double()
        solved = [
            factor.back_substitute(one)
            for factor, one in zip(context.factors, pull.numpy(), strict=True)
        ]
        adjoint = torch.from_numpy(np.array(solved))[INSIDE]
        with torch.enable_grad():
            T, L = (one.detach().double().requires_grad_() for one in (temperature, logs))
            load = buoyancy(grid, T, rayleigh.double()[:, None, None])
            product = TorchPsiOperator(grid, WALLS, torch.exp(L))(psi[INSIDE])
            of_T, of_logs = torch.autograd.grad((adjoint * (load - product)).sum(), [T, L])
        return of_T.to(temperature), of_logs.to(logs), None, None


def psi_of(temperature: Tensor, logs: Tensor, rayleigh: Tensor, grid: Grid) -> Tensor:
    """Stream function at the nodes, (n, ny+1, nx+1), with gradients: the direct solve, `_Solve`."""
    psi: Tensor = _Solve.apply(temperature, logs, rayleigh, grid)  # type: ignore[no-untyped-call]
    return psi


def own_flow(
    grid: Grid, temperature: Tensor, each: Stretches, network: ViscosityNetwork | None
) -> Tensor:
    """psi of a solve on the grid of T, (n, ny, nx) to (n, ny+1, nx+1), with or without a closure.

    Gradients go through it. On the processor, where the solves are.
    """
    seen = each.seen(temperature)
    logs = seen.log_viscosity if network is None else network(seen)
    psi = psi_of(temperature.cpu(), logs.cpu(), each.rayleigh.cpu(), grid)
    return psi.to(temperature)


def row_errors(psi: Tensor, truth: Tensor) -> Tensor:
    """Mean over rows of ln(1 + e^2), e the relative error of v and of u in the row; shape (n,).

    Each row counts as much as the fastest, for what creeps below a stagnant lid decides how the
    lid grows; the logarithm keeps rows that are off many times from drowning all others.
    """
    found = torch.zeros_like(psi[:, 0, 0])
    for axis, inside in ((2, slice(1, -1)), (1, slice(None))):
        gap, size = (
            part.diff(dim=axis)[:, inside].square().mean(dim=2) for part in (psi - truth, truth)
        )
        least = QUIET_ROW**2 * size.amax(dim=1, keepdim=True)
        found = found + 0.5 * torch.log1p(gap / (size + least)).mean(dim=1)
    return found


def flow_errors(psi: Tensor, truth: Tensor, grid: Grid) -> Tensor:
    """Relative mean squares of the velocity and of that along the top, shape (n, 2)."""
    found = []
    for one, true in zip(psi, truth.to(psi), strict=True):
        speeds, surface = zip(*(_squares(part, grid) for part in (one - true, true)), strict=True)
        found.append(torch.stack([speeds[0] / speeds[1], surface[0] / surface[1]]))
    return torch.stack(found)


def _squares(psi: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Sums over the box, and along the top, of the squares of one velocity."""
    u, v = psi.diff(dim=0) / grid.hy, psi.diff(dim=1) / grid.hx
    return u.square().sum() + v.square().sum(), psi[-2].square().sum()


def finer_flows(grid: Grid, each: Stretches, detail: DetailNetwork | None) -> Tensor:
    """psi where stretches begin, as `richardson`, with T within cells or without.

    On the processor, where the solves are.
    """
    here = each.to("cpu")
    temperature = here.guess(grid)
    if detail is not None:
        there = each.to(next(detail.parameters()))
        temperature = temperature + detail(there.seen(there.temperature[:, 0])).cpu()
    rayleigh, (T, logs) = here.rayleigh, here.seen(here.temperature[:, 0])
    unit = psi_of(T.double(), logs.double(), torch.ones_like(rayleigh), grid)
    coarse = unit * rayleigh[:, None, None]
    return richardson(*here.seen(temperature), rayleigh, coarse, grid.finer(2))


def flow_squares(grid: Grid, each: Stretches, detail: DetailNetwork | None) -> Tensor:
    """`flow_errors` of the flows where stretches begin, shape (n, 2); no gradients."""
    with torch.inference_mode():
        return flow_errors(finer_flows(grid, each, detail), each.psi[:, 0], grid)


def richardson(
    temperature: Tensor, log_viscosity: Tensor, rayleigh: Tensor, coarse: Tensor, finer: Grid
) -> Tensor:
    """psi that the solver `richardson` makes of a solve on a finer grid, (n, ny+1, nx+1).

    Gradients go back to T and viscosity through the solve.

    Parameters
    ----------
    temperature, log_viscosity : Tensor
        At the cells of `finer`, (n, 2 ny, 2 nx).
    rayleigh : Tensor
        Shape (n,).
    coarse : Tensor
        psi of the solve on the coarse grid, (n, ny+1, nx+1).
    finer : Grid
    """
    fine = psi_of(temperature.double(), log_viscosity.double(), rayleigh, finer)
    return (4.0 * fine[..., ::2, ::2] - coarse.double()) / 3.0
