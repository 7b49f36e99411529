"""The command line: `tellus run`, `dataset`, `train`, `evaluate`, `compare`, `bench`, ...

Commands read their arguments and hand over to the library. What is slow to
import is imported inside them, after the configuration has been accepted: help
and complaints come at once.
"""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tellus.io.places import refuse_sources

from .bench import bench
from .config import config, init
from .evaluate import calibrate, evaluate, experiments, rollout_suite
from .options import DataDir, Device, JsonOutput, Preset, Scheduler, Set, at_once, solver_kinds
from .shell import OneSentenceGroup, complain, deliver, listen, processors, say, show
from .view import export, plot, profile, sharpen, unpack
from .web import web

app = typer.Typer(
    name="tellus",
    cls=OneSentenceGroup,
    help="Two-dimensional mantle convection whose Stokes solve can be swapped for a network.",
    epilog="Exit status: 0 done, 1 failed, 2 bad input, 3 stopped and resumable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tellus.version import __version__

        typer.echo(f"tellus {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options that stand before a command."""
    listen()


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="Configuration; with --resume a run is enough.")],
    out: Annotated[
        Path | None, typer.Option(help="Run directory [default: runs/NAME-OF-CONFIG].")
    ] = None,
    stokes: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Stokes solver, see `tellus solvers`, or FILE.py:CLASS.",
            autocompletion=solver_kinds,
        ),
    ] = None,
    closure: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Trained closure, learned (shipped), homogenised, FILE.py:CLASS, or none.",
        ),
    ] = None,
    changes: Set = None,
    resume: Annotated[bool, typer.Option(help="Go on with the run in the directory.")] = False,
    preset: Preset = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a run in the directory.")] = False,
) -> None:
    """Run one simulation."""
    from .run import configured, overrides

    named = overrides(preset, stokes, closure, changes or [])
    settings, directory = configured(config, out, named, resume, force)

    from tellus.coupling.planet import units_of
    from tellus.coupling.ranks import refuse_idle_processes
    from tellus.coupling.runs.run import run_directory
    from tellus.io.busy import BUSY_PERCENT

    refuse_idle_processes(settings.stokes.solver)
    done = run_directory(settings, directory, resume=resume, overwrite=force)
    reached = units_of(settings).at(done.time)
    busy = done["others_percent"]
    shared = f"; other work used {busy:.0f} % of the machine" if busy > BUSY_PERCENT else ""
    say(f"{directory}: {done.steps} steps to {reached} in {done.seconds:.1f} s{shared}")


@app.command()
def dataset(
    config: Annotated[Path, typer.Argument(help="Data set configuration.")],
    out: Annotated[Path, typer.Option(help="Directory of the data set.")],
    jobs: Annotated[int | None, at_once("Simulations")] = None,
    scheduler: Scheduler = None,
    changes: Set = None,
) -> None:
    """Run many simulations into a training set."""
    refuse_sources(out, config)
    from tellus.config import load_dataset_config

    settings = load_dataset_config(config, changes or [])

    from tellus.coupling.dataset.make import make_dataset

    make_dataset(settings, out, jobs or processors(), scheduler, say)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="Training configuration.")],
    data: DataDir,
    out: Annotated[Path, typer.Option(help="Directory of the trained model.")],
    changes: Set = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last finished epoch.")] = False,
    device: Device = "cpu",
) -> None:
    """Train a surrogate."""
    refuse_sources(out, config, data)
    from tellus.config import load_training_config

    settings = load_training_config(config, changes or []).settings()

    from tellus.io.lock import sole_user
    from tellus.surrogate.training.parallel import is_first
    from tellus.surrogate.training.train import check_free
    from tellus.surrogate.training.train import train as train_surrogate

    check_free(out, resume)
    # Of the processes of one torchrun, one writes.
    with sole_user(out) if is_first() else nullcontext():
        train_surrogate(settings, data, out, resume, say, device=device)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR...", help="First: reference.")],
    out: Annotated[Path | None, typer.Option(help="Write a report, such as report.html.")] = None,
    as_json: JsonOutput = False,
) -> None:
    """Compare runs with the first of them."""
    refuse_sources(out, *runs)
    from tellus.coupling.trajectory.comparison import compare as comparison
    from tellus.coupling.trajectory.comparison.found import table

    deliver(lambda: comparison.compare(runs, out), as_json, table)
    if out is not None:
        complain(f"the report is in {out}")


@app.command()
def solvers() -> None:
    """List the names that --stokes takes."""
    from rich.table import Table

    from tellus.coupling.solvers.names import listing

    table = Table("name", "what", "requirements")
    for row in listing():
        table.add_row(*row)
    show(table)


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="Run, sweep, data set, model or configuration.")],
) -> None:
    """Say what a run, sweep, data set, model or configuration is, in ten lines."""
    from tellus.coupling.runs.info import describe

    show(describe(path))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Directory of the runs and the report.")] = Path("demo"),
) -> None:
    """Roll one case out three ways, and report."""
    from tellus.coupling.demo import demo as run_demo

    run_demo(out, say)


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
    as_json: JsonOutput = False,
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


# In the order that --help shows.
listed = (init, sweep, evaluate, experiments, profile, plot, export, sharpen, unpack, config)
for command in (*listed, calibrate, web):
    app.command()(command)
app.command(name="rollout-suite")(rollout_suite)
app.add_typer(bench, name="bench")
