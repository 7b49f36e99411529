"""What a GPU is good for: iterations, a sparse factorisation, and networks, timed on it.

    python -m tellus.benchmarks.gpu --write fields.npz --grids 256x64,512x128
    python -m tellus.benchmarks.gpu --temperatures fields.npz --grids 256x64,512x128 --out gpu.json

The first needs all of Tellus and no GPU; the second a GPU (or `--device cpu`), and nothing but
PyTorch, NumPy and the sources.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch

from tellus.coupling.runs.provenance import git_hash
from tellus.errors import InputError, TellusError
from tellus.io.arrays import read_npz, write_npz
from tellus.io.whole_file import write_atomically
from tellus.solver.cudss import CudssSolver
from tellus.solver.grid import Grid
from tellus.solver.iterative.batch import IterativeSettings, solve_batch
from tellus.solver.iterative.krylov import Stopping
from tellus.solver.iterative.solver import IterativeSolver
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem, StokesSolver, relative_velocity_error
from tellus.surrogate.card import CARD
from tellus.surrogate.multi_scale.features import CHANNELS
from tellus.surrogate.network_settings import MultiScaleNetworkSettings, NetworkSettings
from tellus.surrogate.networks import seeded
from tellus.surrogate.networks.multi_scale import MultiScale, smallest_side
from tellus.surrogate.networks.residual_unet import UNet

from .grids import grids_of
from .spread import Record, Row, Spread, by_phase, optional

T = TypeVar("T")

GRIDS = "256x64,512x128,1024x256"
BATCHES = (1, 16)
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}
SHIPPED = Path(__file__).resolve().parents[1] / "surrogate" / "weights" / "two-level-256x64"
STATE = 2
"""The number of a benchmark case's state whose last steps travel: the middle of five."""


def main(grids: Sequence[Grid], temperatures: Path, device: str = "cuda", repeats: int = 10) -> Row:
    """Time everything on each grid, on temperatures that `--write` has written.

    Every reading of the clock waits for the device; everything has run once before.

    Returns
    -------
    dict
        ``results``: rows with what was timed, grid, and what `GpuRow` has; ``left_out`` with
        reasons; device, versions, threads and case.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no CUDA device is at hand; --device cpu runs here.")
    case, sequences = read(temperatures, grids)
    rows: list[Row] = []
    left_out: list[Row] = []
    for grid, problems in zip(grids, sequences, strict=True):
        for what, measure in _measurements(Bench(grid, problems, device, repeats)):
            about = {"what": what, "grid": str(grid)}
            try:
                rows.append(about | measure().to_json())
            except (TellusError, torch.OutOfMemoryError) as error:
                left_out.append(about | {"reason": str(error)})
    return {"results": rows, "left_out": left_out, "case": case, **_origin(device, repeats)}


@dataclass(frozen=True)
class Bench:
    """Successive problems on one grid, the device that they are solved on, and how often."""

    grid: Grid
    problems: list[StokesProblem]
    device: str
    repeats: int


@dataclass(frozen=True, kw_only=True)
class GpuRow(Record):
    """A row: the seconds of one thing, and per problem of a batch, `seconds_each`.

    Of solves the median of phases and iterations (of a batch the most iterations), the largest
    residual, and the seconds of the first of all, which finds kernels and plans; of a
    factorisation the velocity's difference to an iteration to 1e-10.
    """

    seconds: Spread
    first_seconds: float | None = optional()
    phases: dict[str, float] | None = optional()
    seconds_each: float | None = optional()
    iterations: float | None = optional()
    residual: float | None = optional()
    velocity_difference: float | None = optional()


def _measurements(bench: Bench) -> Iterator[tuple[str, Callable[[], GpuRow]]]:
    """What is timed, and how."""
    yield "iterative:cold", lambda: _iterative(bench, warm=False)
    yield "iterative", lambda: _iterative(bench, warm=True)
    yield "iterative, all steps at once", lambda: _batch(bench)
    yield "cudss", lambda: _factored(bench)
    for kind, precision, batch in product(("two-level", "multi-scale"), PRECISIONS, BATCHES):
        what = f"{kind} network, {precision}, {batch} at once"
        yield what, partial(_forward, bench, kind, PRECISIONS[precision], batch)


def _iterative(bench: Bench, *, warm: bool) -> GpuRow:
    solver = IterativeSolver(bench.grid, IterativeSettings(device=bench.device, warm=warm))
    problems = bench.problems if warm else bench.problems[-1:]
    return _solves(solver, replace(bench, problems=problems))


def _solves(solver: StokesSolver, bench: Bench) -> GpuRow:
    """Solve step after step."""
    new = dict(solver.state())
    first, *later = bench.problems
    first_seconds, _ = _timed(partial(solver.solve, first), bench.device)
    samples = []
    for _ in range(bench.repeats):
        solver.restore(new)
        if later:
            solver.solve(first)
        samples += [_timed(partial(solver.solve, p), bench.device) for p in later or [first]]
    reports = [flow.report for _, flow in samples]
    return GpuRow(
        seconds=Spread.of(seconds for seconds, _ in samples),
        first_seconds=first_seconds,
        phases=by_phase(report.seconds for report in reports),
        iterations=median(report.iterations for report in reports),
        residual=max(report.residual for report in reports),
    )


def _timed(work: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds until the device has done it, and what it returns."""
    timer = PhaseTimer(device)
    found = work()
    timer.lap("all")
    return timer.seconds["all"], found


def _batch(bench: Bench) -> GpuRow:
    """Independent problems side by side, from zero, those on the device already."""
    T, eta = (
        torch.as_tensor(np.stack(fields), device=bench.device)
        for fields in zip(*((p.temperature, p.viscosity()) for p in bench.problems), strict=True)
    )
    settings = IterativeSettings(device=bench.device)
    solve = partial(solve_batch, bench.grid, T, eta, bench.problems[0].rayleigh, settings=settings)
    found, seconds = solve(), _seconds(solve, bench)
    return GpuRow(
        seconds=seconds,
        seconds_each=seconds.median / len(bench.problems),
        iterations=int(found.iterations.max()),
        residual=float(found.residual.max()),
    )


def _factored(bench: Bench) -> GpuRow:
    """The direct solve, and how far its velocity is from an iteration to 1e-10."""
    solver, last = CudssSolver(bench.grid, bench.device), bench.problems[-1]
    row = _solves(solver, bench)
    settings = IterativeSettings(stopping=Stopping(1e-10), device=bench.device)
    expected = IterativeSolver(bench.grid, settings).solve(last)
    difference = relative_velocity_error(solver.solve(last), expected)
    return replace(row, velocity_difference=difference)


def _forward(bench: Bench, kind: str, precision: torch.dtype, batch: int) -> GpuRow:
    """A network on inputs of its shape; what they and its weights are does not matter."""
    network, channels = _network(kind, bench.grid)
    network.eval().to(bench.device, precision)
    shape = (batch, channels, *bench.grid.cells)
    features = torch.randn(shape, dtype=precision, device=bench.device)
    seconds = _seconds(lambda: network(features), bench)
    return GpuRow(seconds=seconds, seconds_each=seconds.median / batch)


def _network(kind: str, grid: Grid) -> tuple[torch.nn.Module, int]:
    """The shipped one's shape, or the paper's, and how many channels it takes."""
    if kind == "multi-scale":
        settings = MultiScaleNetworkSettings()
        if min(grid.nx, grid.ny) < smallest_side(settings):
            raise InputError(f"it needs {smallest_side(settings)} cells each way.")
        return seeded(MultiScale, len(CHANNELS), 1, settings), len(CHANNELS)
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    shape = {key: value for key, value in card["network"].items() if key != "kind"}
    channels = len(card["channels"])
    return seeded(UNet, channels, NetworkSettings.from_json(shape)), channels


@torch.inference_mode()
def _seconds(work: Callable[[], Any], bench: Bench) -> Spread:
    work()
    return Spread.of(_timed(work, bench.device)[0] for _ in range(bench.repeats))


LAW = ("gamma_T", "gamma_p", "rayleigh")


def write(path: Path, grids: Sequence[Grid], sequences: Sequence[Sequence[StokesProblem]]) -> None:
    """Consecutive time steps on each grid, all of one Frank-Kamenetskii law, T in single precision.

    States of real runs in a small file, for machines that can make none.
    """
    first = sequences[0][0]
    assert isinstance(first.rheology, FrankKamenetskii)
    numbers = (first.rheology.gamma_T, first.rheology.gamma_p, first.rayleigh)
    arrays = {"law": np.array(numbers)}
    for grid, problems in zip(grids, sequences, strict=True):
        temperature = [problem.temperature.astype(np.float32) for problem in problems]
        arrays[f"{grid}/temperature"] = np.stack(temperature)
        arrays[f"{grid}/time"] = np.array([problem.time for problem in problems])
    write_npz(path, arrays, compressed=True)


def read(path: Path, grids: Sequence[Grid]) -> tuple[dict[str, float], list[list[StokesProblem]]]:
    """What the file says of the runs, and for each grid the problems of consecutive time steps.

    Raises InputError where it is missing or damaged, or has no such grid.
    """
    try:
        arrays = read_npz(path)
        case = dict(zip(LAW, arrays["law"].tolist(), strict=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no temperatures of --write ({error}).") from None
    if missing := [str(grid) for grid in grids if f"{grid}/time" not in arrays]:
        raise InputError(
            f"{path} has no temperatures of {', '.join(missing)}: name these grids to --write."
        )
    law = FrankKamenetskii(case["gamma_T"], case["gamma_p"])
    return case, [
        [
            StokesProblem(grid, temperature.astype(np.float64), law, case["rayleigh"], time=time)
            for temperature, time in zip(
                arrays[f"{grid}/temperature"], arrays[f"{grid}/time"].tolist(), strict=True
            )
        ]
        for grid in grids
    ]


def _origin(device: str, repeats: int) -> Row:
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
    }
    for name in ("numpy", "torch", "nvmath-python"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    on_gpu = device == "cuda"
    return {
        "benchmark": "gpu",
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or "cpu",
        "kind": device,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32 if on_gpu else False,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "versions": versions,
        "git": git_hash(),
    }


def lines(result: Row) -> list[str]:
    """The result for a terminal."""
    shown = [
        f"{row['grid']:>9}  {row['what']:<44} {1e3 * row['seconds']:9.3g} ms"
        + (f"  {row['iterations']:g} iterations" if "iterations" in row else "")
        for row in result["results"]
    ]
    left = [f"{row['grid']:>9}  {row['what']}: {row['reason']}" for row in result["left_out"]]
    return [*shown, *left, f"{result['device']}, torch {result['versions']['torch']}"]


def command(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tellus.benchmarks.gpu")
    parser.add_argument("--grids", default=GRIDS)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write", type=Path, metavar="FILE.npz")
    task.add_argument("--temperatures", type=Path, metavar="FILE.npz")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    asked = parser.parse_args(arguments)
    try:
        _run(asked)
    except TellusError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return TellusError.exit_status
    return 0


def _run(asked: argparse.Namespace) -> None:
    grids = grids_of(asked.grids, "--grids")
    if asked.repeats < 1:
        raise InputError(f"--repeats {asked.repeats}: give at least 1.")
    for option, path in (("--write", asked.write), ("--out", asked.out)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise InputError(f"{option} {path}: name a file in a directory that exists.")
    if asked.write is not None:
        from .fields import sequences  # which a GPU machine may be unable to import

        write(asked.write, grids, [sequences(grid)[STATE] for grid in grids])
        return
    result = main(grids, asked.temperatures, asked.device, asked.repeats)
    print("\n".join(lines(result)))
    if asked.out is not None:
        content = json.dumps(result, indent=1, allow_nan=False) + "\n"
        write_atomically(asked.out, content.encode())


if __name__ == "__main__":
    sys.exit(command())
