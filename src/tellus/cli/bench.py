"""`tellus bench`: the measurements behind every figure in the README."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from tellus.errors import InputError, InterruptedRunError
from tellus.io.places import refuse_sources
from tellus.solver.limits import MOST_STEPS

from .options import names_in, setting
from .shell import deliver, say

GridOption = Annotated[
    str, typer.Option("--grid", metavar="NXxNY[,...]", help="Grids of aspect 4, as 256x64,512x128.")
]
SolversOption = Annotated[
    str | None,
    typer.Option(
        "--solvers",
        metavar="A,B",
        help="Names that `tellus solvers` lists, or all [default: what fits of a few].",
    ),
]
SomeSolvers = Annotated[
    str, typer.Option("--solvers", metavar="A,B", help="Names that `tellus solvers` lists.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of every library [default: what the environment allows]."),
]
RepeatsOption = Annotated[int, typer.Option(help="Timed repeats, at least five.")]
MemoryOption = Annotated[
    bool, typer.Option(help="Measure memory, in a process of its own for each solver.")
]


def _free(out: Path | None) -> Path | None:
    """Refused before anything is measured."""
    from tellus.benchmarks.record import refuse_other

    return refuse_other(out)


OutOption = Annotated[
    Path | None,
    typer.Option(help="Save the result as JSON in this file or directory.", callback=_free),
]
ClosureOption = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="A closure to try, too: a trained one, or FILE.py:CLASS."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
SetInConfig = Annotated[list[str] | None, setting("Change one setting of CONFIG.")]

bench = typer.Typer(help="Measure on this machine.", no_args_is_help=True)

TIMING_OPTIONS: dict[str, tuple[Any, Any]] = {
    "grid": (GridOption, "512x128"),
    "solvers": (SolversOption, None),
    "threads": (ThreadsOption, None),
    "repeats": (RepeatsOption, 10),
    "memory": (MemoryOption, True),
    "closure": (ClosureOption, None),
    "out": (OutOption, None),
    "as_json": (JsonOption, False),
}
"""Options of the commands that time something on grids, and their defaults."""


def _timing(name: str, meaning: str, without: Sequence[str] = (), **defaults: Any) -> None:
    """A command `tellus bench NAME`, run by the module of that name.

    Its help is `meaning`; it lacks some of `TIMING_OPTIONS`, and others have other `defaults`.
    """

    def command(
        grid: str,
        repeats: int,
        threads: int | None,
        out: Path | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        if "solvers" in options:
            options["solvers"] = _names(options["solvers"])
        closure = options.get("closure")
        closures = [] if closure is None else [Path(closure)]
        refuse_sources(out, *weights_of(options.get("solvers")), *closures)
        from tellus.benchmarks.grids import grids_of

        grids = grids_of(grid)

        from tellus.benchmarks.harness import Measurement
        from tellus.benchmarks.tables import table

        benchmark = import_module(f"tellus.benchmarks.{name}")
        measurement = Measurement(grids, repeats, threads, out)
        deliver(lambda: benchmark.main(measurement, **options), as_json, table)

    parameters = [
        Parameter(
            option, Parameter.KEYWORD_ONLY, default=defaults.get(option, default), annotation=kind
        )
        for option, (kind, default) in TIMING_OPTIONS.items()
        if option not in without
    ]
    # Typer reads a command's options from its signature.
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    bench.command(name, help=meaning)(command)


_timing(
    "stokes", "Seconds, memory and errors of a Stokes solve, by solver and phase.", ("closure",)
)
_timing(
    "energy",
    "Seconds of an energy step, beside a direct Stokes solve.",
    without=("solvers", "memory", "closure"),
)
_timing(
    "step",
    "Seconds of a whole time step, by solver and phase.",
    without=("memory",),
    grid="256x64",
    repeats=5,
)
_timing(
    "apply",
    "Bandwidth of the matrix-free operator, beside a copy of the same bytes.",
    without=("solvers", "memory", "closure"),
    grid="2048x512",
)


@bench.command()
def pareto(
    config: Annotated[Path, typer.Argument(help="A configuration, such as examples/pareto.toml.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Directory of the rollouts [default: runs/pareto-NAME-OF-CONFIG]."),
    ] = None,
    solvers: SolversOption = None,
    start: Annotated[
        float | None, typer.Option(help="Model time of their common start [default: half the end].")
    ] = None,
    outputs: Annotated[
        int, typer.Option(min=1, max=1000, help="Times at which fields are compared.")
    ] = 20,
    threads: ThreadsOption = None,
    changes: SetInConfig = None,
    as_json: JsonOption = False,
) -> None:
    """Errors and seconds of whole rollouts with every solver; goes on where it was stopped."""
    from tellus.config import load_config

    settings = load_config(config, changes or [])
    names, folder = _names(solvers), out or Path("runs") / f"pareto-{config.stem}"
    read = filter(None, (settings.initial.path,))
    refuse_sources(folder, config, *map(Path, read), *weights_of(names))

    from tellus.benchmarks import pareto as benchmark

    work = partial(benchmark.main, settings, folder, names, start=start, outputs=outputs)
    with _resumable():
        deliver(partial(work, threads=threads), as_json, benchmark.table)


def _rollouts(
    name: str, meaning: str, *, folder: str, cases_are: str, example: str, grids: str, making: str
) -> None:
    """A command `tellus bench NAME` of whole runs held against references that are kept.

    Its help is `meaning`; `folder` and `grids` are defaults of --out and --grid, `cases_are` and
    `making` the help of --cases and --reference, `example` names cases.
    """

    def command(
        out: Annotated[
            Path, typer.Option(help="Directory of the rollouts and the result; goes on there.")
        ] = Path(folder),
        cases: Annotated[str | None, typer.Option(metavar="A,B", help=cases_are)] = None,
        grid: GridOption = grids,
        closure: ClosureOption = None,
        reference: Annotated[bool, typer.Option("--reference", help=making)] = False,
        threads: ThreadsOption = 1,
        as_json: JsonOption = False,
    ) -> None:
        names = _names(cases, "--cases", example)
        if closure is not None:
            refuse_sources(out, Path(closure))
        from tellus.benchmarks.grids import grids_of

        benchmark = import_module(f"tellus.benchmarks.{name}")
        options = {"out": out, "closure": closure, "reference": reference, "threads": threads}
        work = partial(benchmark.main, grids_of(grid), names, **options)
        with _resumable():
            deliver(work, as_json, benchmark.table)

    bench.command(name, help=meaning)(command)


_rollouts(
    "accuracy",
    "Error for CPU seconds of whole runs: grids, transport, Courant numbers, solvers.",
    folder="runs/accuracy",
    cases_are="Cases, of A, B and C [default: all].",
    example="A,B",
    grids="128x32,256x64,512x128",
    making="Make the converged reference anew, in hours.",
)
_rollouts(
    "suite",
    "Long means of the 18 test simulations from developed states, by grid, scheme and closure.",
    folder="runs/long-means",
    cases_are="Simulations, such as sim_003,sim_010 [default: all 18].",
    example="sim_003,sim_010",
    grids="128x32",
    making="Make references that are missing, in hours.",
)


@bench.command()
def box(
    data: Annotated[Path, typer.Option(help="A data set of `tellus dataset`.")],
    solvers: SolversOption = None,
    split: Annotated[str | None, typer.Option(help="One split only [default: all].")] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Velocity errors over a data set's parameters, by solver and simulation."""
    names = _names(solvers)
    refuse_sources(out, data, *weights_of(names))

    from tellus.benchmarks import box as benchmark

    deliver(lambda: benchmark.main(data, names, split=split, out=out), as_json, benchmark.table)


@bench.command()
def sharpen(
    closure: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A trained closure to try, too, or learned.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A data set, whose test simulations are taken [default: own states]."),
    ] = None,
    grid: GridOption = "128x32",
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """What cell means of coarse grids tell of fine states: by splines, polynomials, a closure."""
    refuse_sources(out, *(Path(path) for path in (closure, data) if path))
    from tellus.benchmarks import sharpen as benchmark
    from tellus.benchmarks import tables
    from tellus.benchmarks.grids import grids_of

    work = partial(benchmark.main, grids_of(grid), closure, data, out=out)
    deliver(work, as_json, tables.table)


@bench.command()
def report(
    root: Annotated[Path, typer.Argument(help="The checkout.")] = Path("."),
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit status 1 if it would.")
    ] = False,
) -> None:
    """Write the tables of README.md and docs/ from benchmarks/results/."""
    from tellus.benchmarks.report import main

    changed = main(root, check=check)
    for path in changed:
        say(f"{path} {'is out of date' if check else 'written'}")
    if check and changed:
        raise typer.Exit(1)


@bench.command()
def verification(
    cases: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Cases, such as blankenbach-1a,solkz [default: all]."),
    ] = None,
    resolutions: Annotated[
        str, typer.Option(metavar="N[,...]", help="Cells a side; 128 takes hours for all cases.")
    ] = "32,64",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Save as JSON in this file or directory, and as Markdown beside it.",
            callback=_free,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Published and exact values beside those measured, with observed orders."""
    sizes = _counts(resolutions, "--resolutions", "32,64,128")
    names = _names(cases, "--cases", "blankenbach-1a,solkz")

    from tellus.benchmarks import tables
    from tellus.benchmarks import verification as benchmark

    deliver(lambda: benchmark.main(names, sizes, out=out), as_json, tables.table)


@bench.command("at-once")
def at_once(
    solvers: SomeSolvers = "direct,refined,surrogate",
    runs: Annotated[
        str, typer.Option("--at-once", metavar="N[,...]", help="Runs that start together.")
    ] = "1,2,4",
    grid: Annotated[str, typer.Option(metavar="NXxNY", help="One grid of aspect 4.")] = "512x128",
    steps: Annotated[int, typer.Option(min=1, max=MOST_STEPS, help="Time steps of a run.")] = 300,
    repeats: Annotated[int, typer.Option(min=1, help="Timed repeats.")] = 3,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds of several runs at once, by default and on one thread each."""
    from tellus.benchmarks import at_once as benchmark
    from tellus.benchmarks import tables
    from tellus.benchmarks.grids import grids_of

    asked = names_in(solvers, "--solvers", "direct,surrogate"), _processes(runs, "--at-once")
    if len(grids := grids_of(grid)) > 1:
        raise InputError(f'--grid takes one grid here, such as 512x128, not "{grid}".')
    deliver(lambda: benchmark.main(*asked, grids[0], steps, repeats, out), as_json, tables.table)


@bench.command()
def mpi(
    grid: GridOption = "1024x256,2048x512",
    ranks: Annotated[str, typer.Option(metavar="N[,...]", help="Numbers of processes.")] = "1,2",
    solvers: SomeSolvers = "mumps",
    repeats: Annotated[int, typer.Option(min=1, help="Timed repeats.")] = 5,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds of a solve by MUMPS on one process, on two, and so on; needs mpirun."""
    from tellus.benchmarks import mpi as benchmark
    from tellus.benchmarks import tables
    from tellus.benchmarks.grids import grids_of

    asked = _processes(ranks, "--ranks"), names_in(solvers, "--solvers", "mumps,mumps-psi")
    deliver(lambda: benchmark.main(grids_of(grid), *asked, repeats, out), as_json, tables.table)


@contextmanager
def _resumable() -> Iterator[None]:
    """Turn an interrupt inside into an error that says that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("stopped by a signal; the same command goes on.") from None


def weights_of(names: Iterable[str] | None) -> list[Path]:
    """The models that names of solvers speak of, such as anchored:50:surrogate:MODEL."""
    from tellus.config.solver_spec import SolverSpec

    found = (SolverSpec.parse(name).weights for name in names or ())
    return [Path(path) for path in found if path]


def _counts(text: str, option: str, example: str) -> list[int]:
    """Whole numbers from text such as 32,64; InputError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,5}", part, flags=re.ASCII) for part in parts):
        raise InputError(f'{option} takes N[,N...], such as {example}, not "{text}".')
    return [int(part) for part in parts]


MOST_PROCESSES = 1024


def _processes(text: str, option: str) -> list[int]:
    """Numbers of processes that start together; InputError for what no machine is for."""
    counts = _counts(text, option, "1,2,4")
    if not all(1 <= count <= MOST_PROCESSES for count in counts):
        raise InputError(
            f'{option} takes numbers from 1 to {MOST_PROCESSES}, such as 1,2,4, not "{text}".'
        )
    return counts


def _names(
    text: str | None, option: str = "--solvers", example: str = "direct,skip:10"
) -> list[str] | None:
    return None if text is None else names_in(text, option, example)
