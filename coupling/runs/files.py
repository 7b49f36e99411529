"""The small files of a run directory, read and checked; its fields are another matter."""

from pathlib import Path
from typing import Any

from tellus.errors import InputError
from tellus.io.json_file import brief, parse_json, small_file

LARGEST_TEXT = 2**30
"""Bytes; a time series of millions of steps has a few hundred million."""


def read_text(file: Path) -> str:
    """A file of a run directory; errors as in `read_summary`."""
    try:
        return small_file(file, LARGEST_TEXT).decode()
    except FileNotFoundError as error:
        raise InputError(
            f"{file}: missing; give a run directory written by `tellus run`."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({brief(error)}); run it anew.") from error


def read_summary(file: Path) -> dict[str, Any]:
    """run.json, its types and limits checked.

    Raises
    ------
    InputError
        Naming the file that is missing, truncated or damaged, and the remedy.
    """
    from tellus.config.cards import conform
    from tellus.config.summaries import RunSummary

    try:
        info = parse_json(read_text(file))
        conform(RunSummary, info)
    except ValueError as error:
        raise InputError(
            f"{file}: truncated or not a run summary ({error}); "
            "resume the run with `tellus run --resume`, or run it anew."
        ) from error
    return info


def read_settings(file: Path) -> dict[str, Any]:
    """config.toml of a run, complete and checked; errors as in `read_summary`."""
    from tellus.config import load_config

    read_text(file)
    return load_config(file).model_dump(exclude_none=True)
