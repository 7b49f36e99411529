"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.errors import InputError


def _keys(letters: str) -> list[str]:
    """Keys of a run's configuration that begin with `letters`, for completion."""
    from tellus.config import Config
    from tellus.config.fields import fields

    return [f"{key}=" for key, _ in fields(Config) if key.startswith(letters)]


def solver_kinds(letters: str) -> list[str]:
    """What names of solvers begin with, for completion."""
    from tellus.coupling.solvers.kinds import SOLVERS

    return [kind for kind in SOLVERS if kind.startswith(letters)]


def setting(meaning: str) -> Any:
    """The option --set, whose help says what it changes."""
    return typer.Option("--set", metavar="SECTION.KEY=VALUE", help=meaning, autocompletion=_keys)


Set = Annotated[list[str] | None, setting("Change one setting; none: its default.")]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
"""Whether a command delivers its result as JSON, see `shell.deliver`."""
Preset = Annotated[
    str | None,
    typer.Option(metavar="fast|exact", help="Settings that go together, over the file's."),
]
DataDir = Annotated[Path, typer.Option("--data", help="Directory that `tellus dataset` wrote.")]
Device = Annotated[str, typer.Option(help="PyTorch device, such as cpu or cuda.")]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A dask scheduler that runs already.")
]


def at_once(what: str) -> Any:
    """The option --jobs, whose help says what is done at once."""
    return typer.Option(min=1, help=f"{what} at once [default: one per processor].")


def names_in(text: str, option: str, example: str) -> list[str]:
    """Names from text such as direct,skip:10; whoever takes them knows which exist."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InputError(f'{option} takes names such as {example}, not "{text}".')
    return names
