"""How much memory does a solver take? Asked of fresh processes, one per solver."""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tellus.coupling.solvers.names import make_solver
from tellus.solver.grid import Grid
from tellus.solver.stokes import StokesProblem

from .fields import Case
from .harness import environment


class KilledError(Exception):
    """The process was ended by a signal, as the system does when memory runs out."""


Memory = float | KilledError | None
"""MiB; None for a solver that fails or cannot be built."""


def memory_of(
    names: Iterable[str], problem: StokesProblem, case: Case, threads: int
) -> dict[str, Memory]:
    """MiB that building each solver and solving once add to a process that has the problem.

    The libraries that a solver loads are counted. None for one that fails or cannot be built,
    `KilledError` for one whose process was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "temperature.npy"
        np.save(path, problem.temperature)
        request = {
            "grid": [problem.grid.nx, problem.grid.ny, problem.grid.aspect],
            "case": asdict(case),
            "time": problem.time,
            "temperature": str(path),
        }
        nothing = _peak({**request, "solver": None}, threads)
        found: dict[str, Memory] = {}
        for name in names:
            try:
                peak = _peak({**request, "solver": name}, threads)
            except KilledError as killed:
                found[name] = killed
            else:
                found[name] = None if peak is None or nothing is None else peak - nothing
    return found


def _peak(request: dict[str, Any], threads: int) -> float | None:
    """Peak resident MiB of a process that does what is asked; None where that failed."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(request)],
        env=environment(threads),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode < 0:
        raise KilledError(
            f"a process that built it and solved once was killed by signal {-done.returncode}, "
            "probably for its memory."
        )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def solve_once(request: dict[str, Any]) -> None:
    """The work of such a process; solver None: everything up to the solver."""
    nx, ny, aspect = request["grid"]
    grid = Grid(nx, ny, aspect)
    temperature = np.load(request["temperature"], allow_pickle=False)
    problem = Case(**request["case"]).problem(grid, temperature, request["time"])
    problem.viscosity()
    if request["solver"] is not None:
        make_solver(request["solver"], grid).solve(problem)


def peak_of_this_process() -> float:
    """Peak resident MiB."""
    try:
        # Not ru_maxrss, which on Linux starts from that of the process that launched this one.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
    except OSError:
        pass
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    solve_once(json.loads(sys.argv[1]))
    print(peak_of_this_process())
