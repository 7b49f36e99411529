"""The card of a trained model: what made it, and whether it is fit for what it is asked to do."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from tellus.errors import InputError
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii, Rheology, depends_on_strain_rate

from .data import Dataset
from .settings import LoopSettings

FORMAT = 1
PARAMETERS = ("gamma_T", "gamma_p", "heating", "rayleigh")
"""Of a simulation; a card holds the range of each over the training."""


def training_card(
    settings: LoopSettings,
    dataset: Dataset,
    network: nn.Module,
    examples: Mapping[str, Any],
    scores: Mapping[str, float],
    spent: float,
    /,
    **own: Any,
) -> dict[str, Any]:
    """What every model's card holds, in plain JSON; `files.write_model` adds the digest.

    Parameters
    ----------
    examples : mapping
        What of the data was learned from, beside its name and hash.
    scores : mapping
        The validation scores of `network`.
    spent : float
        Seconds of training.
    **own
        What the cards of this kind hold besides, or in place of what is general.
    """
    card, grid = dataset.card, dataset.grid
    trained = [s for s in card["simulations"] if s["split"] == "train"]
    return {
        "format": FORMAT,
        "kind": settings.kind,
        "grid": {"nx": grid.nx, "ny": grid.ny, "aspect": grid.aspect},
        "boundaries": card["boundaries"],
        "range": {
            name: [min(s[name] for s in trained), max(s[name] for s in trained)]
            for name in PARAMETERS
        },
        **own,
        "parameters": sum(p.numel() for p in network.parameters()),
        "data": {
            "name": dataset.path.resolve().name,
            "hash": card["hash"],
            **examples,
            "command": card.get("command"),
        },
        "training": settings.to_json(),
        "validation": dict(scores),
        "seconds": {"data": card.get("seconds"), "training": spent},
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "version": code_version(),
    }


def code_version() -> str:
    """The installed version of Tellus, or "source" where it is not installed."""
    try:
        return version("tellus-mantle")
    except PackageNotFoundError:
        return "source"


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
    if depends_on_strain_rate(rheology):
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
    asked = {name: float(getattr(rheology, name)) for name in ("gamma_T", "gamma_p")}
    return outside(ranges, asked, "the surrogate")


def outside(ranges: dict[str, list[float]], asked: Mapping[str, float], what: str) -> list[str]:
    """A warning for each parameter outside the range where `what` was trained."""
    return [
        f"{name} = {value:g} is outside {low:g}..{high:g}, where {what} was trained"
        for name, value in asked.items()
        for low, high in [ranges[name]]
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
    ]
