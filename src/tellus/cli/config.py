"""`tellus config`: every field there is, or a configuration as it will be used."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tellus.errors import InputError

from .options import setting
from .shell import show


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
