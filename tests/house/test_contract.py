"""Helps, JSON outputs and short runs are what they were when they were recorded (contract.py)."""

import json
from pathlib import Path

import pytest
from contract import HELP, OUTPUTS, RUNS, helps, numbers, outputs, recorded, run_cases

from helpers.petsc_needed import petsc

__all__ = ["petsc"]

REMEDY = "if the change is meant: python tests/contract.py"

NETWORKS = ("surrogate", "predicted", "closure")
"""Cases whose network works in single precision, which each instruction set rounds otherwise:
AVX-512 in place of AVX2 moves the bottom's Nusselt number of `closure` by 8e-6."""


def test_helps_and_lists_are_those_recorded() -> None:
    assert helps() == recorded(HELP), REMEDY


def test_json_outputs_have_the_keys_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert outputs() == json.loads(recorded(OUTPUTS)), REMEDY


@pytest.mark.parametrize("name", run_cases())
def test_short_runs_end_where_they_did(name: str, request: pytest.FixtureRequest) -> None:
    """To rounding, which differs between processors and grows over the steps."""
    if "mumps" in name:
        request.getfixturevalue("petsc")
    before = json.loads(recorded(RUNS))[name]
    after = numbers(run_cases()[name])
    del before["sha256"], after["sha256"]
    tolerance = 1e-4 if any(network in name for network in NETWORKS) else 1e-6
    assert after == pytest.approx(before, rel=tolerance, abs=1e-12), REMEDY
