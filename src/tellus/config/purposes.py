"""Which command a configuration is for, and what it may hold then."""

from collections.abc import Mapping
from typing import Any

from .fields import Section
from .models import Config, DatasetConfig
from .training import TRAININGS

MODELS: dict[str, dict[str, type[Section]]] = {
    "run": {"": Config},
    "dataset": {"": DatasetConfig},
    "train": dict(TRAININGS),
}
"""The configurations that a command takes, by `model.kind` where there are several."""


def sections(command: str) -> set[str]:
    """Names of the sections there may be."""
    return {name for model in MODELS[command].values() for name in model.model_fields}


def purpose_of(tables: Mapping[str, Any]) -> str:
    """The command, by the sections that it alone takes; only a training has a `model.kind`."""
    model = tables.get("model")
    if isinstance(model, Mapping) and "kind" in model:
        return "train"
    others = (name for name in MODELS if (sections(name) - sections("run")) & tables.keys())
    return next(others, "run")
