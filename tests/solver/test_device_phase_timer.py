"""Seconds of work on a GPU: the clock is never read before the device has done its part."""

from collections.abc import Callable

import pytest
import torch

from helpers import stand_in_nvmath
from helpers.sequences import SMALL, rising
from tellus.solver import cudss, phase_timer
from tellus.solver.iterative import solver as iterative
from tellus.solver.iterative.batch import IterativeSettings
from tellus.solver.phase_timer import PhaseTimer
from tellus.solver.psi.torch_operator import one_of_a_batch
from tellus.solver.stokes import StokesSolver


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Readings of the clock and waits for a device that is not there, in order."""
    seen: list[str] = []

    def clock() -> float:
        seen.append("clock")
        return float(len(seen))

    monkeypatch.setattr(phase_timer, "perf_counter", clock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: seen.append("wait"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for module in (cudss, iterative):
        monkeypatch.setattr(module, "one_of_a_batch", lambda array, _: one_of_a_batch(array, "cpu"))
    return seen


def test_every_reading_waits_for_the_device_and_none_for_a_processor(events: list[str]) -> None:
    timer = PhaseTimer("cuda")
    timer.lap("a")
    timer.lap("b")
    timer.lap("a")
    assert events == 4 * ["wait", "clock"]
    assert timer.seconds == {"a": 4.0, "b": 2.0}
    events.clear()
    PhaseTimer("cpu").lap("a")
    assert events == 2 * ["clock"]


def iterating() -> StokesSolver:
    return iterative.IterativeSolver(SMALL, IterativeSettings(device="cuda"))


def factoring() -> StokesSolver:
    solver = cudss.CudssSolver(SMALL, "cpu")
    solver.device = "cuda"
    return solver


@pytest.mark.parametrize("make", [iterating, factoring])
def test_solvers_wait_before_every_phase(
    make: Callable[[], StokesSolver], events: list[str]
) -> None:
    problem = rising(6)[0][0]
    events.clear()  # of the run that the problem is from
    with stand_in_nvmath.nvmath():
        flow = make().solve(problem)
    waited = len(events) // 2
    assert events == waited * ["wait", "clock"]
    assert waited > len(flow.report.seconds) >= 5
