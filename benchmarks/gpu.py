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
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from tellus.coupling.runs.provenance import git_hash
from tellus.errors import InputError, TellusError
from tellus.io.whole_file import write_atomically
from tellus.solver.device_phase_timer import DevicePhaseTimer
from tellus.solver.factor.cudss import CudssSolver
from tellus.solver.grid import Grid
from tellus.solver.iterative.batch import IterativeSettings, solve_batch
from tellus.solver.iterative.krylov import Stopping
from tellus.solver.iterative.solver import IterativeSolver
from tellus.solver.stokes import StokesProblem, StokesReport, StokesSolver, relative_velocity_error
from tellus.surrogate.multi_scale.features import CHANNELS
from tellus.surrogate.multi_scale.settings import MultiScaleNetworkSettings
from tellus.surrogate.networks.multi_scale import make_multi_scale, smallest_side
from tellus.surrogate.networks.residual_unet import make_network
from tellus.surrogate.two_level.settings import NetworkSettings

from .packed_temperatures import grids_of, read, write
from .spread import Spread

Row = dict[str, Any]

GRIDS = "256x64,512x128,1024x256"
BATCHES = (1, 16)
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}
SHIPPED = Path(__file__).resolve().parents[1] / "surrogate" / "weights" / "two-level-256x64"
STATE = 2
"""Of a benchmark case's five states, the one whose last steps travel: the middle."""


def main(
    grids: Sequence[Grid], temperatures: Path, device: str = "cuda", repeats: int = 10
) -> dict[str, Any]:
    """Time everything on each grid, on temperatures that `--write` has written.

    Every reading of the clock waits for the device; everything has run once before.

    Returns
    -------
    dict
        ``results``: rows with what was timed, grid, seconds (median and extremes), of solvers
        phases, iterations, the worst residual and the first solve's seconds; ``left_out`` with
        reasons; device, versions, threads and case.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no CUDA device is at hand; --device cpu runs here.")
    case, sequences = read(temperatures, grids)
    rows: list[Row] = []
    left_out: list[Row] = []
    for grid, problems in zip(grids, sequences, strict=True):
        for what, measure in _measurements(grid, problems, device, repeats):
            try:
                rows.append({"what": what, "grid": str(grid), **measure()})
            except (TellusError, torch.OutOfMemoryError) as error:
                left_out.append({"what": what, "grid": str(grid), "reason": str(error)})
    return {"results": rows, "left_out": left_out, "case": case, **_origin(device, repeats)}


def _measurements(
    grid: Grid, problems: list[StokesProblem], device: str, repeats: int
) -> list[tuple[str, Callable[[], Row]]]:
    """What is timed, and how."""

    def iterative(warm: bool) -> IterativeSolver:
        return IterativeSolver(grid, IterativeSettings(device=device, warm=warm))

    found: list[tuple[str, Callable[[], Row]]] = [
        ("iterative:cold", lambda: _solves(iterative(False), problems[-1:], device, repeats)),
        ("iterative", lambda: _solves(iterative(True), problems, device, repeats)),
        ("iterative, all steps at once", lambda: _batch(grid, problems, device, repeats)),
        ("cudss", lambda: _factored(grid, problems, device, repeats)),
    ]
    for kind in ("two-level", "multi-scale"):
        for precision in PRECISIONS:
            for batch in BATCHES:
                what = f"{kind} network, {precision}, {batch} at once"
                found.append((what, _forward(kind, precision, batch, grid, device, repeats)))
    return found


def _solves(solver: StokesSolver, problems: list[StokesProblem], device: str, repeats: int) -> Row:
    """Solve step after step; the first solve of all, which finds kernels and plans, is apart."""
    new = dict(solver.state())
    first, _ = _one(solver, problems[0], device)
    samples = []
    for _ in range(repeats):
        solver.restore(new)
        if len(problems) > 1:
            solver.solve(problems[0])
        samples += [_one(solver, problem, device) for problem in problems[1:] or problems]
    reports = [report for _, report in samples]
    phases = {
        phase: median(report.seconds[phase] for report in reports) for phase in reports[0].seconds
    }
    return {
        **Spread.of(seconds for seconds, _ in samples).to_json(),
        "first_seconds": first,
        "phases": phases,
        "iterations": median(report.iterations for report in reports),
        "residual": max(report.residual for report in reports),
    }


def _one(solver: StokesSolver, problem: StokesProblem, device: str) -> tuple[float, StokesReport]:
    timer = DevicePhaseTimer(device)
    report = solver.solve(problem).report
    timer.lap("all")
    return timer.seconds["all"], report


def _batch(grid: Grid, problems: list[StokesProblem], device: str, repeats: int) -> Row:
    """Independent problems side by side, from zero, those on the device already."""
    T, eta = (
        torch.as_tensor(np.stack(fields), device=device)
        for fields in zip(*((p.temperature, p.viscosity()) for p in problems), strict=True)
    )
    settings = IterativeSettings(device=device)
    found = solve_batch(grid, T, eta, problems[0].rayleigh, settings=settings)
    seconds = _seconds(
        lambda: solve_batch(grid, T, eta, problems[0].rayleigh, settings=settings), device, repeats
    )
    return {
        **seconds.to_json(),
        "seconds_each": seconds.median / len(problems),
        "iterations": int(found.iterations.max()),
        "residual": float(found.residual.max()),
    }


def _factored(grid: Grid, problems: list[StokesProblem], device: str, repeats: int) -> Row:
    """The direct solve, and how far its velocity is from an iteration to 1e-10."""
    solver = CudssSolver(grid, device)
    row = _solves(solver, problems, device, repeats)
    settings = IterativeSettings(stopping=Stopping(1e-10), device=device)
    expected = IterativeSolver(grid, settings).solve(problems[-1])
    difference = relative_velocity_error(solver.solve(problems[-1]), expected)
    return {**row, "velocity_difference": difference}


def _forward(
    kind: str, precision: str, batch: int, grid: Grid, device: str, repeats: int
) -> Callable[[], Row]:
    """A network on inputs of its shape; what they and its weights are does not matter."""

    def measure() -> Row:
        network, channels = _network(kind, grid)
        network.eval().to(device, PRECISIONS[precision])
        features = torch.randn(
            (batch, channels, *grid.cells), dtype=PRECISIONS[precision], device=device
        )
        seconds = _seconds(lambda: network(features), device, repeats)
        return {**seconds.to_json(), "seconds_each": seconds.median / batch}

    return measure


def _network(kind: str, grid: Grid) -> tuple[torch.nn.Module, int]:
    """The shipped one's shape, or the paper's, and how many channels it takes."""
    if kind == "multi-scale":
        settings = MultiScaleNetworkSettings()
        if min(grid.nx, grid.ny) < smallest_side(settings):
            raise InputError(f"it needs {smallest_side(settings)} cells each way.")
        return make_multi_scale(len(CHANNELS), 1, settings), len(CHANNELS)
    card = json.loads((SHIPPED / "card.json").read_text(encoding="utf-8"))
    shape = {key: value for key, value in card["network"].items() if key != "kind"}
    channels = len(card["channels"])
    return make_network(channels, NetworkSettings.from_json(shape)), channels


@torch.inference_mode()
def _seconds(work: Callable[[], Any], device: str, repeats: int) -> Spread:
    work()
    samples = []
    for _ in range(repeats):
        timer = DevicePhaseTimer(device)
        work()
        timer.lap("all")
        samples.append(timer.seconds["all"])
    return Spread.of(samples)


def _origin(device: str, repeats: int) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "cuda": torch.version.cuda}
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


def lines(result: dict[str, Any]) -> list[str]:
    """The result for a terminal."""
    shown = [
        f"{row['grid']:>9}  {row['what']:<44} {1e3 * row['seconds']:9.3g} ms"
        + (f"  {row['iterations']:g} iterations" if "iterations" in row else "")
        for row in result["results"]
    ]
    left = [f"{row['grid']:>9}  {row['what']}: {row['reason']}" for row in result["left_out"]]
    return [*shown, *left, f"{result['device']}, torch {result['versions']['torch']}"]


def write_fields(path: Path, grids: Sequence[Grid]) -> None:
    """The last time steps of a real run on each grid; makes them where they are not cached."""
    from .fields import sequences

    write(path, grids, [sequences(grid)[STATE] for grid in grids])


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
    grids = grids_of(asked.grids)
    if asked.repeats < 1:
        raise InputError(f"--repeats {asked.repeats}: give at least 1.")
    for option, path in (("--write", asked.write), ("--out", asked.out)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise InputError(f"{option} {path}: name a file in a directory that exists.")
    if asked.write is not None:
        write_fields(asked.write, grids)
        return
    result = main(grids, asked.temperatures, asked.device, asked.repeats)
    print("\n".join(lines(result)))
    if asked.out is not None:
        content = json.dumps(result, indent=1, allow_nan=False) + "\n"
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out, content.encode())


if __name__ == "__main__":
    sys.exit(command())
