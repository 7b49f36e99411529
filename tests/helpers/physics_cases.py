"""What the tests of the physics share: walls, random flows and fields, small runs."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from allpairspy import AllPairs

from helpers.numerics import cell_flow, flow_of
from helpers.rollouts import TINY, case, ran
from tellus.config import Config
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import Schedule
from tellus.errors import InterruptedRunError
from tellus.solver.boundaries import (
    FLUX,
    FREE_SLIP,
    INSULATING,
    NO_SLIP,
    TEMPERATURE,
    BoundaryConditions,
    Wall,
)
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import Flow

SLIP = (FREE_SLIP, NO_SLIP)
THERMAL = (TEMPERATURE, FLUX, INSULATING)
SLIPS = list(product(SLIP, repeat=4))


def covering(kinds: Sequence[str], *others: Sequence[Any]) -> list[Any]:
    """Kinds of four walls, with one of each of the `others`, in as few cases as cover all pairs.

    Whatever two walls, or a wall and another factor, can be meets at least once. A case is the
    tuple of kinds alone where there are no others, else the tuple of kinds and the others.
    """
    cases = [
        (tuple(row[:4]), *row[4:]) for row in AllPairs([list(kinds)] * 4 + [*map(list, others)])
    ]
    return cases if others else [kinds for (kinds,) in cases]


def slip_walls(kinds: Sequence[str]) -> BoundaryConditions:
    """Left, right, bottom, top with these velocity conditions."""
    left, right, bottom, top = (Wall(velocity=kind) for kind in kinds)
    return BoundaryConditions(bottom, top, left, right)


def thermal_walls(kinds: Sequence[str], values: Sequence[float]) -> BoundaryConditions:
    """Left, right, bottom, top with these thermal conditions; insulating walls take no value."""
    left, right, bottom, top = (
        Wall(thermal=kind, value=0.0 if kind == INSULATING else value)
        for kind, value in zip(kinds, values, strict=True)
    )
    return BoundaryConditions(bottom, top, left, right)


def initials(kinds: Sequence[str]) -> str:
    """A short name for a combination, as a test's id."""
    return "".join(kind[0] for kind in kinds)


def roll(grid: Grid, speed: float) -> Array:
    """The stream function of one roll that fills the box."""
    return cell_flow(grid, speed, [(1, 1, 1.0)]).psi


def at_rest(grid: Grid) -> Flow:
    """No flow at all."""
    return flow_of(np.zeros(grid.nodes), grid)


UNHEATED = (*TINY, "model.heating=0")
"""A tiny box that convects from the first step on, heated from below alone."""

unheated = partial(case, base=UNHEATED)
ran_unheated = partial(ran, base=UNHEATED)


def run_in_pieces(out: Path, *overrides: str) -> int:
    """Run a case to its end, stopped after every step and resumed; returns how often."""
    stops = 0
    while True:
        try:
            ran_unheated(out, *overrides, "time.wall_limit=1e-9", resume=stops > 0)
        except InterruptedRunError:
            stops += 1
        else:
            return stops


def assert_resumes_bitwise(config: Config) -> Simulation:
    """Taken up from a file after every step a run is the same run; returns it at its end."""
    whole, pieces = Simulation.from_config(config), Simulation.from_config(config)
    schedule = Schedule(config.output.every, config.time.end)
    while whole.time < schedule.goal and whole.steps < (config.time.max_steps or sys.maxsize):
        until, file = schedule.following(whole.time), BytesIO()
        if whole.steps % 2:
            pieces.flow()  # as an output asks for it
        np.savez(file, **pieces.snapshot())
        file.seek(0)
        pieces = Simulation.from_config(config)
        with np.load(file) as arrays:
            pieces.restore(arrays)
        assert pieces.step(until) == whole.step(until)
    assert_same_arrays(pieces.snapshot(), whole.snapshot())
    return whole


def assert_heat_is_kept(simulation: Simulation, plain: Simulation) -> None:
    """Of a run whose closure does something, which the `plain` one of the same start lacks."""
    for _ in range(5):
        before = np.mean(simulation.temperature)
        record = simulation.step()
        plain.step()
        state = simulation.state
        gain = state.heat_in - state.heat_out + state.heat_sides / simulation.grid.aspect
        assert abs(np.mean(simulation.temperature) - before - record.dt * gain) < 1e-14
    assert np.max(np.abs(simulation.temperature - plain.temperature)) > 1e-6


def assert_same_arrays(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """To the bit; all but the ledger, which says how long things took."""
    assert set(found) == set(expected)
    for name in set(found) - {"ledger"}:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
