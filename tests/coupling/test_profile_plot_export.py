"""What `tellus profile`, `plot` and `export` make of a run, read back by other programs."""

import csv
import json
import shutil
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import meshio
import numpy as np
import pytest
import tomli_w
import xarray as xr
from matplotlib.animation import FFMpegWriter
from matplotlib.figure import Figure
from PIL import Image

from helpers.rollouts import tellus
from helpers.run_fixtures import one_field
from tellus.config import Config, load_config
from tellus.coupling.output import pictures
from tellus.coupling.output.export import export_netcdf, export_vtk
from tellus.coupling.output.pictures import _image, plot_run, write_film
from tellus.coupling.output.profile import profile
from tellus.coupling.output.series import history
from tellus.coupling.output.style import save_picture
from tellus.coupling.planet import Units, disagreements, units_of, viscosity_note
from tellus.coupling.runs.run import open_run, run_directory
from tellus.errors import InputError

__all__ = ["one_field"]

CASE = [
    "grid.nx=16",
    "grid.ny=8",
    "grid.aspect=2",
    "time.max_steps=5",
    "time.dt_max=1e-3",
    "time.dt_initial=1e-3",
    "output.every=4e-4",
    'output.derived=["dissipation", "strain_rate", "surface_heat_flux", "mobility"]',
]
GYR = 1e18 / (365.25 * 86400 * 1e9)  # (1000 km)^2 / 1e-6 m2/s
PLANET = {
    "depth_km": 1000.0,
    "temperature_contrast_K": 2000.0,
    "diffusivity_m2_s": 1e-6,
    "surface_temperature_K": 300.0,
}


@pytest.fixture(autouse=True, scope="module")
def coarse_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "DPI", 50)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "case"
    run_directory(load_config(None, CASE), path, progress=False)
    return path


def test_a_profile_is_the_mean_over_time(run: Path) -> None:
    fields = open_run(run)
    times = fields["time"].values
    result = profile(run, float(times[1]), float(times[-1]))
    assert result.outputs == times.size - 1
    for name in ("temperature", "vrms"):
        values = fields[f"{name}_profile"].values[1:]
        mean = np.trapezoid(values, times[1:], axis=0) / (times[-1] - times[1])
        variance = np.trapezoid((values - mean) ** 2, times[1:], axis=0) / (times[-1] - times[1])
        np.testing.assert_allclose(getattr(result, name), mean)
        np.testing.assert_allclose(
            getattr(result, f"{name}_std"), np.sqrt(variance), rtol=0, atol=1e-14
        )


def test_a_profile_is_of_the_second_half_or_of_one_output(run: Path) -> None:
    fields = open_run(run)
    times, by_default = fields["time"].values, profile(run)
    assert by_default.to == times[-1]
    assert by_default.from_ == times[times >= times[-1] / 2][0]
    single = profile(run, start=0.0, end=0.0)
    assert single.outputs == 1
    np.testing.assert_array_equal(single.temperature, fields["temperature_profile"][0])
    np.testing.assert_array_equal(single.temperature_std, 0.0)


def test_a_profile_is_printed_tabulated_and_drawn(run: Path, tmp_path: Path) -> None:
    table, picture = tmp_path / "new" / "profile.csv", tmp_path / "profile.png"
    printed = tellus("profile", run, "--out", table)
    assert len(printed.stdout.splitlines()) == 2 + 8
    as_json = tellus("profile", run, "--json", "--out", picture)
    result = json.loads(as_json.stdout)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    for name in ("y", "temperature", "temperature_std", "vrms", "vrms_std"):
        assert [float(row[name]) for row in rows] == result[name]
    assert Image.open(picture).size > (500, 300)


@pytest.mark.usefixtures("drawn")
def test_a_series_with_numbers_that_no_axis_holds_is_drawn(tmp_path: Path) -> None:
    steps = np.arange(5.0)
    for odd in (np.inf, -np.inf, np.nan, 1.7e308):
        values = {"vrms": np.full(5, odd), "nusselt_top": np.where(steps == 2.0, odd, steps)}
        lines = {name: (steps, series) for name, series in values.items()}
        figure = history({"one": lines, "another": lines}, Units({}))
        save_picture(figure, tmp_path / "history.png")
        low, high = figure.axes[1].get_ylim()
        assert -1.0 < low < 0.1
        assert 3.9 < high < 5.0


def test_what_starts_a_run_leaves_room_for_both_walls() -> None:
    """Cold from the start on: the heat flow out of the top begins at infinity."""
    time = np.linspace(1e-6, 1.0, 500)
    lines = {"nusselt_top": (time, time**-0.5), "nusselt_bottom": (time, 0.01 * np.sin(9 * time))}
    top, bottom = history({"": lines}, Units({})).axes
    assert top.get_ylim()[1] < 4.0
    assert top.get_ylim()[0] < 1.0
    assert bottom.get_ylim() == pytest.approx((-0.0116, 0.0116), rel=0.05)


def test_pictures_of_every_field_and_a_film(run: Path, tmp_path: Path) -> None:
    written = plot_run(run, tmp_path / "out", frames=2)
    last = open_run(run).sizes["time"] - 1
    fields = ("temperature", "viscosity", "psi", "dissipation", "strain_rate")
    expected = {f"{name}_{k:05d}.png" for name in fields for k in (0, last)}
    film = {"animation.mp4"} if FFMpegWriter.isAvailable() else set()
    whole = {"timeseries.png", "animation.gif", "surface_heat_flux.png"}
    assert {file.name for file in written} == expected | film | whole
    assert set(written) == set((tmp_path / "out").iterdir())
    sizes = {Image.open(tmp_path / "out" / name).size for name in expected}
    assert len(sizes) == 1
    with Image.open(tmp_path / "out" / "animation.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 2


def test_only_fields_that_are_named_are_drawn(run: Path, tmp_path: Path) -> None:
    drawn = tellus("plot", run, "--out", tmp_path, "--frames", "1", "--fields", "viscosity,psi")
    maps = {file.name for file in tmp_path.glob("*_0*.png")}
    assert {name[:-10] for name in maps} == {"viscosity", "psi"}
    assert "timeseries.png" in drawn.stdout
    assert "animation.gif" in drawn.stdout


def test_a_gif_has_no_bands(tmp_path: Path) -> None:
    """Colours between two of the 256 are dithered: their mean over a few pixels is right."""
    figure = Figure(figsize=(4, 1))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    ramps = [np.tile(np.linspace(0, 1, 400), (100, 1)), np.tile(np.linspace(1, 0, 400), (100, 1))]

    def draw(k: int) -> None:
        axis.imshow(ramps[k], cmap="viridis", aspect="auto")

    write_film(tmp_path, figure, draw, [0, 1], 100)
    wanted = np.asarray(_image(figure), dtype=float)
    with Image.open(tmp_path / "animation.gif") as film:
        film.seek(1)
        found = np.asarray(film.convert("RGB"), dtype=float)
    blocks = [a.reshape(10, 10, 40, 10, 3).mean(axis=(1, 3)) for a in (wanted, found)]
    assert np.max(np.abs(blocks[0] - blocks[1])) < 3.0


def test_several_runs_share_their_pictures(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    tellus("plot", run, tmp_path / "copy", "--out", tmp_path / "both")
    names = {"timeseries.png", "profiles.png", "temperature.png"}
    assert {file.name for file in (tmp_path / "both").iterdir()} == names
    for name in names:
        assert Image.open(tmp_path / "both" / name).size > (500, 300)


@pytest.mark.usefixtures("one_field")
def test_an_older_animation_stays_where_a_new_one_fails(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "animation.gif"
    before.write_bytes(b"as it was")

    left, draw = [1], pictures.Canvas.draw

    def stopped_at_the_second(canvas: pictures.Canvas, *arguments: Any) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        draw(canvas, *arguments)

    monkeypatch.setattr(pictures.Canvas, "draw", stopped_at_the_second)
    monkeypatch.setattr(pictures, "_write_maps", lambda *arguments: [])
    with pytest.raises(KeyboardInterrupt):
        plot_run(run, tmp_path, frames=2)
    assert before.read_bytes() == b"as it was"
    there = {"animation.gif", "timeseries.png", "surface_heat_flux.png"}
    assert {file.name for file in tmp_path.iterdir()} == there


def test_vtk_files_hold_the_fields(run: Path, tmp_path: Path) -> None:
    fields = open_run(run)
    series = export_vtk(run, tmp_path / "vtk")
    members = ElementTree.parse(series).getroot().findall("Collection/DataSet")
    assert [float(member.attrib["timestep"]) for member in members] == list(fields["time"].values)
    for k, member in enumerate(members):
        mesh = meshio.read(tmp_path / "vtk" / member.attrib["file"])
        frame = fields.isel(time=k)
        (cells,) = mesh.cells
        assert cells.type == "quad"
        centres = mesh.points[cells.data].mean(axis=1)
        x, y = np.meshgrid(frame["x"], frame["y"])
        np.testing.assert_allclose(centres, np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1))
        for name in ("temperature", "viscosity", "dissipation", "strain_rate"):
            np.testing.assert_array_equal(mesh.cell_data[name][0], frame[name].values.ravel())
        np.testing.assert_array_equal(mesh.point_data["psi"], frame["psi"].values.ravel())
        u, v, w = mesh.cell_data["velocity"][0].T
        at_cells = frame["u"].values[:, 1:] + frame["u"].values[:, :-1]
        np.testing.assert_allclose(2 * u, at_cells.ravel(), rtol=1e-6)
        at_cells = frame["v"].values[1:] + frame["v"].values[:-1]
        np.testing.assert_allclose(2 * v, at_cells.ravel(), rtol=1e-6)
        assert not w.any()
    # Quadrilaterals go round anticlockwise.
    x, y, _ = np.moveaxis(mesh.points[cells.data], -1, 0)
    area = 0.5 * np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1)
    np.testing.assert_allclose(area, 1 / 64)


def test_netcdf_holds_everything_on_its_own_coordinates(run: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = export_netcdf(run, tmp_path / "new" / "run.nc")
        with xr.open_dataset(file) as dataset:
            xr.testing.assert_equal(dataset, open_run(run))
            for name, variable in dataset.variables.items():
                assert {"units", "long_name"} <= variable.attrs.keys(), name
            assert dataset["u"].dims == ("time", "y", "x_face")
            assert dataset["x_face"].attrs["axis"] == "X"
            assert tomllib.loads(dataset.attrs["configuration"])["grid"]["nx"] == 16
    assert [path.name for path in file.parent.iterdir()] == ["run.nc"]


def test_on_a_planet_everything_has_units(run: Path, tmp_path: Path) -> None:
    planet = Path(shutil.copytree(run, tmp_path / "planet"))
    config = tomllib.loads((planet / "config.toml").read_text())
    (planet / "config.toml").write_text(tomli_w.dumps(config | {"planet": PLANET}))
    plain, shown = profile(run), profile(planet)
    assert shown.units == {"time": "Gyr", "y": "km", "temperature": "K", "vrms": "cm/yr"}
    assert shown.to == pytest.approx(plain.to * GYR)
    np.testing.assert_allclose(shown.temperature, 300 + 2000 * plain.temperature)
    np.testing.assert_allclose(shown.temperature_std, 2000 * plain.temperature_std)
    np.testing.assert_allclose(shown.vrms, plain.vrms * 1e-10 * 365.25 * 86400)
    assert profile(planet, start=shown.from_).from_ == shown.from_

    with xr.open_dataset(export_netcdf(planet)) as dataset:
        assert dataset["temperature"].attrs["units"] == "K"
        assert dataset["viscosity"].attrs["units"] == "1"
        assert float(dataset["y_node"][-1]) == 1000.0
        assert float(dataset["time"][-1]) == shown.to
    mesh = meshio.read(export_vtk(planet).parent / "output_00000.vtu")
    assert mesh.points.max() == 2000.0
    assert mesh.cell_data["temperature"][0].min() > 300


def test_stresses_need_a_reference_viscosity(run: Path) -> None:
    plain = open_run(run)
    shown = units_of(on_a_planet(viscosity_Pa_s=1e21)).dataset(plain)
    assert shown["viscosity"].attrs["units"] == "Pa s"
    np.testing.assert_allclose(shown["viscosity"], 1e21 * plain["viscosity"])
    np.testing.assert_allclose(shown["dissipation"], 1e21 * 1e-36 * plain["dissipation"], rtol=1e-6)


EARTH = {"density_kg_m3": 4000.0, "gravity_m_s2": 10.0, "expansivity_1_K": 2.5e-5}


def on_a_planet(*changes: str, **planet: float) -> Config:
    named = (f"planet.{key}={value!r}" for key, value in (PLANET | planet).items())
    return load_config(None, [*changes, *named])


def test_a_planet_says_which_viscosity_is_the_unit_and_what_it_implies() -> None:
    # 1 kg/(m2 s2 K) x 2000 K x (1e6 m)^3 / (1e-6 m2/s) = 2e27 Pa s.
    note = viscosity_note(on_a_planet(viscosity_Pa_s=2e21, **EARTH))
    assert note == (
        "viscosity 1, that of T = 0 at the surface, is 2e+21 Pa s: the Rayleigh number is 1e+06"
    )
    (said,) = disagreements(on_a_planet(viscosity_Pa_s=2e21, **EARTH))
    assert "model.rayleigh is 1:" in said
    assert "planet.viscosity_Pa_s = 2e+27 or model.rayleigh = 1e+06" in said
    assert disagreements(on_a_planet("model.rayleigh=1e6", viscosity_Pa_s=2e21, **EARTH)) == []
    constant = on_a_planet("rheology.kind=constant", "model.rayleigh=1e5", viscosity_Pa_s=2e22)
    assert "that of the fluid, is 2e+22" in str(viscosity_note(constant))
    assert "density x gravity x expansivity is 1 kg" in str(viscosity_note(constant))
    assert disagreements(constant) == []


def test_the_rayleigh_number_gives_the_unit_of_viscosity() -> None:
    config = on_a_planet("model.rayleigh=1e6", **EARTH)
    assert units_of(config).show("viscosity", 1.0) == pytest.approx(2e21)
    assert units_of(config).show("dynamic_topography", 1.0) == pytest.approx(2.5e-5 * 2000 * 1e6)
    assert units_of(on_a_planet()).unit("viscosity") == "1"


def test_two_surface_temperatures_disagree() -> None:
    (said,) = disagreements(on_a_planet("model.surface_temperature=0.1"))
    assert "stands for 200 K" in said
    assert "model.surface_temperature = 0.15" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("planet.density_kg_m3=4000", "needs planet.depth_km"),
        ("planet.depth_km=2890", "needs planet.temperature_contrast_K and planet.diffusivity_m2_s"),
        ("planet.depth_km=0", "planet.depth_km must be "),
    ],
)
def test_half_a_planet_is_refused(change: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_config(None, [change])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["profile", "RUN", "--from", "7"], "no output from t = 7 to"),
        (["profile", "RUN", "--from", "1e-3", "--to", "0"], "no output from"),
        (["profile", "RUN", "--out", "profile.xls"], "name a file that ends in .csv"),
        (["plot", "RUN", "--fields", "vorticity"], 'no field "vorticity" to draw: dissipation'),
        (["plot", "RUN/fields.zarr", "--fields", "psi"], "--fields: "),
        (["plot", "RUN", "--fields", ","], "--fields takes names such as temperature"),
        (["plot", "RUN", "RUN"], "name a directory with --out"),
        (["export", "RUN", "--to", "netcdf", "--out", "."], "is a directory"),
        (["export", "RUN", "--to", "vtk", "--out", "RUN/.lock"], "is a file: name a directory"),
        (["plot", "RUN", "--out", "RUN/.lock"], "is a file: name a directory"),
        (["plot", "RUN", "--out", "RUN/.lock/below"], "name a path through directories"),
        (["plot", "RUN", "--out", "RUN/run.json/below"], "run.json, which is read"),
        (["profile", "RUN", "--out", "RUN/timeseries.csv"], "timeseries.csv, which is read"),
        (["export", "RUN", "--to", "hdf"], "'vtk', 'netcdf'"),
    ],
)
def test_bad_input_is_explained(run: Path, arguments: list[str], sentence: str) -> None:
    result = tellus(*(argument.replace("RUN", str(run)) for argument in arguments), status=2)
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_lost_coordinates_are_no_zeros(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "damaged")
    shutil.rmtree(tmp_path / "damaged" / "fields.zarr" / "y_node" / "c")
    said = tellus("plot", tmp_path / "damaged", status=2).stderr
    assert "fields.zarr is damaged (y_node is not that of a grid)" in said


@pytest.mark.parametrize("command", ["plot", "vtk", "netcdf"])
def test_a_damaged_run_is_explained(run: Path, tmp_path: Path, command: str) -> None:
    shutil.copytree(run, tmp_path / "damaged")
    lost = tmp_path / "damaged" / "fields.zarr" / "temperature" / "c" / "1"
    assert lost.is_dir()
    shutil.rmtree(lost)
    commands: dict[str, Any] = {"plot": plot_run, "vtk": export_vtk, "netcdf": export_netcdf}
    with pytest.raises(InputError, match="output 1 of temperature is incomplete"):
        commands[command](tmp_path / "damaged", tmp_path / "out")
    assert command == "plot" or not (tmp_path / "out").exists()


def test_a_file_that_is_no_netcdf_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    precious = tmp_path / "profile.csv"
    precious.write_text("0 1")
    with pytest.raises(InputError, match=r"exists and is no \.nc file"):
        export_netcdf(run, precious)
    assert precious.read_text() == "0 1"


def test_two_at_once_into_one_place_both_deliver(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a script and its impatient user start them: neither spoils the other's files."""
    jobs: dict[str, Callable[[], object]] = {
        ".nc": lambda: export_netcdf(run, tmp_path / "run.nc"),
        ".png": lambda: save_picture(Figure((1, 1)), tmp_path / "plots" / "some.png"),
        ".gif": lambda: write_film(tmp_path / "plots", Figure((1, 1)), lambda frame: None, [0], 50),
    }
    (tmp_path / "plots").mkdir()
    first, replace = [*jobs.values()], Path.replace

    def overtaken(path: Path, target: Path) -> Path:
        """All that the other does happens before the first file of its kind is there."""
        if other := jobs.pop(Path(target).suffix, None):
            other()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", overtaken)
    for job in first:
        job()
    assert not jobs
    assert not list(tmp_path.rglob("*.partial*"))
    with xr.open_dataset(tmp_path / "run.nc") as written:
        np.testing.assert_array_equal(written["psi"], open_run(run)["psi"])
    for path in (tmp_path / "plots" / "some.png", tmp_path / "plots" / "animation.gif"):
        with Image.open(path) as picture:
            picture.load()
