"""Means over the cells and faces of a grid, of what is known on a finer one (NumPy alone)."""

from tellus.solver.grid import Array, Grid


def coarse_means(means: Array, coarse: Grid) -> Array:
    """Means over the cells of a grid that is coarser by whole numbers, shape (ny, nx)."""
    ny, nx = means.shape
    blocks = means.reshape(coarse.ny, ny // coarse.ny, coarse.nx, nx // coarse.nx)
    found: Array = blocks.mean(axis=(1, 3))
    return found


def coarse_face_means(u: Array, v: Array, coarse: Grid) -> tuple[Array, Array]:
    """Means over the faces of a grid that is coarser by one whole number in both directions.

    Of what is given on the finer vertical and horizontal faces; shapes (ny, nx+1) and (ny+1, nx).
    """
    nx, ny = coarse.nx, coarse.ny
    factor = u.shape[0] // ny
    along_x: Array = u[:, ::factor].reshape(ny, factor, nx + 1).mean(axis=1)
    along_y: Array = v[::factor].reshape(ny + 1, nx, factor).mean(axis=2)
    return along_x, along_y
