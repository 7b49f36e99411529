"""`tellus config`: every field there is, or a configuration as it will be used."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tellus.errors import InputError

from .options import setting
from .shell import show

if TYPE_CHECKING:
    from tellus.config.fields import Section


class Purpose(StrEnum):
    """The command a configuration is for."""

    run = "run"
    dataset = "dataset"
    train = "train"


def config(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG.toml", help="Configuration to resolve.")
    ] = None,
    changes: Annotated[list[str] | None, setting("Change one setting.")] = None,
    purpose: Annotated[
        Purpose | None, typer.Option("--for", help="Command it is for [default: run].")
    ] = None,
    help_fields: Annotated[
        bool, typer.Option("--help-fields", help="List every key, its range and its meaning.")
    ] = False,
) -> None:
    """Print a configuration, or list all keys."""
    from tellus.config.read import dump, read_kind

    if help_fields:
        for each in [purpose] if purpose else Purpose:
            _print_fields(each)
    elif file is None and not changes:
        raise InputError("tellus config takes a CONFIG.toml, --set, or --help-fields.")
    else:
        kinds = _models(purpose or Purpose.run)
        typer.echo(dump(read_kind(kinds, file, changes or [])), nl=False)


def _models(purpose: Purpose) -> "dict[str, type[Section]]":
    """The configurations a command takes, by their `[model] kind` where there are several."""
    from tellus.config import TRAININGS, Config, DatasetConfig

    if purpose is Purpose.train:
        return dict(TRAININGS)
    return {"": Config if purpose is Purpose.run else DatasetConfig}


def _print_fields(purpose: Purpose) -> None:
    from rich.table import Table

    from tellus.config.fields import FieldRow, rows

    for kind, model in _models(purpose).items():
        title = f"tellus {purpose} CONFIG.toml" + (f', model.kind = "{kind}"' if kind else "")
        table = Table(*FieldRow._fields, title=title, title_justify="left")
        for row in rows(model):
            table.add_row(*row)
        show(table)
