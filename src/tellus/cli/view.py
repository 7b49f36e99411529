"""`tellus profile`, `plot`, `export`, `unpack`: runs and data sets, for people and programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tellus.errors import InputError
from tellus.io.places import refuse_sources
from tellus.io.recognised import DATA, MODEL, RUN, SWEEP, expect

from .options import JsonOutput, names_in
from .shell import complain, deliver, say

RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]


class Format(StrEnum):
    """A format of other programs, of the page in a browser, or of a data set on its way."""

    vtk = "vtk"
    netcdf = "netcdf"
    web = "web"
    travel = "travel"


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
    as_json: JsonOutput = False,
) -> None:
    """Average T(y) and Vrms(y) of a run over time."""
    refuse_sources(out, run)
    from tellus.coupling.output import profile as profiles

    deliver(lambda: profiles.profile(run, start, end, out), as_json, profiles.table)
    if out is not None:
        complain(f"the profile is in {out}")


def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...|SWEEP|DATA|MODEL",
            help="Run, or several for one picture of all, sweep, data set, or trained model.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE",
            help="Directory of a run's pictures [default: RUN/plots; several need one], or the "
            "picture of a sweep, data set or training [default: SWEEP/sweep.png, "
            "DATA/overview.png, MODEL/training.png].",
        ),
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Most outputs to draw, evenly spaced over the run.")
    ] = 50,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Fields to draw and animate, such as temperature,viscosity."
        ),
    ] = None,
) -> None:
    """Draw a run (fields, time series, animation), several, a sweep, a data set, or a training."""
    refuse_sources(out, *runs)
    run, *others = runs
    if others:
        from tellus.coupling.output.together import plot_runs

        if out is None or fields is not None:
            raise InputError("several runs at once: name a directory with --out, and no --fields.")
        _say_where(plot_runs(runs, out))
        return
    drawable = (RUN, SWEEP, DATA, MODEL) if fields is None else (RUN,)
    kind = expect(run, *drawable, option="" if fields is None else "--fields")
    if kind == SWEEP:
        from tellus.coupling.sweep.figure import plot_sweep

        picture, laws = plot_sweep(run, out)
        say("\n".join([*laws, f"the picture is {picture}"]))
    elif kind == MODEL:
        from tellus.coupling.output.learning import plot_training

        say(f"the picture is {plot_training(run, out)}")
    elif kind == DATA:
        from tellus.coupling.dataset.picture import plot_dataset

        say(f"the picture is {plot_dataset(run, out)}")
    else:
        from tellus.coupling.output.pictures import plot_run

        drawn = [] if fields is None else names_in(fields, "--fields", "temperature,viscosity")
        _say_where(plot_run(run, out, frames, drawn, complain))


def _say_where(written: list[Path]) -> None:
    """The directory, and what stands for a whole run."""
    named = [file.name for file in written if not file.stem[-1].isdigit()]
    say(f"{written[-1].parent}: {len(written)} files, {', '.join(named)} among them")


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|MODEL|DATA", help="Run, closure for web, or data set to travel."
        ),
    ],
    to: Annotated[
        Format,
        typer.Option(
            help="vtk for ParaView, one netCDF file, web: what the page of `tellus web` opens, "
            "or travel: a data set's T alone."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE",
            help="Directory of VTK files, netCDF or web file [default: in RUN], or file for "
            "travel [default: DATA.npz].",
        ),
    ] = None,
    half_size: Annotated[
        bool, typer.Option("--half-size", help="travel: average T over 2x2 cells.")
    ] = False,
    snapshots: Annotated[
        int | None,
        typer.Option(min=1, help="travel, web: most snapshots of a simulation."),
    ] = None,
) -> None:
    """Write a run for other programs or the page in a browser, or a data set to travel."""
    refuse_sources(out, run)
    if to is Format.travel:
        from tellus.surrogate.packed_temperatures import pack

        written = pack(run, out or run.with_name(f"{run.name}.npz"), half_size, snapshots)
        say(f"{written}: {written.stat().st_size / 1e6:.3g} MB; `tellus unpack` makes labels anew")
        return
    if half_size:
        raise InputError("--half-size needs --to travel.")
    if to is Format.web:
        from tellus.coupling.output import web

        if expect(run, RUN, MODEL) == MODEL:
            if snapshots is not None:
                raise InputError(f"--snapshots needs a run or a data set, and {run} is a model.")
            written = web.export_closure(run, out)
        else:
            written = web.export_run(run, out, snapshots)
        say(
            f"{written}: {written.stat().st_size / 1e6:.3g} MB; open it in the page of `tellus web`"
        )
        return
    if snapshots is not None:
        raise InputError("--snapshots needs --to travel or --to web.")
    from tellus.coupling.output import export as formats

    write = {Format.vtk: formats.export_vtk, Format.netcdf: formats.export_netcdf}[to]
    say(f"open {write(run, out)}")


def sharpen(
    run: RunDir,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the finer fields.")],
    factor: Annotated[int, typer.Option(help="How many times finer: 2, 4, 8 or 16.")] = 4,
    closure: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Trained closure, learned (shipped); none: polynomials through the means.",
        ),
    ] = "none",
) -> None:
    """Write a run's fields on a finer grid, means kept."""
    from tellus.config.own_class import NO_CLOSURE

    refuse_sources(out, run, *([] if closure == NO_CLOSURE else [Path(closure)]))
    from tellus.coupling.output import sharpen as finer

    finer.check_place(run, out)
    known = None if closure == NO_CLOSURE else finer.within_cells(closure)
    finer.sharpen(run, out, factor, known, complain)
    say(f"{out}: every output, {factor} times finer; look at it with `tellus plot {out}`")


def unpack(
    file: Annotated[Path, typer.Argument(help="What `tellus export DATA --to travel` wrote.")],
    out: Annotated[Path, typer.Option(help="Directory of the data set.")],
    device: Annotated[str, typer.Option(help="PyTorch device: cpu or cuda.")] = "cpu",
    tolerance: Annotated[
        float,
        typer.Option(
            min=1e-12, max=0.1, help="Last change of a label's velocity, over the velocity."
        ),
    ] = 1e-8,
) -> None:
    """Make a data set of a file that travelled, solving for every label anew."""
    refuse_sources(out, file)
    from tellus.io.lock import sole_user
    from tellus.surrogate import packed_temperatures

    packed_temperatures.check_free(out)
    with sole_user(out):
        packed_temperatures.unpack(file, out, device, tolerance, say)
