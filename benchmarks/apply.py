"""How near does the matrix-free operator come to the memory's bandwidth?

Applying A reads the stream function and the operator's weights and writes the result. A copy
that moves as many bytes, half read and half written, in the same run says how fast memory is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import torch

from tellus.solver import initial
from tellus.solver.grid import Array, Grid
from tellus.solver.psi.operator import PsiOperator

from .fields import Case
from .harness import Measurement, in_turn, timed
from .spread import Record, Row, Spread

CALLS = 10
"""Calls in a sample, back to back, as in an iteration."""


MEASUREMENT = Measurement((Grid(2048, 512),))


def main(measurement: Measurement = MEASUREMENT) -> Row:
    """Time A psi against copies of the same bytes.

    The viscosity is that of the case's law for a smooth temperature: what the operator costs
    doesn't depend on its values.

    Returns
    -------
    dict
        ``results``: per grid, rows of the "apply" and of two copies, see `ApplyRow`; ``aims``:
        per grid, the apply's share of the faster copy's bandwidth, see `Share`; and where it was
        measured.
    """

    def measure(grid: Grid) -> Row:
        moved = bytes_moved(grid)
        calls = {"apply": _apply(grid, measurement.case), **_copies(moved // 16)}
        samplers = {what: partial(_sample, call) for what, call in calls.items()}
        samples = in_turn(samplers, measurement.repeats)
        rows = [
            ApplyRow(
                grid=str(grid),
                what=what,
                bytes=moved,
                seconds=Spread.of(taken),
                gigabytes_per_second=Spread.of(1e-9 * moved / each for each in taken),
            )
            for what, taken in samples.items()
        ]
        return {"results": rows, "aims": [_share(grid, samples)]}

    return measurement.run("apply", lambda grid: grid, measure)


@dataclass(frozen=True, kw_only=True)
class ApplyRow(Record):
    """An apply, or a copy of as many bytes, and the bandwidth that it reaches."""

    grid: str
    what: str
    bytes: int
    seconds: Spread
    gigabytes_per_second: Spread


@dataclass(frozen=True, kw_only=True)
class Share(Record):
    """The apply's share of the faster copy's bandwidth, round by round."""

    grid: str
    copy: str
    apply_over_copy: Spread


def _share(grid: Grid, samples: Mapping[str, Sequence[float]]) -> Share:
    copies = (what for what in samples if what != "apply")
    fastest = min(copies, key=lambda what: median(samples[what]))
    pairs = zip(samples[fastest], samples["apply"], strict=True)
    shares = Spread.of(copied / applied for copied, applied in pairs)
    return Share(grid=str(grid), copy=fastest, apply_over_copy=shares)


def bytes_moved(grid: Grid) -> int:
    """Bytes that an apply cannot do without: psi, weights of nodes and of cells, the result."""
    return 8 * (3 * int(np.prod(grid.nodes)) + int(np.prod(grid.cells)))


def _apply(grid: Grid, case: Case) -> Callable[[], object]:
    temperature = initial.conductive(grid) + 0.1 * initial.mode_perturbation(grid, 1)
    product = PsiOperator(grid).at(case.rheology.viscosity(temperature, grid))
    psi: Array = np.zeros(grid.nodes)
    psi[1:-1, 1:-1] = np.random.default_rng(0).standard_normal((grid.ny - 1, grid.nx - 1))
    result = np.empty(grid.nodes)
    return lambda: product(psi, out=result)


def _copies(numbers: int) -> dict[str, Callable[[], object]]:
    """Copies of that many float64: NumPy's on one thread, PyTorch's on as many as are allowed."""
    source, target = np.ones(numbers), np.zeros(numbers)
    read, write = torch.from_numpy(source.copy()), torch.from_numpy(target.copy())
    return {
        "copy (numpy)": lambda: np.copyto(target, source),
        "copy (torch)": lambda: write.copy_(read),
    }


def _sample(call: Callable[[], object], number: int) -> float:
    """Mean seconds of a call, after one that is not timed."""
    call()
    seconds, _ = timed(lambda: [call() for _ in range(CALLS)])
    return seconds / CALLS
