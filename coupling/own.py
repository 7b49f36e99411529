"""Parts of one's own: classes that a configuration names, and objects handed in from Python."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from tellus.config import Config
from tellus.config.own_class import HANDED_IN, OwnClass, is_handed_in
from tellus.config.read import value
from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError
from tellus.io.shown import shown
from tellus.solver.closure import Closure, require_closure
from tellus.solver.composite import CompositeSolver
from tellus.solver.grid import Grid
from tellus.solver.heating import Heating, require_heating
from tellus.solver.picard import PicardSettings, PicardSolver
from tellus.solver.rheology import Rheology, require_rheology
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver, check_flow, require_solver

KEYS = {
    "rheology": "rheology.kind",
    "heating": "model.heating_law",
    "closure": "closure.kind",
    "solver": "stokes.solver",
}
"""The setting that names a class, by the argument of `tellus.run` that takes an object instead."""


@dataclass(frozen=True)
class OwnParts:
    """Objects handed in from Python, each in the place of what a configuration describes."""

    solver: StokesSolver | None = None
    rheology: Rheology | None = None
    heating: Heating | None = None
    closure: Closure | None = None

    def require(self, owner: str, config: Config) -> None:
        """Raise InputError where an object is no part of its kind."""
        if self.solver is not None:
            require_solver(owner, self.solver)
        if self.rheology is not None:
            require_rheology(owner, self.rheology)
        if self.heating is not None:
            require_heating(owner, self.heating)
        if self.closure is not None:
            require_closure(owner, self.closure, config.energy.advection)

    @property
    def names(self) -> dict[str, str]:
        """What stands for the objects in a configuration, `own:NAME`, by its keys."""
        called = {
            "rheology": type(self.rheology).__name__,
            "heating": type(self.heating).__name__,
            "closure": getattr(self.closure, "name", ""),
            "solver": getattr(self.solver, "name", ""),
        }
        return {
            KEYS[part]: f"{HANDED_IN}:{' '.join(str(name).split()) or 'unnamed'}"
            for part, name in called.items()
            if getattr(self, part) is not None
        }


NOTHING = OwnParts()

MOST_SAID = 300
"""Characters of an error's text that are shown."""


def not_handed_in(key: str, name: str) -> InputError:
    """The refusal to make what was an object in Python."""
    argument = next(part for part, named in KEYS.items() if named == key)
    own = name.removeprefix(f"{HANDED_IN}:")
    other = " with --stokes" if argument == "solver" else ""
    return InputError(
        f'{key}: "{own}" is a {argument} of one\'s own: hand it in again, '
        f"tellus.run(..., {argument}=...), or name another{other}."
    )


def classes_of(config: Config) -> dict[str, OwnClass]:
    """The classes of one's own that a configuration names, by the key that does."""
    found = {
        "rheology.kind": OwnClass.parse(config.rheology.kind),
        "model.heating_law": OwnClass.parse(config.model.heating_law or ""),
        "closure.kind": OwnClass.parse(config.closure.kind),
        "stokes.solver": SolverSpec.parse(config.stokes.solver).own,
    }
    return {key: own for key, own in found.items() if own is not None}


def recorded(config: Config) -> dict[str, dict[str, str]]:
    """Name and digest, by key, of every class that a configuration names: what is kept of it."""
    return {
        key: {"class": str(own), "sha256": sha256(source_of(own, key)).hexdigest()}
        for key, own in classes_of(config).items()
    }


def check_unchanged(
    kept: Mapping[str, Mapping[str, str]], config: Config, what: str = "run"
) -> None:
    """Raise InputError where a file is not what it was at the beginning, before it is executed."""
    now = recorded(config)
    for key, was in kept.items():
        same = now.get(key, {})
        if same.get("class") == was["class"] and same["sha256"] != was["sha256"]:
            file, then, now_is = classes_of(config)[key].file, was["sha256"], same["sha256"]
            raise InputError(
                f"{key}: {file} has changed since the {what} began (SHA-256 {then[:12]} then, "
                f"{now_is[:12]} now): put it back, or start a new {what}."
            )


def made(text: str, key: str, *first: Any) -> Any:
    """The object that a name stands for; its file is executed.

    `first` are arguments that come before those of the name.

    Raises
    ------
    InputError
        There is no such file or class, or one of them fails.
    """
    if is_handed_in(text):
        raise not_handed_in(key, text)
    own = OwnClass.parse(text)
    assert own is not None
    known = vars(_module(own, key))
    kind = known.get(own.name)
    if not isinstance(kind, type):
        classes = [name for name, thing in known.items() if isinstance(thing, type)]
        near = get_close_matches(own.name, classes, n=1, cutoff=0.0)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise InputError(f"{key}: {own.file} holds no class {own.name}{meant}")
    named = (argument.partition("=") for argument in own.arguments)
    arguments = {name: value(text) for name, _, text in named}
    try:
        return kind(*first, **arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        given = ", ".join(f"{name}={each!r}" for name, each in arguments.items())
        raise InputError(
            f"{key}: {own.file}: {own.name}({given}) cannot be made ({said(error)}): mend it, or "
            "its arguments."
        ) from error


class FileSolver(CompositeSolver):
    """A solver of one's own from a file; what it returns is checked the first time."""

    def __init__(self, solver: StokesSolver, digest: str) -> None:
        self.solver, self.name = solver, solver.name
        self.inner = {"own": solver}
        self._digest, self._checked = digest, False

    def solve(self, problem: StokesProblem) -> Flow:
        """The solver's flow, checked the first time."""
        flow = self.solver.solve(problem)
        if not self._checked:
            check_flow(flow, problem, self.name)
            self._checked = True
        return flow

    @property
    def weights_sha256(self) -> str:
        """Digest of the solver's weights, or of its file: with another it is another solver."""
        return super().weights_sha256 or self._digest


def own_solver(own: OwnClass, grid: Grid, settings: PicardSettings) -> StokesSolver:
    """The solver that a class in a file makes of a grid; errors as in `made`.

    Iterated around where the viscosity depends on the flow.
    """
    key = "stokes.solver"
    solver = made(str(own), key, grid)
    require_solver(f"{key}: {own}", solver)
    return PicardSolver(FileSolver(solver, sha256(source_of(own, key)).hexdigest()), settings)


def source_of(own: OwnClass, key: str) -> bytes:
    """The file that defines a class; InputError, naming the key, where it cannot be read."""
    try:
        return Path(own.file).read_bytes()
    except OSError as error:
        raise InputError(
            f"{key}: {own.file} cannot be read ({error.strerror or error}): name a Python file."
        ) from None


def _module(own: OwnClass, key: str) -> ModuleType:
    """What a file defines, executed once as long as it does not change."""
    source = source_of(own, key)
    name = f"tellus_own_{sha256(own.file.encode() + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = own.file
    sys.modules[name] = module  # dataclasses look there
    try:
        exec(compile(source, own.file, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError(
            f"{key}: {own.file} cannot be executed ({said(error)}): mend it."
        ) from error
    return module


def said(error: BaseException) -> str:
    """Kind and text of what a part of one's own raised, in a line that may be shown."""
    try:
        text = shown(" ".join(str(error).split()))
        text = text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]} ..."
        text = text.rstrip(".")
    except Exception:  # its text, too, is one's own
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
