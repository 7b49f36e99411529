"""`benchmarks.iterations`: what it counts and compares, on a run of seconds."""

from dataclasses import replace

import pytest

from tellus.benchmarks import iterations, tables
from tellus.benchmarks.fields import Case
from tellus.benchmarks.harness import Measurement
from tellus.solver.grid import Grid

CASE = Case(gamma_T=1e6, end=0.004, states=1, steps=2, recorded=2, coarse_ny=8)
GRID = Grid(64, 16, 4.0)


def test_rows_by_grid_case_and_solver() -> None:
    cases = [CASE, replace(CASE, gamma_T=1e4)]
    names = ["iterative:cold", "iterative:velocity=1e-4:cold"]
    result = iterations.main(Measurement([GRID], 5, threads=1), names, cases)
    rows = result["results"]
    assert [row["solver"] for row in rows] == ["direct", *names] * 2
    assert [row["gamma_T"] for row in rows] == [1e6] * 3 + [1e4] * 3
    assert {row["grid"] for row in rows} == {"64x16"}
    tight, loose = ([row for row in rows if row["solver"] == name] for name in names)
    for row in tight:
        assert row["iterations_max"] < 15
        assert row["products_per_iteration"] == pytest.approx(7.0, abs=0.3)
        assert row["velocity_error_max"] < 1e-6
        assert 10.0 < row["contrast"] < row["gamma_T"]
        assert row["seconds"] > 0.0
    for easy, hard in zip(loose, tight, strict=True):
        assert easy["iterations_max"] < hard["iterations_min"]
        assert easy["velocity_error_max"] < 1e-4
    assert tables.table(result).row_count == len(rows)
