"""Paths in a configuration: relative to the file that names them, or to the caller's directory.

`quantity(..., path=PATH)` marks a field that holds one, `path=SOLVER` one that holds the name of a
Stokes solver, in which there may be one, `path=CLASS` one that may name a class in a file.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tellus.errors import InputError
from tellus.io.shown import shown

from .own_class import OwnClass
from .solver_spec import SolverSpec

PATH, SOLVER, CLASS = "path", "solver", "class"


def with_absolute_paths(name: str, folder: Path | str = "") -> str:
    """A solver's name with paths that hold in any working directory, in names within names too.

    Relative ones begin in `folder`, by default the working directory.
    """
    spec = SolverSpec.parse(name)
    return str(spec.with_path(_absolute(spec.path, folder))) if spec.path else name


def _own_class(name: str, folder: Path | str = "") -> str:
    """The name of a class of one's own likewise; any other as it is."""
    own = OwnClass.parse(name)
    return str(replace(own, file=_absolute(own.file, folder))) if own else name


def _absolute(path: str, folder: Path | str = "") -> str:
    if not path:
        return path
    found = os.path.abspath(os.path.join(folder, path))
    try:
        found.encode()
    except UnicodeEncodeError:
        # Neither config.toml nor run.json could hold it.
        raise InputError(
            f"{shown(found)} is no path that a configuration can name, as it is not UTF-8: rename "
            "it, or go there by a link."
        ) from None
    return found


ABSOLUTE: dict[str, Callable[[str, Path | str], str]] = {
    PATH: _absolute,
    SOLVER: with_absolute_paths,
    CLASS: _own_class,
}
"""What makes the value of a marked field hold anywhere, from the value and a folder."""
