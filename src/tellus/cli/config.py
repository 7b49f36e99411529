"""`tellus config` and `tellus init`: configurations shown, and one to begin with."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tellus.errors import InputError

from .options import setting
from .shell import say, show


class Purpose(StrEnum):
    """The command a configuration is for."""

    run = "run"
    dataset = "dataset"
    train = "train"


def config(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG.toml|SECTION",
            help="Configuration to resolve; with --help-fields one section of those listed.",
        ),
    ] = None,
    changes: Annotated[list[str] | None, setting("Change one setting.")] = None,
    purpose: Annotated[
        Purpose | None,
        typer.Option("--for", help="Command it is for [default: that of its sections]."),
    ] = None,
    help_fields: Annotated[
        bool, typer.Option("--help-fields", help="List every key, its range and its meaning.")
    ] = False,
) -> None:
    """Print a configuration, or list all keys."""
    from tellus.config.in_force import shown
    from tellus.config.purposes import MODELS, purpose_of
    from tellus.config.read import read_kind, toml

    if help_fields:
        _print_fields(purpose, None if file is None else str(file))
    elif file is None and not changes:
        raise InputError("tellus config takes a CONFIG.toml, --set, or --help-fields.")
    else:
        models = MODELS[purpose or purpose_of({} if file is None else toml(file))]
        typer.echo(shown(read_kind(models, file, changes or [])), nl=False)


def _print_fields(purpose: Purpose | None, section: str | None) -> None:
    from rich.table import Table

    from tellus.config.fields import FieldRow, rows
    from tellus.config.purposes import MODELS, sections

    listed = [purpose] if purpose else list(Purpose)
    known = sorted({name for each in listed for name in sections(each)})
    if section is not None and section not in known:
        raise InputError(f'there is no section "{section}"; there are {", ".join(known)}.')
    for each in listed:
        for kind, model in MODELS[each].items():
            title = f"tellus {each} CONFIG.toml" + (f', model.kind = "{kind}"' if kind else "")
            table = Table(*FieldRow._fields, title=title, title_justify="left")
            for row in rows(model):
                if section in (None, row.key.partition(".")[0]):
                    table.add_row(*row)
            if table.row_count:
                show(table)


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
