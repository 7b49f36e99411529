"""Learned Stokes solutions: a cheap base, corrected by a small network."""

from importlib import import_module
from typing import Any

_HOMES = {
    "MultiScaleSettings": "multi_scale.settings",
    "Surrogate": "two_level.model",
    "TrainingSettings": "two_level.settings",
    "load_surrogate": "model",
    "make_base": "two_level.examples",
    "train": "training.train",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
