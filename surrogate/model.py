"""What trained models of all kinds have in common: loading, saving, digests, checks."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from tellus.errors import InputError, SolverError
from tellus.io.recognised import MADE, MODEL
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.coarse import CoarseSolver
from tellus.solver.grid import Grid
from tellus.solver.rheology import FrankKamenetskii, Rheology, depends_on_strain_rate
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver

from .card import card_grid
from .files import StoredModel, read_model, unknown_card, write_model
from .kinds import KINDS, Kind

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
"""The folders of the weights that come with Tellus."""

DEFAULT = SHIPPED_WEIGHTS / "two-level-256x64"
"""What stands in a solver's place where no weights are named."""

PRECISIONS = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.float32,
    "float64": torch.float64,
}
"""The type of weights and data; "bfloat16" computes in mixed precision."""


class TrainedModel(ABC):
    """A network with the card that says what it is and where it comes from.

    A subclass makes a model `of` what is stored.

    Parameters
    ----------
    weights : torch.nn.Module
        The network whose weights are stored.
    card : dict
        Plain JSON, see `Learner.export`.
    grid : Grid, optional
        The grid it will be used on, if not the one it was trained on.
    """

    kind: ClassVar[str]
    called: ClassVar[str]
    """What warnings call it."""
    shipped: ClassVar[Path | None] = None
    """The directory that is read where none is named."""

    def __init__(self, weights: nn.Module, card: dict[str, Any], grid: Grid | None = None) -> None:
        self.weights, self.card = weights.eval(), card
        self.grid = grid or card_grid(card)

    @classmethod
    def load(cls, path: Path | str | None = None, grid: Grid | None = None) -> Self:
        """Read weights and card, and check one against the other.

        Parameters
        ----------
        path : Path or str, optional
            A directory made by training, or the .safetensors file in one; the shipped weights
            by default, where there are any of this kind.
        grid : Grid, optional
            The grid it will be used on, if not the one it was trained on.

        Raises
        ------
        InputError
            The files are missing, damaged, pickles, of another kind, or do not belong together.
        """
        return cls.from_stored(cls.stored(path), grid)

    @classmethod
    def stored(cls, path: Path | str | None) -> StoredModel:
        """The files of a model of this kind; raises as `load`."""
        place = cls.shipped if path is None else Path(path)
        if place is None:
            raise InputError(f"no model of kind {cls.kind} is shipped: name {MADE[MODEL]}.")
        found = read_model(place)
        _check_kind(place, found.kind, cls.kind)
        return found

    @classmethod
    def from_stored(cls, stored: StoredModel, grid: Grid | None = None, **own: Any) -> Self:
        """The model that the files hold; InputError where the card does not describe it."""
        try:
            return cls.of(stored, grid, **own)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise unknown_card(stored.weights, error) from None

    @classmethod
    @abstractmethod
    def of(cls, stored: StoredModel, grid: Grid | None) -> Self:
        """The model that the files hold; raises as following a bad card does."""

    def save(self, directory: Path) -> None:
        """Write weights.safetensors and card.json into `directory`."""
        write_model(directory, self.weights.state_dict(), self.card)

    @property
    def sha256(self) -> str:
        """Digest of the weights file."""
        return str(self.card["weights_sha256"])

    def outside_training(self, law: Rheology, **asked: float) -> list[str]:
        """Warnings of a viscosity law, or parameters beside its own, that training did not see."""
        if not isinstance(law, FrankKamenetskii):
            return [f"{self.called} was trained for Frank-Kamenetskii viscosity, not {law}"]
        asked = {"gamma_T": law.gamma_T, "gamma_p": law.gamma_p, **asked}
        return [
            f"{name} = {value:g} is outside {low:g}..{high:g}, where {self.called} was trained"
            for name, value in asked.items()
            for low, high in [self.card["range"][name]]
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
        ]


class StokesSurrogate(TrainedModel):
    """A network in a Stokes solver's place."""

    called = "the surrogate"
    base: CoarseSolver | None = None
    """The cheap solution that the network corrects, where there is one."""

    @abstractmethod
    def flow(self, problem: StokesProblem) -> Flow:
        """The predicted flow, in float64."""

    def check(self, grid: Grid, boundaries: BoundaryConditions, rheology: Rheology) -> list[str]:
        """Warnings where it was not trained; InputError where it cannot be right."""
        trained = card_grid(self.card)
        if abs(grid.aspect - trained.aspect) > 1e-9 * trained.aspect:
            raise InputError(
                f"the surrogate was trained for grid.aspect = {trained.aspect:g}, not "
                f"{grid.aspect:g}: change the grid, or train one for it."
            )
        if boundaries.velocity != self.card["boundaries"]:
            raise InputError(
                f"the surrogate was trained for {self.card['boundaries']} walls, not "
                f"{boundaries.velocity}: change the walls, or train one for them."
            )
        if depends_on_strain_rate(rheology):
            raise InputError(
                "the surrogate was trained for a linear viscosity law: leave out "
                "rheology.yield_stress, or use --stokes direct."
            )
        elsewhere = [f"the surrogate was trained at {trained}, not {grid}"]
        return (elsewhere if grid != trained else []) + self.outside_training(rheology)


def kind_of(path: Path | str | None) -> Kind:
    """The kind of model that a directory of weights holds, the shipped ones by default."""
    return read_model(DEFAULT if path is None else Path(path)).kind


def load_surrogate(path: Path | str | None = None, grid: Grid | None = None) -> StokesSurrogate:
    """Any Stokes surrogate, whatever kind it is of; as `TrainedModel.load`, the shipped by default.

    Raises
    ------
    InputError
        The files are missing, damaged, pickles, of no Stokes surrogate, or do not belong together.
    """
    place = DEFAULT if path is None else Path(path)
    stored = read_model(place)
    _check_kind(place, stored.kind, *(kind.name for kind in KINDS.values() if kind.solves))
    found: StokesSurrogate = stored.kind.find("model").from_stored(stored, grid)
    return found


def _check_kind(place: Path, found: Kind, *wanted: str) -> None:
    """Raise InputError for a model of another kind."""
    if found.name not in wanted:
        asked = " or ".join(wanted)
        raise InputError(
            f"{place} is a model of kind {found.name}, not {asked}: name {MADE[MODEL]} with "
            f"model.kind = {asked}."
        )


class SurrogateSolver(StokesSolver):
    """The flow of a surrogate, in float64 like any other."""

    name = "surrogate"

    def __init__(self, surrogate: StokesSurrogate) -> None:
        self.surrogate = surrogate

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file, for provenance."""
        return self.surrogate.sha256

    def check(self, problem: StokesProblem) -> list[str]:
        """Warnings where the problem lies outside the training; InputError where it cannot fit."""
        return self.surrogate.check(problem.grid, problem.boundaries, problem.rheology)

    def solve(self, problem: StokesProblem) -> Flow:
        flow = self.surrogate.flow(problem)
        if not max(float(abs(part).max()) for part in (flow.u, flow.v)) < float("inf"):
            raise SolverError(
                f"the surrogate predicted a velocity that is not finite at t = {problem.time:.6g}; "
                "continue with --stokes direct from the last checkpoint."
            )
        return flow
