"""`tellus profile`, `plot` and `export`: what a run wrote, for people and for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .cli_shell import complain, deliver, say

RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]


class Format(StrEnum):
    """A format of other programs."""

    vtk = "vtk"
    netcdf = "netcdf"


def profile(
    run: RunDir,
    start: Annotated[
        float | None,
        typer.Option("--from", metavar="T0", help="First time [default: half of the run]."),
    ] = None,
    end: Annotated[
        float | None, typer.Option("--to", metavar="T1", help="Last time [default: the end].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as .csv, or draw it as .png.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Average T(y) and Vrms(y) of a run over time."""
    from tellus.coupling import profile as profiles

    deliver(lambda: profiles.profile(run, start, end, out), as_json, profiles.table)
    if out is not None:
        complain(f"the profile is in {out}")


def plot(
    run: Annotated[
        Path, typer.Argument(metavar="RUN|DATA|MODEL", help="Run, data set or trained model.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE",
            help="Directory of a run's pictures [default: RUN/plots], or the picture of a data "
            "set or training [default: DATA/overview.png, MODEL/training.png].",
        ),
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Most outputs to draw, evenly spaced over the run.")
    ] = 50,
) -> None:
    """Draw a run (fields, time series, animation), what a data set covers, or a training."""
    if (run / "metrics.jsonl").exists():
        from tellus.coupling.training_picture import plot_training

        say(f"the picture is {plot_training(run, out)}")
        return
    if (run / "card.json").exists():
        from tellus.coupling.dataset_picture import plot_dataset

        say(f"the picture is {plot_dataset(run, out)}")
        return
    from tellus.coupling.pictures import plot_run

    written = plot_run(run, out, frames)
    say(f"{written[-1].parent}: {len(written)} pictures, {written[-1].name} among them")


def export(
    run: RunDir,
    to: Annotated[Format, typer.Option(help="vtk for ParaView, or one netCDF file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE", help="Directory of VTK files, or netCDF file [default: in RUN]."
        ),
    ] = None,
) -> None:
    """Write a run in a format of other programs."""
    from tellus.coupling import export as formats

    write = {Format.vtk: formats.export_vtk, Format.netcdf: formats.export_netcdf}[to]
    say(f"open {write(run, out)}")
