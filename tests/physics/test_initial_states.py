"""Cold and layered starts, and profiles from a file."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import ran_unheated, unheated
from tellus.coupling.build import grid_of
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.starts.initial import initial_temperature
from tellus.coupling.starts.profile_file import profile_of_file
from tellus.errors import InputError
from tellus.solver import initial
from tellus.solver.grid import Array, Grid

GRID = Grid(16, 8, 2.0)
FINE = Grid(4, 400, 1.0)
FLAT = ("initial.amplitude=0",)


def profile(path: Path, text: str, grid: Grid = GRID) -> Array:
    """The profile that a file with this text stands for."""
    path.write_text(text)
    return profile_of_file(path, grid)


def test_cold_is_zero_and_perturbed_like_the_others() -> None:
    np.testing.assert_array_equal(
        initial_temperature(unheated("initial.kind=cold", *FLAT), GRID), 0.0
    )
    perturbed = initial_temperature(unheated("initial.kind=cold", "initial.amplitude=0.02"), GRID)
    assert 0.005 < np.max(np.abs(perturbed)) <= 0.02
    plain = initial_temperature(unheated("initial.kind=conductive", *FLAT), GRID)
    there = initial_temperature(unheated("initial.kind=conductive", "initial.amplitude=0.02"), GRID)
    np.testing.assert_allclose(perturbed, there - plain, rtol=0, atol=1e-15)


def test_linear_layers_have_the_thickness_and_the_interior_asked_for() -> None:
    field = initial.linear(FINE, interior=0.6, thickness=0.1)
    y, column = FINE.y_cells, field[:, 0]
    np.testing.assert_allclose(column[y < 0.1], 1.0 - 4.0 * y[y < 0.1], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(column[(y > 0.1) & (y < 0.9)], 0.6)
    np.testing.assert_allclose(column[y > 0.9], 6.0 * (1.0 - y[y > 0.9]), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(field, np.repeat(column[:, None], 4, axis=1))


def test_linear_layers_by_default_are_those_of_the_paper() -> None:
    field = initial_temperature(unheated("initial.kind=linear", *FLAT), FINE)
    assert field[200, 0] == 0.75
    assert field[0, 0] == pytest.approx(1.0 - 0.25 * FINE.y_cells[0] / 0.05)
    assert field[19, 0] > 0.75 == field[21, 0]


def test_high_order_transport_starts_from_means_over_cells() -> None:
    """Nearer to those of a cosine wave than its values at the centres, by a factor of 16."""
    settings = ("initial.kind=cold", "initial.perturbation=mode", "initial.mode=3")
    config = unheated(*settings, "initial.amplitude=0.1", "energy.advection=mp5")
    grid = grid_of(config)
    angle = 1.5 * np.pi / grid.nx, 0.5 * np.pi / grid.ny
    at_centres = 0.1 * initial.mode_perturbation(grid, 3)
    exact = at_centres * np.sin(angle[0]) / angle[0] * np.sin(angle[1]) / angle[1]
    found = Simulation.from_config(config).temperature
    assert np.max(np.abs(found - exact)) < np.max(np.abs(at_centres - exact)) / 15.0


def test_layers_that_meet_in_the_middle() -> None:
    """thickness = 1/2 leaves no interior but its temperature at half height."""
    field = initial_temperature(
        unheated("initial.kind=linear", "initial.thickness=0.5", "initial.interior=0.5", *FLAT),
        FINE,
    )
    np.testing.assert_allclose(field[:, 0], 1.0 - FINE.y_cells, rtol=0, atol=1e-12)


def test_a_profile_is_interpolated_and_holds_beyond_its_ends(tmp_path: Path) -> None:
    found = profile(tmp_path / "p.csv", "# y, T\n0.2, 1.0\n0.4, 0.5\n0.9, 0.1\n", FINE)
    expected = np.interp(FINE.y_cells, [0.2, 0.4, 0.9], [1.0, 0.5, 0.1])
    np.testing.assert_allclose(found[:, 2], expected, rtol=1e-15)
    assert (found[0, 0], found[-1, 0]) == (1.0, 0.1)


@pytest.mark.parametrize(
    "text",
    [
        "0 1\n0.5 0.8\n1 0\n",
        "0,1\n0.5,0.8\n1,0",
        "1 0 # the top comes first\n\n0.5 0.8\n# a line of words\n0\t1\n",
        "0.0,   1.0\r\n0.5, 0.8\r\n1.0, 0.0\r\n",
        "y,T\n0, 1\n0.5, 0.8\n1, 0\n",
        "# depth upside down\n\nheight temperature # K\n0, 1\n0.5, 0.8\n1, 0\n",
        "T,y\n1,0\n0.8,0.5\n0,1\n",
        "# T y\n1 0\n0.8 0.5\n0 1\n",
        "Temperature, vrms, Height\n1, nan, 0\n0.8, 3, 0.5\n0, 1, 1\n",
    ],
)
def test_commas_blanks_comments_names_and_any_order_are_read(tmp_path: Path, text: str) -> None:
    found = profile(tmp_path / "p.txt", text)
    np.testing.assert_allclose(found[:, 0], np.interp(GRID.y_cells, [0, 0.5, 1], [1, 0.8, 0]))


NO_PROFILES = {
    "empty": ("", "y and T"),
    "comments": ("# nothing but words\n", "y and T"),
    "one row": ("0.5 0.5\n", "y and T"),
    "NaN": ("0 1\n1 nan\n", "y and T"),
    "infinite": ("0 1\ninf 0\n", "y and T"),
    "one column": ("0\n1\n", "y and T"),
    "three columns": ("0 1 2\n1 0 2\n", "y and T"),
    "ragged": ("0 1\n1\n", "y and T"),
    "words": ("hot\ncold\n0 1\n1 0\n", "y and T"),
    "kilometres": ("0 1\n2890 0\n", "y and T"),
    "below the box": ("-0.1 1\n1 0\n", "y and T"),
    "a letter": ("y T\n0 1\n\n0.5 O.75\n1 0\n", 'line 4 is "0.5 O.75"'),
    "late names": ("0 1\ny T\n1 0\n", 'line 2 is "y T"'),
    "no numbers": ("nan nan\n0 1\n1 0\n", 'line 1 is "nan nan"'),
    **{
        names: (f"{names}\n0, 1\n1, 0\n", "not y and T: name one y")
        for names in ("depth T", "a b", "y", "T, T", "y,height,T", "y/km, T/K")
    },
}


@pytest.mark.parametrize("what", NO_PROFILES)
@pytest.mark.filterwarnings("error")
def test_what_is_no_profile_is_refused_by_name(tmp_path: Path, what: str) -> None:
    text, said = NO_PROFILES[what]
    with pytest.raises(InputError, match=r"initial\.path: .*p\.txt ") as refusal:
        profile(tmp_path / "p.txt", text)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_table_that_a_profile_writes_is_a_start(tmp_path: Path) -> None:
    from tellus.coupling.output.profile import profile as averaged

    ran_unheated(tmp_path / "run", "time.max_steps=3")
    found = averaged(tmp_path / "run", out=tmp_path / "mean.csv")
    start = profile_of_file(tmp_path / "mean.csv", GRID)
    np.testing.assert_allclose(start[:, 0], found.temperature, atol=1e-6)


def test_a_viscosity_beyond_computing_is_refused_before_the_run() -> None:
    beyond = (
        "rheology.kind=arrhenius",
        "model.surface_temperature=0.1",
        "rheology.activation_volume=1000",
    )
    with pytest.raises(InputError, match=r"viscosity .* from .*e-\d{3} to .* rheology\.floor"):
        Simulation.from_config(unheated(*beyond))
    Simulation.from_config(unheated(*beyond, "rheology.floor=1e-6", "rheology.ceiling=1e6"))


def test_an_initial_temperature_below_absolute_zero_is_refused_before_the_run() -> None:
    bounded = ("rheology.kind=arrhenius", "rheology.floor=1e-3", "rheology.ceiling=1e3")
    cold = (*bounded, "model.surface_temperature=0.1", "initial.amplitude=1.0")
    with pytest.raises(InputError, match=r"falls to -\S+, below absolute zero, .* T = -0\.1 here"):
        Simulation.from_config(unheated(*cold))
    Simulation.from_config(
        unheated(*bounded, "model.surface_temperature=1.0", "initial.amplitude=1.0")
    )


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError, match=r"initial\.path: .* cannot be read"):
            profile_of_file(path, GRID)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01" * 10)
    os.mkfifo(tmp_path / "pipe")
    for waited_for in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"initial\.path: .* is no file"):
            profile_of_file(waited_for, FINE)
    with pytest.raises(InputError, match=r"initial\.path: .*binary cannot be read"):
        profile_of_file(tmp_path / "binary", GRID)


def test_a_run_starts_from_a_profile_with_its_perturbation(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("0 1\n1 0\n")
    start = ("initial.kind=profile", f"initial.path={tmp_path / 'p.txt'}")
    plain = Simulation.from_config(unheated(*start, *FLAT)).temperature
    np.testing.assert_allclose(plain, initial.conductive(GRID), rtol=0, atol=1e-15)
    perturbed = Simulation.from_config(unheated(*start, "initial.amplitude=0.1")).temperature
    conductive = Simulation.from_config(unheated("initial.kind=conductive")).temperature
    np.testing.assert_allclose(perturbed, conductive, rtol=0, atol=1e-15)
    summary = ran_unheated(tmp_path / "run", *start, "time.max_steps=2")
    assert summary["status"] == "done"


def test_perturbed_starts_never_leave_the_bounds_that_a_run_watches() -> None:
    """The bounds come from the perturbed field: a cold start below zero is no violation."""
    simulation = Simulation.from_config(unheated("initial.kind=cold", "initial.amplitude=0.05"))
    assert simulation.bounds.lowest == pytest.approx(np.min(simulation.temperature))
    assert simulation.bounds.lowest < 0.0
    for _ in range(3):
        simulation.step()
    assert simulation.statistics.rejected == 0
