"""Points that fill a box evenly."""

import numpy as np

from tellus.io.signals import held
from tellus.solver.grid import Array


def sobol_points(dimensions: int, count: int, seed: int) -> Array:
    """The first points of a scrambled Sobol sequence in the unit box, shape (count, dimensions).

    Those of the same seed are the first of a longer sequence too.
    """
    from scipy.stats import qmc

    with held():  # what is raised while SciPy reads its table is lost in there, and the table too
        sobol = qmc.Sobol(d=dimensions, scramble=True, rng=np.random.default_rng(seed))
    points: Array = sobol.random_base2(max(count - 1, 1).bit_length())[:count]
    return points
