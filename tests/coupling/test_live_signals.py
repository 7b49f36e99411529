"""A run in another process is stopped, resumed, and compared with one left alone.

One that is killed: `test_killed_anywhere`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.rollouts import CASE, assert_same, ran, steps_of, summary, tellus, write_case

PATIENCE = 120.0
# The shipped surrogate divides the grid by 16.
ENDLESS = (
    "grid.nx=64",
    "grid.ny=16",
    "time.end=10",
    "output.every=1e-3",
    "output.checkpoint_every=10",
)


@contextmanager
def living(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A `tellus` process, which does not survive the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tellus", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        # Tests may run in the background of a shell, which makes them deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    started = time.monotonic()
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() - started < PATIENCE, "the run did not get anywhere"
        time.sleep(0.01)


def stopped_in_mid_flight(run: Path, solver: str, number: signal.Signals) -> tuple[int, str]:
    """Start a run that would take hours, signal it after 20 steps: exit status and last words."""
    config = write_case(run.parent / "case.toml", *ENDLESS, base=CASE)
    with living("run", config, "--out", run, "--stokes", solver) as process:
        wait_until(lambda: any(step >= 20 for step in steps_of(run)), process)
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)[1]
    return process.returncode, said


@pytest.fixture(autouse=True)
def one_torch_thread() -> Iterator[None]:
    """As in the other process, whose environment says so."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def check_resumed_is_uninterrupted(run: Path, solver: str) -> None:
    """Go on for some steps; run the same again from the start without stopping."""
    steps = steps_of(run)[-1] + 25
    tellus("run", run, "--resume", "--set", f"time.max_steps={steps}")
    assert summary(run)["status"] == "done"
    alone = run.with_name("alone")
    overrides = [*ENDLESS, f"stokes.solver={solver}", f"time.max_steps={steps}"]
    ran(alone, *overrides, base=CASE)
    assert_same(run, alone)
    assert summary(run)["solver_report"] == summary(alone)["solver_report"]


@pytest.mark.parametrize(
    ("solver", "number"),
    [
        ("skip:7", signal.SIGTERM),
        # Slow, as PyTorch is loaded, to show little more: what each signal does, `test_signals`
        # asks of this process.
        pytest.param("surrogate", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_resumes_bitwise(
    solver: str, number: signal.Signals, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    status, said = stopped_in_mid_flight(run, solver, number)
    assert status == 3, said
    last, stopped = said.strip().splitlines()[-1], summary(run)
    assert last.startswith(f"tellus: stopped by {number.name} at step ")
    assert "--resume" in last
    assert stopped["status"] == "stopped"
    assert stopped["steps"] == steps_of(run)[-1] >= 20
    assert "tellus: " + stopped["message"] == last
    check_resumed_is_uninterrupted(run, solver)
