"""What is slow to make and the same every time, kept in this user's cache directory."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tellus.io.arrays import read_npz, write_npz
from tellus.solver.grid import Array

log = logging.getLogger(__name__)


def cached(
    name: str,
    make: Callable[[], Mapping[str, Array]],
    what: str,
    fits: Callable[[Mapping[str, Array]], bool] = lambda arrays: True,
) -> Mapping[str, Array]:
    """Arrays of an earlier time; made, and kept for the next, where they are missing or damaged.

    Parameters
    ----------
    name : str
        Of everything that decides what they are; of their file, too.
    make : callable
    what : str
        What they are, for the log.
    fits : callable
        Whether arrays are those that are wanted, damage apart.
    """
    path = cache_directory() / f"{name}.npz"
    try:
        found = read_npz(path)
        if fits(found):
            return found
    except FileNotFoundError:
        log.info("making %s (once, then cached in %s)", what, path)
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s is damaged (%s): made again", path, error)
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, made)
    except OSError as error:
        log.warning("%s could not be cached: %s", what, error)
    return made


def cache_directory() -> Path:
    """Where this user's caches of Tellus lie."""
    home = Path.home()
    local = os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")
    places = {"darwin": home / "Library" / "Caches", "win32": Path(local)}
    default = places.get(sys.platform, home / ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME", default)) / "tellus" / "benchmarks"
