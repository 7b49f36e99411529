"""Trajectories with known answers, and solvers that are spoilt on their way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tellus.coupling.solvers.kinds import SOLVERS, SolverEntry
from tellus.coupling.trajectory.record import Account, Trajectory
from tellus.errors import SolverError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow, StokesProblem, StokesSolver


def account(**given: Any) -> Account:
    """Of a rollout that took fifty steps to its end."""
    known: dict[str, Any] = {
        "case": "one",
        "solver": "direct",
        "key": "key",
        "ended": "finished",
        "message": "",
        "steps": 50,
        "time": 1.0,
        "seconds": 10.0,
        "cpu_seconds": 9.5,
        "seconds_by_phase": {"factor": 6.0, "energy": 3.0},
        "statuses": {"solved": 50},
        "iterations": 50,
        "rejected": 0,
        "warnings": [],
        "weights_sha256": None,
        "git": None,
        "machine": {},
        "pace_seconds": 0.1,
    }
    return Account(**known | given)


def synthetic(
    mean: Callable[[Any], Any] = lambda t: t,
    profile: float = 0.5,
    nusselt: float = 4.0,
    end: float = 1.0,
    fields: Array | None = None,
    **of_account: Any,
) -> Trajectory:
    """Constant profile, velocity, heat flow (at the bottom twice that at the top), a given <T>."""
    times = np.linspace(0.0, end, 51)
    return Trajectory(
        account=account(**of_account),
        time=times,
        mean_temperature=mean(times),
        nusselt_top=nusselt * times,
        nusselt_bottom=2 * nusselt * times,
        vrms=nusselt * times,
        profile=profile * times[:, None] * np.ones(4),
        temperature=np.zeros((4, 8), np.float32),
        fields=np.zeros((3, 2, 4)) if fields is None else fields,
    )


class Spoilt(StokesSolver):
    """The direct solution of some solves, and from then on what is made of it."""

    def __init__(self, name: str, grid: Grid, spoil: Callable[[Flow], Flow], good: int = 0) -> None:
        self.name, self.direct, self.spoil, self.left = name, DirectSolver(grid), spoil, good

    def solve(self, problem: StokesProblem) -> Flow:
        self.left -= 1
        flow = self.direct.solve(problem)
        return flow if self.left >= 0 else self.spoil(flow)


def refuse(flow: Flow) -> Flow:
    raise SolverError("it is tired.")


def make_known(monkeypatch: pytest.MonkeyPatch, kind: str, build: Callable[..., Spoilt]) -> None:
    """Give solvers their name; `build` is as in `SolverEntry`."""
    monkeypatch.setitem(SOLVERS, kind, SolverEntry(kind, "", "-", build))


def make_weary_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver "weary" gives up on its way."""
    make_known(monkeypatch, "weary", lambda spec, grid, picard: Spoilt("weary", grid, refuse, 5))
