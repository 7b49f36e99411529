"""What a kind of model brings: a folder's entry in the table of `kinds`."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from .settings import LoopSettings


@dataclass(frozen=True)
class Kind:
    """Where training, evaluation and configuration find what they need of a kind of model.

    Parameters
    ----------
    settings : type
        What shapes a training; its `kind` and `meaning` are those of `[model] kind`.
    learner, model, evaluation, table : str or object
        A `training.learner.Learner` and a `model.TrainedModel`; what makes JSON of model directory,
        data set and split, and what makes text of that. As "module:name" they are imported when
        used, and PyTorch with them.
    moves : bool
        Whether it predicts velocities at all; experiments compare such kinds alone.
    solves : bool
        Whether it gives the velocity of a temperature, and so stands in a Stokes solver's place.
    """

    settings: type[LoopSettings]
    learner: str | type
    model: str | type
    evaluation: str | Callable[..., Any] = "tellus.surrogate.evaluation.evaluate:evaluate"
    table: str | Callable[..., str] = "tellus.surrogate.evaluation.table:table"
    moves: bool = True
    solves: bool = True

    @property
    def name(self) -> str:
        """As in `[model] kind`."""
        return self.settings.kind

    @property
    def meaning(self) -> str:
        """In a few words."""
        return self.settings.meaning

    def find(self, part: str) -> Any:
        """The class or function that one of the fields names, such as "learner"."""
        named = getattr(self, part)
        return resolve_name(named) if isinstance(named, str) else named
