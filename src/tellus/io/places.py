"""Places that a command may write to: never over what it reads."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tellus.errors import InputError

from .lock import NAME as LOCK
from .whole_file import entries

READ = (
    "config.toml",
    "run.json",
    "sweep.json",
    "classes.json",
    "timeseries.csv",
    "fields.zarr",
    "checkpoints",
    "card.json",
    "travel.json",
    "simulations",
    "weights.safetensors",
    "metrics.jsonl",
    "checkpoint",
)
"""What commands read from runs, sweeps, data sets and models; the rest of them are results."""

Identity = tuple[int, int]


def refuse_sources(out: Path | None, *sources: Path | None, option: str = "--out") -> None:
    """Raise InputError where `out` is, or lies in, something that is read.

    Files are compared, not their names: another spelling or a link makes no difference.

    Sources are files, or directories of a run, data set or model; `option` is what names `out`.
    """
    if out is None:
        return
    above = {identity for place in _above(out) if (identity := _identity(place))}
    for source in sources:
        for read in () if source is None else _read_of(source):
            if _identity(read) in above:
                raise InputError(
                    f"{option} {out} would be written over {read}, which is read: name another "
                    "place."
                )


def refuse_occupied(out: Path, begun: bool, remark: str, *own: str) -> None:
    """Raise InputError where `out` is a file, or a directory that holds something else.

    Not where the command's own beginnings lie there (`begun`), or only what a killed call may have
    left, its `own` names. The `remark` on anything else is such as "holds no data set".
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another --out.")
    if not begun and out.is_dir() and entries(out) - {LOCK, *own}:
        raise InputError(f"{out} is not empty and {remark}: choose another --out.")


def refuse_blocked(out: Path) -> None:
    """Raise InputError where a file lies in the way of `out`."""
    place = next(path for path in out.absolute().parents if os.path.lexists(path))
    if not place.is_dir():
        raise InputError(
            f"{out} cannot be written ({place} is no directory): see to that, or choose another "
            "place."
        )


def directory(out: Path) -> Path:
    """Make `out` a directory for what is drawn or exported; InputError where it is a file."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a directory with --out.")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _above(out: Path) -> Iterator[Path]:
    """`out` and every folder that it lies in, behind links too."""
    real = Path(os.path.realpath(out))
    yield from (out, real, *real.parents)


def _read_of(source: Path) -> Iterator[Path]:
    """What is read of a file, or of a directory that a command names."""
    if not source.is_dir():
        yield source
        if source.suffix == ".safetensors":
            yield source.with_name("card.json")
        return
    yield from (source / name for name in READ)
    # A data set's simulations may be links into another one.
    with suppress(OSError):
        yield from (source / "simulations").iterdir()


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
