"""`tellus init`: a configuration to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from tellus.errors import InputError

from .shell import say, show


def _begun_with(letters: str) -> list[str]:
    from tellus.config.examples import examples

    return [name for name in examples() if name.startswith(letters)]


def init(
    example: Annotated[
        str | None,
        typer.Argument(
            help="Which one, see --list [default: quickstart].", autocompletion=_begun_with
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write [default: EXAMPLE.toml].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Name all examples.")] = False,
) -> None:
    """Write an example to begin with: a configuration with every other key as a comment."""
    from tellus.config.examples import example as file_of
    from tellus.config.examples import examples, to_begin_with
    from tellus.config.purposes import purpose_of
    from tellus.config.read import toml
    from tellus.io.whole_file import write_atomically

    if list_all:
        if example is not None:
            raise InputError(f"--list names all examples: leave out {example}, or --list.")
        from rich.table import Table

        table = Table("example", "what")
        for row in examples().items():
            table.add_row(*row)
        show(table)
        return
    source = file_of(example or "quickstart")
    out = out or Path(source.name)
    files = to_begin_with(source, out)
    for file, content in files.items():
        there = file.exists() or file.is_symlink()
        if there and not force and file.read_bytes() != content.encode():
            raise InputError(f"{file} is there already: name another with --out, or add --force.")
    for file, content in files.items():
        write_atomically(file, content.encode())
    purpose = purpose_of(toml(out))
    more = {"run": "", "dataset": " --out DIR", "train": " --data DIR --out DIR"}
    say(f"{', '.join(map(str, files))}: next, `tellus {purpose} {out}{more[purpose]}`")
