"""Filtered data small enough to train a closure on within a test."""

from collections.abc import Iterator
from pathlib import Path

from helpers.small_data import Member, parameters
from tellus.config import DatasetConfig, load_dataset_config
from tellus.coupling.build import grid_of_data
from tellus.coupling.dataset.filtered import filtered
from tellus.coupling.dataset.sampling import members
from tellus.surrogate.closure.model import LearnedClosure

TINY = (
    "grid.nx=32",
    "grid.ny=16",
    "grid.aspect=2",
    "model.rayleigh=1e5",
    "initial.kind=conductive",
    "initial.amplitude=0.1",
    "time.end=0.02",
    "dataset.kind=filtered",
    "dataset.train=1",
    "dataset.validation=1",
    "dataset.test=1",
    "dataset.corners=false",
    "dataset.log10_gamma_T=[0, 2]",
    "windows.count=3",
    "windows.sequences=2",
    "windows.settle=2",
    "windows.spin_up_factor=2",
)


def filtered_config(*overrides: str) -> DatasetConfig:
    """A configuration of three small simulations."""
    return load_dataset_config(None, [*TINY, *overrides])


def familiar_everywhere(model: Path) -> Path:
    """A closure whose training was so small that it would leave any other state to the scheme."""
    closure = LearnedClosure.load(model)
    closure.card["distance"]["largest"] *= 100.0
    closure.save(model)
    return model


LARGER = filtered_config("grid.nx=64", "grid.ny=32", "dataset.train=2", "windows.count=4")
GRID = grid_of_data(LARGER)


def windows() -> Iterator[Member]:
    """Four simulations on `GRID`, two sequences of four windows each."""
    for member in members(LARGER):
        found, _ = filtered(LARGER, member)
        known = parameters(member.gamma_T, member.gamma_p, member.heating, LARGER.model.rayleigh)
        yield member.split, known, found.arrays()
