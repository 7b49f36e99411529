"""The directory of a sweep: which runs it consists of, where they lie, how they stand."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from tellus.config import Config, stored_config
from tellus.config.fields import fields
from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.tables import Values
from tellus.errors import InputError
from tellus.io.json_file import read_json, write_json
from tellus.io.recognised import SWEEP, unexpected
from tellus.io.shown import brief_value, is_number, plain_names

PLAN, RUNS, ASIDE = "sweep.json", "runs", "failed"
"""In the directory of a sweep: what it consists of, its runs, and those that failed."""

TABLES = ("sweep.csv", "sweep.nc")
FAILURES = "failures.csv"
FORMAT = 1

NOT_RUN = "not run"

MOST_LISTED = 6
"""Values of a setting that are told one by one."""

REMEDY = "copy it again, or choose another --out"


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
        known = {place(values) for values in runs.values()}
        for values in more:
            if place(values) not in known:
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
        return next(name for name, own in self.runs.items() if place(own) == place(values))

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


def place(values: Values) -> str:
    """Where values lie among those that vary: the same for equal ones."""
    return json.dumps(dict(values), sort_keys=True)


def overview(path: Path) -> dict[str, str]:
    """A sweep in a few lines: what varies, how its runs stand, where the tables are."""
    plan = Sweep.read(path)
    states = Counter(plan.state(name) for name in plan.runs)
    facts = {"runs": ", ".join(f"{count} {state}" for state, count in states.items())}
    for key in plan.keys:
        words = [brief_value(value) for value in _in_order(plan, key)]
        few = len(words) <= MOST_LISTED
        facts[key] = ", ".join(words) if few else f"{len(words)} from {words[0]} to {words[-1]}"
    there = [name for name in (*TABLES, FAILURES) if (path / name).exists()]
    return facts | {"tables": ", ".join(there) or "none yet"}


def _in_order(plan: Sweep, key: str) -> list[Any]:
    """The values of a setting, each once, numbers in order and first."""
    values = dict.fromkeys(own[key] for own in plan.runs.values())
    return sorted(values, key=lambda v: (0, v, "") if is_number(v) else (1, 0, str(v)))
