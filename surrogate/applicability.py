"""Whether a surrogate was trained for what it is asked to do."""

from typing import Any

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii, Rheology


def card_grid(card: dict[str, Any]) -> Grid:
    """The grid that a card says."""
    shape = card["grid"]
    return Grid(int(shape["nx"]), int(shape["ny"]), float(shape["aspect"]))


def applicability(
    card: dict[str, Any], grid: Grid, boundaries: BoundaryConditions, rheology: Rheology
) -> list[str]:
    """Warnings where it was not trained; InputError where it cannot be right."""
    trained = card_grid(card)
    if abs(grid.aspect - trained.aspect) > 1e-9 * trained.aspect:
        raise InputError(
            f"the surrogate was trained for grid.aspect = {trained.aspect:g}, not "
            f"{grid.aspect:g}: change the grid, or train one for it."
        )
    if boundaries.velocity != card["boundaries"]:
        raise InputError(
            f"the surrogate was trained for {card['boundaries']} walls, not "
            f"{boundaries.velocity}: change the walls, or train one for them."
        )
    if getattr(rheology, "nonlinear", False):
        raise InputError(
            "the surrogate was trained for a linear viscosity law: leave out "
            "rheology.yield_stress, or use --stokes direct."
        )
    warnings = []
    if grid != trained:
        warnings.append(f"the surrogate was trained at {trained}, not {grid}")
    return warnings + _outside(card["range"], rheology)


def _outside(ranges: dict[str, list[float]], rheology: Rheology) -> list[str]:
    """One warning for each parameter outside the trained range."""
    if not isinstance(rheology, FrankKamenetskii):
        return [f"the surrogate was trained for Frank-Kamenetskii viscosity, not {rheology}"]
    warnings = []
    for name in ("gamma_T", "gamma_p"):
        (low, high), value = ranges[name], getattr(rheology, name)
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            warnings.append(
                f"{name} = {value:g} is outside {low:g}..{high:g}, where the surrogate was trained"
            )
    return warnings
