"""How much memory does a solver take? Asked of fresh processes, one per solver."""

import pickle
import resource
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tellus.coupling.solvers.names import make_solver
from tellus.solver.stokes import StokesProblem

from .harness import environment


class KilledError(Exception):
    """The process was ended by a signal, as the system does when memory runs out."""


Memory = float | KilledError | None
"""MiB; None for a solver that fails or cannot be built."""


def memory_of(names: Iterable[str], problem: StokesProblem, threads: int) -> dict[str, Memory]:
    """Peak memory, MiB, that each solver adds to a process: built, and solving once.

    The libraries that a solver loads are counted. None for one that fails or cannot be built,
    `KilledError` for one whose process was killed.
    """
    nothing = _peak(None, problem, threads)
    found: dict[str, Memory] = {}
    for name in names:
        try:
            peak = _peak(name, problem, threads)
        except KilledError as killed:
            found[name] = killed
        else:
            found[name] = None if peak is None or nothing is None else peak - nothing
    return found


def _peak(solver: str | None, problem: StokesProblem, threads: int) -> float | None:
    """Peak resident MiB of a process that does `solve_once`; None where that failed."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        env=environment(threads),
        input=pickle.dumps((solver, problem)),
        capture_output=True,
        check=False,
    )
    if done.returncode < 0:
        raise KilledError(
            f"a process that built it and solved once was killed by signal {-done.returncode}, "
            "probably for its memory."
        )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def solve_once(solver: str | None, problem: StokesProblem) -> None:
    """Evaluate the viscosity, build a solver and solve once; None: stop before the solver."""
    problem.viscosity()
    if solver is not None:
        make_solver(solver, problem.grid).solve(problem)


def peak_of_this_process() -> float:
    """Peak resident memory of this process, MiB."""
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
    solve_once(*pickle.load(sys.stdin.buffer))
    print(peak_of_this_process())
