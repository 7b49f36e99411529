"""`tellus config`: every field there is, or a configuration as it will be used."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tellus.solver.errors import InputError

from .cli_shell import show

if TYPE_CHECKING:
    from .config_fields import Section


class Purpose(StrEnum):
    """The command a configuration is for."""

    run = "run"
    dataset = "dataset"
    train = "train"


def config(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG.toml", help="Configuration to resolve.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting."),
    ] = None,
    purpose: Annotated[
        Purpose | None, typer.Option("--for", help="Command it is for [default: run].")
    ] = None,
    help_fields: Annotated[
        bool, typer.Option("--help-fields", help="List every key, its range and its meaning.")
    ] = False,
) -> None:
    """Print a configuration, or list all keys."""
    from .config_read import dump, read

    if help_fields:
        for each in [purpose] if purpose else Purpose:
            _print_fields(each)
    elif file is None and not changes:
        raise InputError("tellus config takes a CONFIG.toml, --set, or --help-fields.")
    else:
        typer.echo(dump(read(_model(purpose or Purpose.run), file, changes or [])), nl=False)


def _model(purpose: Purpose) -> "type[Section]":
    from .config import Config, DatasetConfig, TrainingConfig

    models: dict[str, type[Section]] = {
        "run": Config,
        "dataset": DatasetConfig,
        "train": TrainingConfig,
    }
    return models[purpose]


def _print_fields(purpose: Purpose) -> None:
    from rich.table import Table

    from .config_fields import FieldRow, rows

    table = Table(*FieldRow._fields, title=f"tellus {purpose} CONFIG.toml", title_justify="left")
    for row in rows(_model(purpose)):
        table.add_row(*row)
    show(table)
