"""Ways of running a closure's network: all that are here say the same."""

import pytest

from tellus.benchmarks import inference
from tellus.solver.grid import Grid


def test_ways_agree_with_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "GRIDS", (Grid(12, 6, 2.0),))
    monkeypatch.setattr(inference, "FEWEST", 1)
    monkeypatch.setattr(inference, "SECONDS", 0.0)
    # Others take a compiler, or packages that are no part of Tellus.
    ways = {name: inference.WAYS[name] for name in ("C++", "PyTorch")}
    monkeypatch.setattr(inference, "WAYS", ways)
    rows = list(inference.measured(width=5, depth=1))
    assert [row["way"] for row in rows] == list(ways)
    assert all(0.0 < row["error"] < 1e-5 for row in rows)
    assert all(row["seconds"] > 0.0 for row in rows)
