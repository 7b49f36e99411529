"""`bench sharpen`: what is measured of sharpened states, and what splines are held against."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.small_data import GRID
from tellus.benchmarks.sharpen import by_splines, main
from tellus.benchmarks.tables import table
from tellus.coupling.output.sharpen import sharpened
from tellus.errors import InputError
from tellus.solver.coarse_means import coarse_means
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import StokesProblem
from tellus.surrogate.data import Dataset

COARSE = Grid(GRID.nx // 2, GRID.ny // 2, GRID.aspect)


def smooth(grid: Grid) -> Array:
    """Values at the centres of cells that obey what holds on the walls."""
    x, y = grid.x_cells / grid.aspect, grid.y_cells[:, None]
    return np.asarray(1.0 - y + 0.2 * np.sin(np.pi * y) * np.cos(np.pi * x))


def test_splines_are_of_fourth_order_up_to_the_walls() -> None:
    errors = []
    for size in (16, 32):
        grid = Grid(2 * size, size, 2.0)
        problem = StokesProblem(grid, smooth(grid), FrankKamenetskii())
        fine = by_splines(problem, grid.finer(4))
        errors.append(np.max(np.abs(fine.temperature - smooth(fine.grid))))
    assert errors[0] > 12.0 * errors[1]


def test_what_is_made_of_the_means_is_held_against_the_truth(dataset: Path, tmp_path: Path) -> None:
    result = main([COARSE], data=dataset, out=tmp_path / "result.json")
    assert (tmp_path / "result.png").stat().st_size > 10_000
    assert result["sizes"] == {
        "model": 0,
        str(COARSE): 4 * COARSE.nx * COARSE.ny,
        str(GRID): 4 * GRID.nx * GRID.ny,
    }
    for row in result["results"]:
        assert (row["seen"], row["grid"], row["states"]) == (str(COARSE), str(GRID), 4)
        assert 0.0 < row["short_waves"] < 1.5
        assert 0.0 < row["short_wave_error"] < 1.0
        assert 0.0 < row["velocity_error"] < 0.5
    first = next(Dataset.open(dataset).simulations("test"))
    truths = [first.problem(k) for k in np.linspace(0, len(first.vrms) - 1, 4).round().astype(int)]
    means = [coarse_means(truth.temperature, COARSE) for truth in truths]
    for row, way in zip(result["results"], (by_splines, sharpened), strict=False):
        found = [
            way(replace(truth, grid=COARSE, temperature=seen), GRID).temperature
            for truth, seen in zip(truths, means, strict=True)
        ]
        off = [np.mean(np.abs(a - b.temperature)) for a, b in zip(found, truths, strict=True)]
        assert row["temperature_error"] == pytest.approx(np.median(off))
    assert table(result).row_count == len(result["results"])


def test_a_state_that_means_are_all_of_is_found_again() -> None:
    """T linear in y: nothing is lost in the means."""
    fine = COARSE.finer(2)
    linear = np.repeat(1.0 - fine.y_cells[:, None], fine.nx, axis=1)
    seen = StokesProblem(COARSE, coarse_means(linear, COARSE), FrankKamenetskii())
    for way in (by_splines, sharpened):
        np.testing.assert_allclose(way(seen, fine).temperature, linear, atol=1e-12)


def test_grids_that_do_not_divide_the_states_are_refused(dataset: Path) -> None:
    for grid in (GRID, Grid(GRID.nx // 2, GRID.ny // 4, GRID.aspect), COARSE.finer(4)):
        with pytest.raises(InputError, match=r"--grid .*: its cells must be"):
            main([grid], data=dataset)
