"""What lies at a path, and the one sentence for a path that is not what was asked for."""

import os
import tomllib
from pathlib import Path

from tellus.errors import InputError

from .json_file import brief, read_json, small_file

RUN, SWEEP, DATA, MODEL = "run", "sweep", "data set", "model"
CONFIGURATION, ARCHIVE = "configuration", "archive"
TRAININGS = "folder of training files"

MADE = {
    RUN: "a run directory, which `tellus run` writes",
    SWEEP: "a sweep's directory, which `tellus sweep` writes",
    DATA: "a data set, which `tellus dataset` writes",
    MODEL: "a trained model, which `tellus train` writes",
    CONFIGURATION: "a TOML file, such as `tellus init` writes",
    ARCHIVE: "a file that `tellus export DATA --to travel` writes",
    TRAININGS: "one that holds *.toml, such as experiments/small",
}
"""What a sentence asks for, after "name"."""

INSTEAD = {
    (RUN, SWEEP): "its runs, {path}/runs/*",
    (CONFIGURATION, RUN): "{path}/config.toml, or go on with the run: `tellus run {path} --resume`",
}
"""What a sentence asks for instead, by what was asked for and what is there."""

TRACES = {
    RUN: ("timeseries.csv", "fields.zarr", "checkpoints"),
    DATA: ("simulations",),
    MODEL: ("weights.safetensors", "metrics.jsonl", "checkpoint"),
}
"""Names in a directory by which it is known, too; a damaged one may have lost its card."""


def recognised(path: Path) -> str | None:
    """What is there, such as `RUN`, by the files of a directory or the content of a file.

    None where it is nothing of these, or there is nothing. Raises InputError for a file that
    cannot be read, and for a card that cannot.
    """
    if os.path.isdir(path):
        return _directory(path)
    return _file(path) if os.path.isfile(path) else None


def refuse_made(out: Path) -> None:
    """Raise InputError where `out` is a run, a sweep, a data set or a model."""
    if out.is_dir() and (found := recognised(out)):
        raise InputError(f"{out} is a {found}: choose another --out.")


def expect(path: Path, *wanted: str, option: str = "") -> str:
    """Which of the `wanted` kinds is there; InputError where it is none of them.

    `option` is what named the path, where that is no argument of a command.
    """
    found = recognised(path)
    if found not in wanted:
        raise unexpected(path, *wanted, option=option)
    return found


def unexpected(path: Path, *wanted: str, option: str = "") -> InputError:
    """What to say of a path where none of the `wanted` is."""
    asked = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if wanted[1:] else wanted)
    remedy = MADE[wanted[0]] if len(wanted) == 1 else "one of these"
    found = recognised(path)
    if not os.path.exists(path):
        what = "does not exist"
        remedy = remedy if len(wanted) == 1 else _a(asked)
    elif found is None:
        what = f"is no {asked}"
    else:
        what = f"is {_a(found)}, not {_a(asked)}"
        remedy = INSTEAD.get((wanted[0], found), remedy).format(path=path)
        if found == ARCHIVE:
            remedy = "the data set that `tellus unpack` makes of it"
    return InputError(f"{option and f'{option}: '}{path} {what}: name {remedy}.")


def lost(file: Path, what: str = RUN) -> InputError:
    """What to say of a file that a run, data set or model must have, and has not."""
    return InputError(f"{file} is missing: copy the {what} again, or make it anew.")


def damaged(place: Path, error: Exception, remedy: str) -> InputError:
    """What to say of a file or store that raised an error: damaged, or kept from this user."""
    if isinstance(error, PermissionError):
        return InputError(f"{place} cannot be read ({brief(error)}): see to its permissions.")
    return InputError(f"{place} is damaged ({brief(error)}): {remedy}.")


def _a(found: str) -> str:
    return f"an {found}" if found.startswith(ARCHIVE) else f"a {found}"


def _directory(path: Path) -> str | None:
    if (path / "run.json").exists():
        return RUN
    if (path / "sweep.json").exists():
        return SWEEP
    traces = [kind for kind, names in TRACES.items() if any((path / n).exists() for n in names)]
    if (path / "card.json").exists() and DATA not in traces:
        card = read_json(path / "card.json", "copy it again, or make it anew")
        return DATA if "simulations" in card else MODEL
    return traces[0] if traces else None


def _file(path: Path) -> str | None:
    """Recognise a file by its content; its name only helps where that is damaged."""
    try:
        with path.open("rb") as file:
            begin = file.read(9)
    except OSError as failure:
        raise damaged(path, failure, "copy it again, or make it anew") from None
    # safetensors begin with the length of a JSON header, and the header.
    if begin[8:] == b"{" or path.suffix == ".safetensors":
        return MODEL
    if begin.startswith(b"PK"):
        return ARCHIVE
    if path.suffix == ".toml" or _is_toml(path):
        return CONFIGURATION
    return None


def _is_toml(path: Path) -> bool:
    try:
        tomllib.loads(small_file(path).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
