"""What configurations, simulations and results show of themselves: what is in force alone."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import tellus as library
from helpers.rollouts import case, summary, tellus, write_case
from tellus.config import load_config
from tellus.config.examples import FOLDER
from tellus.config.fields import fields
from tellus.config.in_force import RULES, in_force, shown
from tellus.config.purposes import purpose_of
from tellus.config.read import toml


@pytest.mark.parametrize(
    ("changes", "read", "not_read"),
    [
        ([], ["rheology.gamma_T", "initial.seed", "boundaries.top_value"], ["rheology.eta_star"]),
        (["rheology.kind=constant"], ["rheology.kind"], ["rheology.gamma_T", "rheology.gamma_p"]),
        (["rheology.yield_stress=1"], ["rheology.eta_star", "stokes.picard_limit"], []),
        (["rheology.kind=my.py:Law"], ["stokes.picard_limit"], ["rheology.gamma_T"]),
        (["initial.perturbation=mode"], ["initial.mode"], ["initial.seed"]),
        (["initial.kind=file", "initial.path=x"], ["initial.path"], ["initial.amplitude"]),
        (["time.steady_tolerance=1e-3"], ["time.steady_window"], []),
        (["model.heating_law=my.py:H"], ["model.heating_law"], ["model.heating"]),
        ([], [], ["time.steady_window", "planet.depth_km", "boundaries.left_value"]),
    ],
)
def test_keys_in_force(changes: list[str], read: list[str], not_read: list[str]) -> None:
    found = dict(in_force(load_config(None, changes)))
    assert found.keys() >= set(read)
    assert not found.keys() & set(not_read)


def test_rules_are_of_keys_that_there_are() -> None:
    from fnmatch import filter as matching

    keys = [key for key, _ in fields(library.Config)]
    assert all(matching(keys, pattern) for pattern in RULES)


RUNS = [path for path in sorted(FOLDER.glob("*.toml")) if purpose_of(toml(path)) == "run"]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_what_is_shown_is_the_same_configuration(path: Path, tmp_path: Path) -> None:
    """Keys that are left out go back to defaults that nothing reads."""
    config = load_config(path)
    (tmp_path / "shown.toml").write_text(shown(config))
    again = load_config(tmp_path / "shown.toml")
    assert dict(in_force(again)) == dict(in_force(config))
    assert set(tomllib.loads(shown(config))) <= set(type(config).model_fields)


def test_info_says_the_law_that_is_in_force(tmp_path: Path) -> None:
    library.run(case("time.max_steps=1", "rheology.kind=constant"), tmp_path, progress=False)
    said = tellus("info", tmp_path).stdout
    assert "constant viscosity, heating 3" in said
    assert "gamma_T" not in said


def test_a_result_is_run_json_by_name(tmp_path: Path) -> None:
    result = library.run(case("time.max_steps=2"), tmp_path / "run", progress=False)
    assert isinstance(result, library.RunResult)
    assert dict(result) == summary(tmp_path / "run")
    assert (result.status, result.steps, result.path) == ("done", 2, tmp_path / "run")
    assert result.seconds == result["seconds"]["total"]
    np.testing.assert_array_equal(result.series["step"], [1, 2])
    assert float(result.fields["time"][-1]) == result.time
    assert "2 steps to t = " in repr(result)
    html = result._repr_html_()
    assert "step 2, t = " in html
    assert "done" in html


def test_notebooks_show_configurations_and_simulations() -> None:
    config = case("rheology.kind=constant")
    html = config._repr_html_()
    assert "grid.nx" in html
    assert "gamma_T" not in html
    assert "nx" in config.grid._repr_html_()
    simulation = library.Simulation.from_config(config, warn=lambda sentence: None)
    before = simulation._repr_html_()
    assert "Vrms" not in before  # nothing is solved for it
    assert "&lt;T&gt;" in before
    simulation.step()
    simulation.flow()
    assert "Vrms" in simulation._repr_html_()


def test_times_are_said_in_the_units_of_the_planet(tmp_path: Path) -> None:
    planet = ("depth_km=1000", "temperature_contrast_K=2000", "diffusivity_m2_s=1e-6")
    changes = [f"--set=planet.{one}" for one in planet] + ["--set=time.max_steps=1"]
    config = write_case(tmp_path / "case.toml")
    said = tellus("run", config, "--out", tmp_path / "run", *changes).stdout
    assert ": 1 steps to t = 0.000633762 Gyr in " in said
    assert "step 1, t = 0.000633762 Gyr of 3.16881" in tellus("info", tmp_path / "run").stdout
