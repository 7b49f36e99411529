"""The kinds of models there are: the one table that every place which must know them reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from .closure.settings import ClosureSettings
from .multi_scale.settings import MultiScaleSettings
from .profile.settings import ProfileSettings
from .settings import LoopSettings
from .time_unet.settings import TimeUNetSettings
from .two_level.settings import TrainingSettings


@dataclass(frozen=True)
class Kind:
    """A kind of model, as training, evaluation and configuration use it.

    Parameters
    ----------
    settings : type
        What shapes a training; its `kind` and `meaning` are those of `[model] kind`.
    learner, model, evaluation, table : str or object
        A `training.learner.Learner` and a `model.TrainedModel`; what makes JSON of model directory,
        data set and split, and what makes text of that. As "module:name", within this package, they
        are imported when used, and PyTorch with them.
    card : str or type
        A `cards.ModelCard` of what its cards hold, written likewise; it needs pydantic alone.
    moves : bool
        Whether it predicts velocities at all; experiments compare such kinds alone.
    solves : bool
        Whether it gives the velocity of a temperature, and so stands in a Stokes solver's place.
    """

    settings: type[LoopSettings]
    learner: str | type
    model: str | type
    evaluation: str | Callable[..., Any] = "evaluation.evaluate:evaluate"
    table: str | Callable[..., str] = "evaluation.table:table"
    card: str | type = "cards:ModelCard"
    moves: bool = True
    solves: bool = True

    @property
    def name(self) -> str:
        """The kind as `[model] kind` names it."""
        return self.settings.kind

    def find(self, part: str) -> Any:
        """The class or function that one of the fields names, such as "learner"."""
        named = getattr(self, part)
        return resolve_name(f"{__package__}.{named}") if isinstance(named, str) else named


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            TrainingSettings,
            "two_level.learner:TwoLevelLearner",
            "two_level.model:Surrogate",
            card="two_level.card:TwoLevelCard",
        ),
        Kind(
            MultiScaleSettings,
            "multi_scale.learner:MultiScaleLearner",
            "multi_scale.model:MultiScaleSurrogate",
            card="multi_scale.card:MultiScaleCard",
        ),
        Kind(
            TimeUNetSettings,
            "time_unet.learner:TimeStepLearner",
            "time_unet.model:TimeStepper",
            evaluation="time_unet.evaluate:evaluate_time_unet",
            table="time_unet.evaluate:table",
            card="time_unet.card:TimeUNetCard",
            solves=False,
        ),
        Kind(
            ProfileSettings,
            "profile.learner:ProfileLearner",
            "profile.predictor:ProfilePredictor",
            moves=False,
            solves=False,
        ),
        Kind(
            ClosureSettings,
            "closure.learner:ClosureLearner",
            "closure.model:LearnedClosure",
            evaluation="closure.evaluate:evaluate_closure",
            table="closure.evaluate:table",
            card="closure.card:ClosureCard",
            moves=False,
            solves=False,
        ),
    )
}
"""Kinds by `[model] kind`; the first is meant where a file or a card does not say it."""


def kind_of_card(card: Mapping[str, Any]) -> Kind:
    """What a card is of; ValueError for a kind that this version does not know."""
    name = card.get("kind", next(iter(KINDS)))
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"its kind is none of {', '.join(KINDS)}")
    return KINDS[name]
