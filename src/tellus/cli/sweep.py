"""`tellus sweep`: one configuration at many values of some settings."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tellus.io.places import refuse_sources

from .options import Json, Scheduler, Set, at_once
from .shell import deliver, processors, say


def sweep(
    config: Annotated[Path, typer.Argument(help="Configuration of a run.")],
    out: Annotated[Path, typer.Option(help="Directory of the sweep.")],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECTION.KEY=VALUES",
            help="A setting and its values: 1,2,3; 0:10:5, five from 0 to 10; log:1e5:1e9:5, five "
            "in equal ratios. More than one: every combination.",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="sobol:N", help="N points between the ends instead of all."),
    ] = None,
    jobs: Annotated[int | None, at_once("Runs")] = None,
    scheduler: Scheduler = None,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Run a configuration at many values of some settings."""
    refuse_sources(out, config)
    from tellus.coupling.sweep import sweep as sweeps
    from tellus.coupling.sweep.table import table

    work = partial(
        sweeps.sweep,
        config,
        vary or [],
        out,
        changes=changes or [],
        sample=sample,
        jobs=jobs or processors(),
        scheduler=scheduler,
        report=say,
    )
    sweeps.check_ended(deliver(work, as_json, table))
