"""Runs at the edges of what a configuration may say: they work, and resume bitwise."""

from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import assert_resumes_bitwise
from helpers.rollouts import case, ran, steps_of
from tellus import open_run

ODD = {
    "smallest grid": ["grid.nx=4", "grid.ny=4", "stokes.solver=skip:3"],
    "taller than wide": ["grid.nx=5", "grid.ny=18", "grid.aspect=0.3"],
    "flat cells": ["grid.nx=24", "grid.ny=5", "grid.aspect=0.3"],
    "no buoyancy": ["model.rayleigh=0", "stokes.solver=skip:2"],
    "no heating, one viscosity": ["model.heating=0", "rheology.gamma_T=1"],
    "no perturbation": ["initial.amplitude=0", "initial.kind=hot"],
    "clipped viscosity": ["rheology.floor=0.1", "rheology.ceiling=0.1000001"],
    "largest contrast": ["rheology.gamma_T=1e12", "rheology.gamma_p=1e6", "time.dt_initial=1e-7"],
    "slow growth": ["time.growth=1.01", "time.dt_initial=1e-7"],
    "steps that time can hardly tell": ["time.dt_initial=1e-15", "time.dt_min=1e-30"],
    "a checkpoint every step": ["output.checkpoint_every=1", "output.keep_checkpoints=3"],
    "outputs beyond the end": ["output.every=1e300", "time.end=1e-4"],
    "an output every step": ["output.every=1e-5"],
    "no slack": ["time.bounds_tolerance=0"],
}
OF_FILES = ("a checkpoint every step", "outputs beyond the end", "an output every step")


@pytest.mark.parametrize("what", [what for what in ODD if what not in OF_FILES])
def test_odd_cases(what: str) -> None:
    end = assert_resumes_bitwise(case(*ODD[what], "time.max_steps=7"))
    assert end.steps == 7
    assert np.all(np.isfinite(end.temperature))
    if what == "no buoyancy":
        assert np.all(end.flow().psi == 0)


@pytest.mark.parametrize("what", OF_FILES)
def test_odd_ways_of_writing(what: str, tmp_path: Path) -> None:
    for steps in (4, 7):
        limited = (*ODD[what], f"time.max_steps={steps}")
        ran(tmp_path / "run", *limited, resume=steps == 7)
    data = open_run(tmp_path / "run").load()
    for name, values in data.items():
        assert np.all(np.isfinite(values)), name
    # The stop after four steps wrote an output that an uninterrupted run has not.
    data.close()
    ran(tmp_path / "alone", *limited)
    ours, theirs = (tmp_path / name / "timeseries.csv" for name in ("run", "alone"))
    assert ours.read_bytes() == theirs.read_bytes()
    if what == "a checkpoint every step":
        assert steps_of(tmp_path / "run") == [5, 6, 7]


@pytest.mark.parametrize("end", [1e-9, 1e-300])
def test_an_end_before_the_first_step_is_over(end: float, tmp_path: Path) -> None:
    result = ran(tmp_path / "run", f"time.end={end}")
    assert (result["steps"], result["time"], result["status"]) == (1, end, "done")
    assert open_run(tmp_path / "run")["time"].values.tolist() == [0.0, end]
    ran(tmp_path / "run", "time.end=5e-5", resume=True)
    assert open_run(tmp_path / "run")["time"].values[-1] == 5e-5
