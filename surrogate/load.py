"""Any trained Stokes surrogate from its directory, whatever kind it is of."""

from pathlib import Path

from tellus.errors import InputError
from tellus.solver.grid import Grid

from .kind import Kind
from .kinds import KINDS
from .model import SHIPPED_WEIGHTS, StokesSurrogate
from .model_files import read_model

DEFAULT = SHIPPED_WEIGHTS / "two-level-256x64"


def kind_of(path: Path | str | None) -> Kind:
    """The kind of model that a directory of weights holds, the shipped ones by default."""
    return read_model(DEFAULT if path is None else Path(path)).kind


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
    place = DEFAULT if path is None else Path(path)
    stored = read_model(place)
    if not stored.kind.solves:
        solving = " or ".join(kind.name for kind in KINDS.values() if kind.solves)
        raise InputError(
            f"{place} holds a model of kind {stored.kind.name}, which gives no velocity for a "
            f"temperature: name one of kind {solving}."
        )
    found: StokesSurrogate = stored.kind.find("model").from_stored(stored, grid)
    return found
