"""A run with everything in it, stopped after every step and resumed, is bitwise the same run."""

from pathlib import Path

import pytest

from helpers.physics_cases import assert_resumes_bitwise, ran_unheated, run_in_pieces, unheated
from helpers.rollouts import assert_same
from tellus.coupling.directory.checkpoint import read_checkpoint

EVERYTHING = (
    "time.scheme=implicit",
    "time.courant=1.0",
    "model.heating=5",
    "model.heating_fractions=[0.4, 0.6]",
    "model.heating_decay=[10, 100]",
    "model.dissipation_number=0.3",
    "model.surface_temperature=0.1",
    "model.core_capacity=0.7",
    "rheology.yield_stress=3.0",
    "rheology.layer_depths=[0.4]",
    "rheology.layer_factors=[1.0, 5.0]",
    "boundaries.left_velocity=no-slip",
    "boundaries.right_thermal=flux",
    "boundaries.right_value=0.5",
    'output.derived=["pressure", "dissipation"]',
    "output.every=1e-4",
    "time.end=3e-4",
)


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("stokes.solver=skip:tol=5e-2:lagged:tol=1e-3",),
        ("time.scheme=explicit", "time.courant=0.5"),
        ("rheology.kind=arrhenius", "stokes.picard_limit=2"),
    ],
    ids=[
        "implicit",
        "skip to a tolerance",
        "explicit",
        "arrhenius, unconverged",
    ],
)
def test_taken_up_from_a_file_after_every_step_it_is_bitwise_the_same(
    more: tuple[str, ...],
) -> None:
    config = unheated(*EVERYTHING, "time.max_steps=9", *more)
    assert assert_resumes_bitwise(config).steps > 7  # more than solvers remember


def test_a_directory_stopped_after_every_step_is_bitwise_the_same(tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    more = "stokes.solver=anchored:3:skip:tol=5e-2:lagged:tol=1e-3", "time.max_steps=9"
    summary = ran_unheated(whole, *EVERYTHING, *more)
    arrays = read_checkpoint(whole, print)
    assert 0.9 < float(arrays["core"]) < 1.0
    assert any(name.endswith("picard") for name in arrays)
    assert (summary["status"], summary["steps"]) == ("done", 9)
    assert run_in_pieces(pieces, *EVERYTHING, *more) == 8
    assert_same(pieces, whole)
