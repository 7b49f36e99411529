"""Pressure from the velocity: what is left of the momentum equation is its gradient."""

import numpy as np
from scipy import fft

from .diffusion import eigenvalues
from .grid import Array
from .stokes import Flow, StokesProblem
from .strain import (
    node_viscosity,
    normal_strain_rate,
    shear_strain_rate,
    to_stretching_and_shear,
)


def pressure(flow: Flow, problem: StokesProblem, viscosity: Array) -> Array:
    """Dynamic pressure at the cells, shape (ny, nx), mean zero.

    The stream function has eliminated p; the momentum equation gives its gradient on every
    interior face, grad p = div tau + Ra T e_y, and one Poisson problem with Neumann walls,
    solved by cosine transforms, gives p. Exact for the discrete system: where A psi = b
    holds, the residual is a discrete gradient. Second order.
    """
    grid = problem.grid
    across, up = momentum_residual(flow, problem, viscosity)
    divergence = np.zeros(grid.cells)
    divergence[:, :-1] += across / grid.hx
    divergence[:, 1:] -= across / grid.hx
    divergence[:-1] += up / grid.hy
    divergence[1:] -= up / grid.hy
    laplacian = -(eigenvalues(grid.ny, grid.hy)[:, None] + eigenvalues(grid.nx, grid.hx))
    laplacian[0, 0] = 1.0
    spectrum = fft.dctn(divergence, type=2, norm="ortho") / laplacian
    spectrum[0, 0] = 0.0
    return np.asarray(fft.idctn(spectrum, type=2, norm="ortho"))


def without_mean(field: Array) -> Array:
    """`field` less its mean at each height, which in a pressure the mean temperature holds up."""
    lateral: Array = field - field.mean(axis=1, keepdims=True)
    return lateral


def momentum_residual(flow: Flow, problem: StokesProblem, viscosity: Array) -> tuple[Array, Array]:
    """div tau + Ra T e_y on the interior faces: u faces (ny, nx-1) and v faces (ny-1, nx)."""
    grid = problem.grid
    to_stretching, to_shear = to_stretching_and_shear(viscosity)
    normal = 2.0 * to_stretching * normal_strain_rate(flow, grid)  # tau_xx, and -tau_yy
    shear = node_viscosity(to_shear) * shear_strain_rate(flow, grid, problem.boundaries)
    buoyancy = 0.5 * problem.rayleigh * (problem.temperature[1:] + problem.temperature[:-1])
    across = np.diff(normal, axis=1) / grid.hx + np.diff(shear[:, 1:-1], axis=0) / grid.hy
    up = np.diff(-normal, axis=0) / grid.hy + np.diff(shear[1:-1], axis=1) / grid.hx + buoyancy
    return across, up
