"""Any trained Stokes surrogate from its directory, whatever kind it is of."""

from pathlib import Path
from typing import Any, Protocol

from tellus.errors import InputError
from tellus.io.card_check import kind_of_model
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.grid import Grid
from tellus.solver.rheology import Rheology
from tellus.solver.stokes import Flow, StokesProblem

from . import files
from .multi_scale.model import KIND as MULTI_SCALE
from .multi_scale.model import MultiScaleSurrogate
from .two_level.model import SHIPPED, Surrogate


class StokesSurrogate(Protocol):
    """A network in a Stokes solver's place."""

    card: dict[str, Any]
    grid: Grid

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        ...

    def flow(self, problem: StokesProblem) -> Flow:
        """The predicted flow, in float64."""
        ...

    def check(self, grid: Grid, boundaries: BoundaryConditions, rheology: Rheology) -> list[str]:
        """Warnings where it was not trained; InputError where it cannot be right."""
        ...


def kind_of(path: Path | str | None) -> str:
    """The `[model] kind` that a directory of weights holds, the shipped ones by default."""
    return kind_of_model(files.read_model(SHIPPED if path is None else Path(path)).card)


def load_surrogate(path: Path | str | None = None, grid: Grid | None = None) -> StokesSurrogate:
    """Read weights and card, and check one against the other.

    Parameters
    ----------
    path : Path or str, optional
        A directory made by training, or the .safetensors file in one; the shipped weights
        by default.
    grid : Grid, optional
        The grid it will be used on, if not the one it was trained on.

    Raises
    ------
    InputError
        The files are missing, damaged, pickles, of no Stokes surrogate, or do not belong together.
    """
    place = SHIPPED if path is None else Path(path)
    stored = files.read_model(place)
    kind = kind_of_model(stored.card)
    if kind in ("time-unet", "profile"):
        raise InputError(
            f"{place} holds a model of kind {kind}, which gives no velocity for a temperature: "
            "name one of kind two-level or multi-scale."
        )
    if kind != MULTI_SCALE:
        return Surrogate.load(place, grid)
    with files.described(stored):
        return MultiScaleSurrogate.load(stored, grid)
