"""What a grid cannot hold of the temperature, put back into what its cell means obey."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from tellus.errors import InputError

from . import _core
from .boundaries import TEMPERATURE
from .energy import MP5
from .grid import Array, Grid
from .limits import Limits, check, check_shape
from .stokes import Flow, MomentumClosure, StokesProblem
from .transport.means import Fluxes
from .transport.regridding import regridded

SHARE = Limits(least=0.0, most=1.0, optional=True)


class Closure(MomentumClosure, Protocol):
    """What a grid loses within its cells, from cell means. Subclass it and write what it knows.

    It remembers nothing, so that a resumed run is bitwise the run that was never stopped, and of
    a mirrored state it returns the mirror image.
    """

    silent: float | None = None
    """Share of cells of which it said nothing when it was last asked; None where it always does."""
    held: bool = False
    """Whether it expects the velocity of a step's start."""

    def fluxes(self, problem: StokesProblem, flow: Flow) -> Fluxes | None:
        """Heat through the faces beside what the scheme finds, held over a step.

        Parameters
        ----------
        problem : StokesProblem
            Of the cell means at the start of the step.
        flow : Flow
            The velocity over the step.

        Returns
        -------
        Fluxes or None
            Along x, shape (ny, nx+1), and y, (ny+1, nx), in the units of u T. Nothing through
            walls that do not have a temperature.
        """
        return None

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        """The momentum problem on a grid that divides each cell: T interpolated."""
        return interpolated(problem, finer)

    @property
    def weights_sha256(self) -> str | None:
        """Digest of its weights, where it has any."""
        return None


def require_closure(owner: str, closure: object, advection: str) -> None:
    """Raise InputError for what is no closure, such as the class of one, or has nothing to add to.

    `advection` as in `EnergyEquation`.
    """
    if isinstance(closure, type) or not callable(getattr(closure, "fluxes", None)):
        raise InputError(
            f"{owner}: closure must be an object of a subclass of tellus.solver.closure.Closure, "
            f"not {closure!r:.60}."
        )
    name = getattr(closure, "name", None)
    if not isinstance(name, str):
        raise InputError(
            f"{owner}: the closure {type(closure).__name__} has no name: give it one, a string, "
            "which checkpoints and messages call it by."
        )
    weights = getattr(closure, "weights_sha256", None)
    if not isinstance(weights, str | None):
        raise InputError(
            f"{owner}: closure {name}: weights_sha256 must be a string or None, not "
            f"{weights!r:.60}."
        )
    check(f"{owner}: closure {name}", silent=(getattr(closure, "silent", None), SHARE))
    adds = getattr(type(closure), "fluxes", None) is not Closure.fluxes
    if adds and advection != MP5:
        raise InputError(
            f'{owner}: closure {name} adds to the fluxes of advection = "{MP5}", not "{advection}".'
        )


def refined(problem: StokesProblem, finer: Grid) -> StokesProblem:
    """The momentum problem on a finer grid, as its closure sees it, where it has one.

    Raises InputError where that is none on this grid.
    """
    closure = problem.closure
    if closure is None:
        return interpolated(problem, finer)
    found, what = closure.refined(problem, finer), f"closure {closure.name}"
    if not isinstance(found, StokesProblem) or found.grid != finer:
        raise InputError(f"{what}: refined must return a StokesProblem on {finer} cells.")
    if not np.all(np.isfinite(found.temperature)):
        raise InputError(f"{what}: what it shows a finer grid holds NaN or infinity: bound it.")
    return found


def interpolated(problem: StokesProblem, finer: Grid) -> StokesProblem:
    """`problem` on a finer grid: T interpolated by `regridded`, no closure."""
    temperature = regridded(problem.temperature, problem.grid, finer, problem.boundaries)
    return replace(problem, grid=finer, temperature=temperature, closure=None)


def checked_fluxes(closure: Closure, problem: StokesProblem, flow: Flow) -> Fluxes | None:
    """What a closure adds, or InputError where that is nothing that a step can take."""
    found = closure.fluxes(problem, flow)
    grid, what = problem.grid, f"closure {closure.name}"
    check(what, silent=(closure.silent, SHARE))
    if found is None:
        return None
    if not isinstance(found, Fluxes):
        raise InputError(f"{what}: fluxes must return Fluxes or None, not {found!r:.60}.")
    check_shape(what, "fluxes along x", found.along_x, grid.u_faces)
    check_shape(what, "fluxes along y", found.along_y, grid.v_faces)
    if any(np.asarray(part).dtype.kind not in "fiu" for part in found):
        raise InputError(f"{what}: its fluxes must be real numbers.")
    if not all(np.all(np.isfinite(part)) for part in found):
        raise InputError(f"{what}: its fluxes hold NaN or infinity: bound them.")
    for (wall, kept), heat in zip(problem.boundaries.walls.items(), found.entering(), strict=True):
        if kept.thermal != TEMPERATURE and np.any(heat):
            raise InputError(
                f'{what} moves heat through the {wall} wall, which is "{kept.thermal}": its fluxes '
                "must be zero there."
            )
    return found


class Homogenised(Closure):
    """What cells show to stretching and to shear, where their viscosity varies exponentially.

    See `homogenised`: for any law, between any walls, on the grid of T and on finer ones.
    """

    name = "homogenised"

    def refined(self, problem: StokesProblem, finer: Grid) -> StokesProblem:
        return replace(interpolated(problem, finer), closure=self)

    def viscosity(self, problem: StokesProblem, found: Array) -> Array:
        return homogenised(found)


def homogenised(viscosity: Array) -> Array:
    """Viscosity to stretching and to shear, (2, ny, nx), of layers across the slope in each cell.

    Layers that lie along an axis of the grid are stretched alike and sheared by the same stress:
    to stretching they show their arithmetic mean, to shear their harmonic one; layers at 45
    degrees the other way round, and others, at an angle a to an axis, cos^2 2a of the one and
    sin^2 2a of the other (Backus 1962, of two dimensions and without what couples both). The
    means are those of a viscosity, shape (ny, nx), whose logarithm is linear in each cell.
    """
    viscosity = np.ascontiguousarray(viscosity, dtype=np.float64)
    both = np.empty((2, *viscosity.shape))
    _core.show_layers(viscosity, np.log(viscosity), both)
    return both
