"""A closure of one's own: heat diffuses along slopes by as much as the flow stretches.

tellus run examples/quickstart.toml --closure examples/eddies.py:Eddies:strength=0.1
"""

import numpy as np

from tellus.solver.closure import Closure
from tellus.solver.transport.means import Fluxes


class Eddies(Closure):
    """A heat conductivity of `strength` times the cell's area times the stretching of the flow."""

    name = "eddies"

    def __init__(self, strength=0.1):
        self.strength = strength

    def fluxes(self, problem, flow):
        grid, found = problem.grid, Fluxes.zero(problem.grid)
        stretching = np.abs(np.diff(flow.u, axis=1)) / grid.hx
        faces = (found.along_y[1:-1], grid.hy), (found.along_x[:, 1:-1], grid.hx)
        for axis, (inside, h) in enumerate(faces):
            first, second = (np.delete(stretching, end, axis) for end in (-1, 0))
            slope = np.diff(problem.temperature, axis=axis) / h
            inside -= self.strength * h**2 * 0.5 * (first + second) * slope
        return found
