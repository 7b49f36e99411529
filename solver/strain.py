"""Strain rate, stress and dissipation of a discrete flow."""

from dataclasses import replace

import numpy as np

from .boundaries import BoundaryConditions
from .grid import Array, Grid
from .rheology import Given, depends_on_strain_rate
from .stokes import Flow, StokesProblem


def normal_strain_rate(flow: Flow, grid: Grid) -> Array:
    """du/dx at the cells, shape (ny, nx); dv/dy is its opposite."""
    rate: Array = np.diff(flow.u, axis=1) / grid.hx
    return rate


def shear_strain_rate(flow: Flow, grid: Grid, boundaries: BoundaryConditions) -> Array:
    """du/dy + dv/dx at the nodes, shape (ny+1, nx+1): zero on free-slip walls.

    On no-slip walls the velocity goes to zero over half a cell. Corners are zero.
    """
    left, right, bottom, top = boundaries.no_slip
    rate = np.zeros(grid.nodes)
    rate[1:-1, 1:-1] = (
        np.diff(flow.u[:, 1:-1], axis=0) / grid.hy + np.diff(flow.v[1:-1], axis=1) / grid.hx
    )
    if bottom:
        rate[0, 1:-1] = 2.0 * flow.u[0, 1:-1] / grid.hy
    if top:
        rate[-1, 1:-1] = -2.0 * flow.u[-1, 1:-1] / grid.hy
    if left:
        rate[1:-1, 0] = 2.0 * flow.v[1:-1, 0] / grid.hx
    if right:
        rate[1:-1, -1] = -2.0 * flow.v[1:-1, -1] / grid.hx
    return rate


def strain_rate(flow: Flow, grid: Grid, boundaries: BoundaryConditions) -> Array:
    """sqrt(e:e) at the cells, shape (ny, nx): e:e = 2 e_xx^2 + 2 e_xy^2.

    The square of the shear rate is the mean over the four nodes.
    """
    normal = normal_strain_rate(flow, grid)
    shear = 0.25 * shear_strain_rate(flow, grid, boundaries) ** 2  # e_xy is half the shear rate
    rate: Array = np.sqrt(2.0 * normal**2 + 2.0 * to_cells(shear))
    return rate


def dissipation(flow: Flow, viscosity: Array, grid: Grid, boundaries: BoundaryConditions) -> Array:
    """Viscous dissipation 2 eta e:e at the cells, shape (ny, nx).

    Its integral is exactly psi^T A psi, the discrete work of buoyancy: each node's share is
    computed with the node's own viscosity and handed to the cells around it.
    """
    to_stretching, to_shear = to_stretching_and_shear(viscosity)
    normal = 4.0 * to_stretching * normal_strain_rate(flow, grid) ** 2
    shear = node_viscosity(to_shear) * shear_strain_rate(flow, grid, boundaries) ** 2
    return normal + to_cells(shear)


def to_stretching_and_shear(viscosity: Array) -> tuple[Array, Array]:
    """What cells show to each, (ny, nx): of one viscosity, (ny, nx), or of both, (2, ny, nx)."""
    both: tuple[Array, Array] = tuple(np.broadcast_to(viscosity, (2, *viscosity.shape[-2:])))
    return both


def node_viscosity(viscosity: Array) -> Array:
    """Geometric mean of the cells around each node, shape (ny+1, nx+1)."""
    logarithm = np.pad(np.log(viscosity), 1, mode="edge")
    corners = logarithm[1:, 1:] + logarithm[1:, :-1] + logarithm[:-1, 1:] + logarithm[:-1, :-1]
    mean: Array = np.exp(0.25 * corners)
    return mean


def to_cells(nodes: Array) -> Array:
    """Mean of the four nodes of each cell, shape (ny, nx)."""
    mean: Array = 0.25 * (nodes[1:, 1:] + nodes[1:, :-1] + nodes[:-1, 1:] + nodes[:-1, :-1])
    return mean


def effective_viscosity(problem: StokesProblem, flow: Flow) -> Array:
    """Viscosity at the cells, at the strain rate of `flow` if it matters.

    Shape (ny, nx); or (2, ny, nx), to stretching and to shear, where a closure tells them apart.
    """
    if not depends_on_strain_rate(problem.rheology):
        return problem.viscosity()
    rate = strain_rate(flow, problem.grid, problem.boundaries)
    found = problem.rheology.viscosity(problem.temperature, problem.grid, rate)
    if problem.closure is None:
        return found
    return replace(problem, rheology=Given(found)).viscosity()  # as the linear solves see it
