"""What cards say: whether they can be true, and what a trained model is fit for."""

from collections.abc import Mapping
from typing import Any

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii, Rheology, depends_on_strain_rate

PARAMETERS = ("gamma_T", "gamma_p", "heating", "rayleigh")
"""Of a simulation; the card of a model holds the range of each over the training."""


def check_card(kind: str, card: dict[str, Any]) -> None:
    """Raise ValueError for a card that cannot be of this `kind`; see `config.cards.check`.

    Where pydantic is missing, as on a GPU machine, nothing is found wrong: whoever reads the card
    stumbles over it.
    """
    try:
        from tellus.config import cards
    except ModuleNotFoundError as error:
        if error.name != "pydantic":
            raise
        return
    cards.check(kind, card)


def card_grid(card: dict[str, Any]) -> Grid:
    """The grid that the card of a model or a data set says."""
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
    if depends_on_strain_rate(rheology):
        raise InputError(
            "the surrogate was trained for a linear viscosity law: leave out "
            "rheology.yield_stress, or use --stokes direct."
        )
    warnings = [f"the surrogate was trained at {trained}, not {grid}"] if grid != trained else []
    if not isinstance(rheology, FrankKamenetskii):
        law = f"the surrogate was trained for Frank-Kamenetskii viscosity, not {rheology}"
        return [*warnings, law]
    asked = {"gamma_T": rheology.gamma_T, "gamma_p": rheology.gamma_p}
    return warnings + outside(card["range"], asked, "the surrogate")


def outside(ranges: dict[str, list[float]], asked: Mapping[str, float], what: str) -> list[str]:
    """A warning for each parameter outside the range where `what` was trained."""
    return [
        f"{name} = {value:g} is outside {low:g}..{high:g}, where {what} was trained"
        for name, value in asked.items()
        for low, high in [ranges[name]]
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
    ]
