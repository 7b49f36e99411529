"""Which runs a sweep consists of."""

import itertools
import re
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

from tellus.config import Config, load_config
from tellus.config.vary import Varied
from tellus.coupling.directory.sweep import place
from tellus.coupling.sobol import sobol_points
from tellus.coupling.tables import Values, settings_text
from tellus.errors import InputError

SEED = 0
"""The seed of the Sobol sequence."""

MOST_RUNS = 10_000


def points(
    file: Path, changes: Sequence[str], axes: Sequence[Varied], count: int | None
) -> list[tuple[Values, Config]]:
    """The configurations of a sweep: a file, changes over it, and every combination of values.

    In place of all combinations `count` points of a Sobol sequence, between the ends of the ranges
    and from the lists. InputError where a setting is unknown, a value refused, there is nothing to
    vary, or too much.
    """
    if not axes:
        raise InputError("a sweep needs a setting to vary, such as --vary model.heating=0,5,10.")
    named = {change.partition("=")[0].strip() for change in changes}
    if both := named & {axis.key for axis in axes}:
        raise InputError(f"{both.pop()} is set and varied: name it in --vary or --set alone.")
    found: dict[str, tuple[Values, Config]] = {}
    for settings in _combined(axes) if count is None else _drawn(axes, count):
        config = _loaded(file, changes, settings)
        values = {axis.key: attrgetter(axis.key)(config) for axis in axes}
        if count is None and place(values) in found:
            raise InputError(
                f"--vary: {settings_text(values)} is there twice: name every value once."
            )
        found[place(values)] = values, config
    return list(found.values())


def sample_size(sample: str | None) -> int | None:
    """N of "sobol:N"; InputError for anything else."""
    if sample is None:
        return None
    match = re.fullmatch(r"sobol:(\d{1,6})", sample, re.ASCII)
    if match is None or not 1 <= (count := int(match[1])) <= MOST_RUNS:
        raise InputError(
            f'--sample takes sobol:N, N from 1 to {MOST_RUNS}, such as sobol:64, not "{sample}".'
        )
    return count


def _combined(axes: Sequence[Varied]) -> list[list[str]]:
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST_RUNS:
        raise InputError(
            f"--vary makes {count} runs, and {MOST_RUNS} are most: take fewer values, or --sample."
        )
    each = [[f"{axis.key}={value}" for value in axis.values] for axis in axes]
    return [list(settings) for settings in itertools.product(*each)]


def _drawn(axes: Sequence[Varied], count: int) -> list[list[str]]:
    shares = sobol_points(len(axes), count, SEED).tolist()
    return [
        [f"{axis.key}={axis.at(share)}" for axis, share in zip(axes, point, strict=True)]
        for point in shares
    ]


def _loaded(file: Path, changes: Sequence[str], settings: Sequence[str]) -> Config:
    try:
        return load_config(file, [*changes, *settings])
    except InputError as error:
        sentence = str(error)
        keys = [setting.partition("=")[0] for setting in settings]
        if any(k in sentence or f"section {k.partition('.')[0]} " in sentence for k in keys):
            sentence = re.sub("^--set", "--vary", sentence)
        raise InputError(sentence) from None
