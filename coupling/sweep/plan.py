"""Which runs a sweep consists of, and where they lie."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from tellus.config import Config, load_config, stored_config
from tellus.config.fields import fields
from tellus.config.vary import Varied
from tellus.coupling.runs.recorded import RecordedRun
from tellus.coupling.sobol import sobol_points
from tellus.coupling.trajectory.tabular import Values, brief_value, settings_text
from tellus.errors import InputError
from tellus.io.json_file import read_json, write_json
from tellus.io.recognised import SWEEP, unexpected
from tellus.io.shown import plain_names

PLAN, RUNS, ASIDE = "sweep.json", "runs", "failed"
"""In the directory of a sweep: what it consists of, its runs, and those that failed."""

FORMAT = 1
SEED = 0
"""The seed of the Sobol sequence."""

MOST_RUNS = 10_000
NOT_RUN = "not run"

REMEDY = "copy it again, or choose another --out"


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
        if count is None and _place(values) in found:
            raise InputError(
                f"--vary: {settings_text(values)} is there twice: name every value once."
            )
        found[_place(values)] = values, config
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


@dataclass(frozen=True)
class Sweep:
    """What sweep.json says: what all runs share, and the values of each.

    More runs may join it later, of the same settings at other values. Of the settings in `signed`
    values were drawn from a range that reaches zero or less.
    """

    path: Path
    config: Config
    runs: Mapping[str, Values]
    signed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, path: Path, config: Config, keys: Sequence[str]) -> Self:
        """The one that was begun in `path`, of the same settings; a new one before any run began.

        Raises InputError where another one was.
        """
        found = cls.read(path) if (path / PLAN).exists() else cls(path, config, {})
        if not any(found.directory(name).exists() for name in found.runs):
            return cls(path, config, {})
        if sorted(keys) != sorted(found.keys):
            raise InputError(
                f"{path} varies {', '.join(found.keys)}, not {', '.join(keys)}: vary those, or "
                "choose another --out."
            )
        for key, _ in fields(Config):
            before, now = (attrgetter(key)(each) for each in (found.config, config))
            if key not in keys and now != before:
                raise InputError(
                    f"{path} was begun with {key} = {brief_value(before)}, not "
                    f"{brief_value(now)}: give that, or choose another --out."
                )
        return found

    @classmethod
    def read(cls, path: Path) -> Self:
        """The sweep in a directory; InputError where sweep.json is missing or damaged."""
        file = path / PLAN
        try:
            content = read_json(file, REMEDY)
            runs, keys = content["runs"], content["vary"]
            if not all(isinstance(values, dict) and [*values] == keys for values in runs.values()):
                raise ValueError("a run lacks its values")
            config = stored_config(Config, content["config"])
            for name in plain_names(runs, str(file)):
                runs[name] = {key: _hashable(value) for key, value in runs[name].items()}
            return cls(path, config, runs, frozenset(map(str, content["signed"])))
        except (FileNotFoundError, NotADirectoryError):
            raise unexpected(path, SWEEP) from None
        except (KeyError, TypeError, AttributeError, ValueError, ValidationError) as error:
            said = " ".join(str(error).split())[:200]
            raise InputError(f"{file} is damaged ({said}): {REMEDY}.") from None

    @property
    def keys(self) -> list[str]:
        """The settings that vary."""
        return list(next(iter(self.runs.values()), {}))

    def with_runs(self, more: Sequence[Values], signed: Iterable[str] = ()) -> "Sweep":
        """A sweep with runs at the values of `more` added, where there is none yet."""
        runs = dict(self.runs)
        known = {_place(values) for values in runs.values()}
        for values in more:
            if _place(values) not in known:
                runs[f"run_{len(runs):03d}"] = {key: values[key] for key in self.keys or values}
        return Sweep(self.path, self.config, runs, self.signed.union(signed))

    def write(self) -> None:
        content = {
            "format": FORMAT,
            "vary": self.keys,
            "signed": sorted(self.signed),
            "config": self.config.model_dump(mode="json", exclude_none=True),
            "runs": self.runs,
        }
        write_json(self.path / PLAN, content)

    def named(self, values: Values) -> str:
        """The run at these values."""
        return next(name for name, own in self.runs.items() if _place(own) == _place(values))

    def directory(self, name: str) -> Path:
        """The directory of a run, which lies apart where it failed."""
        failed = self.path / ASIDE / name
        return failed if failed.exists() else self.path / RUNS / name

    def state(self, name: str) -> str:
        """How a run stands: its status, or that it has not begun."""
        run = RecordedRun(self.directory(name))
        try:
            return run.state
        except InputError:
            return NOT_RUN


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _place(values: Values) -> str:
    return json.dumps(dict(values), sort_keys=True)
