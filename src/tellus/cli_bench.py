"""`tellus bench`: the measurements behind every figure in the README."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tellus.solver.errors import InputError

from .cli_shell import deliver

if TYPE_CHECKING:
    from tellus.solver.grid import Grid

GridOption = Annotated[
    str, typer.Option("--grid", metavar="NXxNY[,...]", help="Grids of aspect 4, as 256x64,512x128.")
]
SolversOption = Annotated[
    str | None,
    typer.Option(
        "--solvers",
        metavar="A,B",
        help="Names that `tellus solvers` lists [default: direct and what else fits].",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of every library [default: what the environment allows]."),
]
RepeatsOption = Annotated[int, typer.Option(help="Timed repeats, at least five.")]
OutOption = Annotated[
    Path | None, typer.Option(help="Save the result as JSON in this file or directory.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]

bench = typer.Typer(help="Measure on this machine.", no_args_is_help=True)


@bench.command()
def stokes(
    grid: GridOption = "512x128",
    solvers: SolversOption = None,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 10,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds and errors of a Stokes solve, by solver and phase."""
    grids, names = _grids(grid), _names(solvers)

    from tellus.benchmarks import stokes as benchmark

    deliver(
        lambda: benchmark.main(grids, names, threads=threads, repeats=repeats, out=out),
        as_json,
        benchmark.table,
    )


@bench.command()
def energy(
    grid: GridOption = "512x128",
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 10,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds of an energy step, beside a direct Stokes solve."""
    grids = _grids(grid)

    from tellus.benchmarks import energy as benchmark

    deliver(
        lambda: benchmark.main(grids, threads=threads, repeats=repeats, out=out),
        as_json,
        benchmark.table,
    )


@bench.command()
def step(
    grid: GridOption = "256x64",
    solvers: SolversOption = None,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 5,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds of a whole time step, by solver and phase."""
    grids, names = _grids(grid), _names(solvers)

    from tellus.benchmarks import step as benchmark

    deliver(
        lambda: benchmark.main(grids, names, threads=threads, repeats=repeats, out=out),
        as_json,
        benchmark.table,
    )


@bench.command()
def verification(
    cases: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Cases, such as blankenbach-1a,solkz [default: all]."),
    ] = None,
    resolutions: Annotated[
        str, typer.Option(metavar="N[,...]", help="Cells a side; 128 takes an hour for all cases.")
    ] = "32,64",
    out: Annotated[
        Path | None,
        typer.Option(help="Save as JSON in this file or directory, and as Markdown beside it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Published and exact values beside those measured, with observed orders."""
    sizes, names = _sizes(resolutions), _names(cases, "--cases", "blankenbach-1a,solkz")

    from tellus.benchmarks import verification as benchmark

    deliver(lambda: benchmark.main(names, sizes, out=out), as_json, benchmark.table)


def _sizes(text: str) -> list[int]:
    """Whole numbers from text such as 32,64; InputError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,5}", part, flags=re.ASCII) for part in parts):
        raise InputError(f'--resolutions takes N[,N...], such as 32,64,128, not "{text}".')
    return [int(part) for part in parts]


def _grids(text: str) -> "list[Grid]":
    """Grids from text such as 512x128,256x64; InputError for anything else."""
    from tellus.solver.grid import Grid

    grids = []
    for part in text.split(","):
        sizes = re.fullmatch(r"(\d{1,5})x(\d{1,5})", part.strip(), flags=re.ASCII)
        if not sizes:
            raise InputError(f'--grid takes NXxNY[,NXxNY...], such as 512x128, not "{part}".')
        grids.append(Grid(int(sizes[1]), int(sizes[2])))
    return grids


def _names(
    text: str | None, option: str = "--solvers", example: str = "direct,skip:10"
) -> list[str] | None:
    """Names from text such as direct,skip:10; the benchmark knows which exist."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InputError(f'{option} takes names such as {example}, not "{text}".')
    return names
