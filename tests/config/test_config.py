"""Configurations: defaults, files, overrides, and what each complaint says."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from tellus.cli.run import overrides
from tellus.config import (
    PRESETS,
    TRAININGS,
    Config,
    DatasetConfig,
    check_resumable,
    dump,
    load_config,
    load_dataset_config,
    load_stored_config,
    load_training_config,
    stored_config,
)
from tellus.config.fields import rows
from tellus.coupling.build import simulation_of
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError
from tellus.surrogate.two_level.settings import TrainingSettings

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_field_is_documented_and_no_number_without_bounds() -> None:
    """A number that nothing bounds overflows somewhere; a lower bound of 0 may be open."""
    for model in (Config, DatasetConfig, *TRAININGS.values()):
        for row in rows(model):
            assert all(row), row.key
            if row.type in ("integer", "number"):
                assert "<" in row.range, row.key
                assert ">" in row.range, row.key


def test_overrides_are_toml_or_bare_strings(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text("[time]\nend = 0.2\nmax_steps = 7\n[grid]\nnx = 32\n")
    config = load_config(file, ["grid.nx=64", "time.end=1", "stokes.solver=skip:10"])
    assert config.grid.nx == 64
    assert config.time.end == 1.0
    assert isinstance(config.time.end, float)
    assert config.time.max_steps == 7
    assert config.stokes.solver == "skip:10"
    assert load_config(file, ["time.max_steps=none"]).time.max_steps is None
    assert load_config(file, ["grid.nx=none"]).grid.nx == 256


def test_dump_is_complete_and_comes_back(tmp_path: Path) -> None:
    settings = [
        "time.max_steps=5",
        "time.steady_tolerance=1e-3",
        "initial.seed=3",
        "boundaries.left_thermal=flux",
        "boundaries.left_value=-0.5",
        "model.heating_fractions=[0.5, 0.5]",
        "model.heating_decay=[1, 2]",
        "rheology.floor=1e-12",
        "rheology.layer_depths=[0.5]",
        "rheology.layer_factors=[1, 2]",
        "rheology.yield_stress=1",
        'output.derived=["stress", "pressure"]',
    ]
    config = load_config(None, settings)
    file = tmp_path / "config.toml"
    file.write_text(dump(config))
    assert load_config(file) == config
    written = tomllib.loads(file.read_text())
    assert written["grid"] == {"nx": 256, "ny": 64, "aspect": 4.0}
    assert "ceiling" not in written["rheology"]


REFUSED = [
    ("grid.nz=3", "--set: unknown key grid.nz (the nearest is grid.ny)."),
    ("gird.nx=3", "--set: unknown section gird (the nearest is grid)."),
    ("rheology.gamma_t=1e8", "unknown key rheology.gamma_t (the nearest is rheology.gamma_T)"),
    ("grid.rayleigh=1", "unknown key grid.rayleigh (the nearest is model.rayleigh)"),
    ("grid.nx=3", "grid.nx must be an integer, at least 4 and at most 16384, not 3."),
    ("grid.nx=64.0", "grid.nx must be an integer, at least 4 and at most 16384, not 64.0."),
    ("grid.nx=true", "grid.nx must be an integer, at least 4 and at most 16384, not true."),
    ("time.end='1'", 'time.end must be a finite number, above 0 and at most 1e+06, not "1".'),
    ("time.end=inf", "time.end must be a finite number, above 0 and at most 1e+06, not inf."),
    ("time.end=true", "time.end must be a finite number, above 0 and at most 1e+06, not true."),
    (
        "initial.kind=warm",
        '"hot", "cold", "linear", "conductive", "profile", "predicted", "file", not "warm".',
    ),
    ("initial.kind=file", 'initial.kind = "file" needs initial.path'),
    ("time.dt_initial=1e-3", "time.dt_initial = 0.001 must not exceed time.dt_max = 0.0001"),
    ("time.dt_min=1e-7", "time.dt_min = 1e-07 must lie below time.dt_initial = 1e-07"),
    ("output.every=1e-9", "output.every = 1e-09 would write 1e+08 outputs"),
    ("stokes.solver=10", "stokes.solver must be a string, not 10."),
    ("stokes.solver=", 'stokes.solver must be name[:argument]..., such as "direct"'),
    ("nx=3", '--set takes section.key=value, such as time.end=0.2, not "nx=3".'),
    ("grid.nx", '--set takes section.key=value, such as time.end=0.2, not "grid.nx".'),
    ("grid=3", '--set takes section.key=value, such as time.end=0.2, not "grid=3".'),
    ("boundaries.left_velocity=slippery", 'left_velocity must be one of "free-slip"'),
    ("boundaries.top_thermal=warm", 'top_thermal must be one of "temperature", "flux"'),
    ("boundaries.bottom_value=nan", "boundaries.bottom_value must be a finite number"),
    ("boundaries.lid=no-slip", "unknown key boundaries.lid"),
    ("model.heating_fractions=[1.0]", "a number for each isotope, not 1 and 0"),
    ("model.heating_fractions=[-0.1] model.heating_decay=[1]", "heating_fractions"),
    ("model.heating_decay=[-1] model.heating_fractions=[1]", "heating_decay"),
    (
        "model.dissipation_number=0.1 model.rayleigh=0",
        "model.dissipation_number needs model.rayleigh above zero",
    ),
    (
        "model.core_capacity=1 boundaries.bottom_thermal=flux",
        'model.core_capacity needs boundaries.bottom_thermal = "temperature"',
    ),
    (
        "rheology.kind=arrhenius",
        'rheology.kind = "arrhenius" needs model.surface_temperature above zero',
    ),
    (
        "rheology.kind=arrhenius model.surface_temperature=0.1 boundaries.top_value=-1",
        "boundaries.top_value = -1 lies below absolute zero, which is T = -0.1 here",
    ),
    (
        "model.dissipation_number=0.1 boundaries.left_thermal=temperature "
        "boundaries.left_value=-0.5",
        "boundaries.left_value = -0.5 lies below absolute zero, which is T = 0 here",
    ),
    (
        "rheology.kind=arrhenius model.surface_temperature=0.1 model.core_capacity=1 "
        "initial.core_temperature=-0.2",
        "initial.core_temperature = -0.2 lies below absolute zero",
    ),
    ("rheology.kind=diffusion-creep", 'one of "constant", "frank-kamenetskii", "arrhenius"'),
    ("rheology.layer_depths=[0.5]", "one number more than rheology.layer_depths, not 0 for 1"),
    ("rheology.layer_factors=[1,2,3]", "one number more than rheology.layer_depths"),
    (
        "rheology.layer_depths=[0.5,0.4] rheology.layer_factors=[1,2,3]",
        "rheology.layer_depths must increase",
    ),
    (
        "rheology.layer_depths=[1.0] rheology.layer_factors=[1,2]",
        "rheology.layer_depths must increase from above 0 to below 1",
    ),
    (
        "rheology.layer_depths=[0.5] rheology.layer_factors=[1,0]",
        "rheology.layer_factors must be a list of finite numbers, at least 1e-15",
    ),
    (
        "rheology.kind=constant rheology.ceiling=10",
        'rheology.ceiling bounds a viscosity that varies, and with rheology.kind = "constant"',
    ),
    ("rheology.eta_star=0.01", "rheology.eta_star = 0.01 needs rheology.yield_stress"),
    (
        "boundaries.left_value=0.5",
        'boundaries.left_value = 0.5 needs boundaries.left_thermal = "temperature" or "flux"',
    ),
    (
        "boundaries.bottom_thermal=insulating boundaries.bottom_value=0",
        "boundaries.bottom_value = 0 needs boundaries.bottom_thermal",
    ),
    ("time.scheme=crank-nicolson", 'time.scheme must be one of "explicit", "implicit"'),
    ("initial.kind=profile", 'initial.kind = "profile" needs initial.path'),
    ("initial.path=x", 'initial.path is only read with initial.kind = "file" or "profile"'),
    (
        "initial.kind=profile initial.path=x initial.time=1",
        'initial.time is only read with initial.kind = "file"',
    ),
    (
        "grid.nx=16 grid.ny=8 initial.perturbation=mode initial.mode=16",
        "initial.mode = 16 half waves need",
    ),
    ("grid.nx=16 grid.ny=8 initial.mode=2", 'only read with initial.perturbation = "mode"'),
    ("initial.interior=0.5", 'only read with initial.kind = "linear"'),
    ("initial.thickness=0.1", 'only read with initial.kind = "linear"'),
    ("output.every=1e-12 time.max_steps=2", "output.every = 1e-12 would write"),
    ("time.courant=1.25 energy.advection=van-leer", "time.courant = 1.25 is too much for"),
    ("grid.nx=8\n[time]\nend=3", "grid.nx must be an integer"),
    (
        "rheology.floor=2 rheology.ceiling=1",
        "rheology.floor = 2 must lie below rheology.ceiling = 1",
    ),
    ("rheology.kind=laws:Mine", "FILE.py:CLASS"),
    (
        "rheology.kind=laws.py:Mine rheology.floor=1e-3",
        "rheology.floor is not read by a law of one's own",
    ),
    ("model.heating_law=Pulse", "model.heating_law must be FILE.py:CLASS"),
    ("closure.kind=mine.py", "FILE.py:CLASS"),
    (
        "initial.core_temperature=0.5",
        "core_temperature is that of a cooling core: it needs model.core_capacity",
    ),
    (
        "initial.heating_age=0.5",
        "heating_age is that of decaying sources: it needs model.heating_fractions",
    ),
    (
        'output.derived=["vorticity"]',
        'output.derived must be a list of "pressure" ... "strain_rate" ... vorticity',
    ),
]
FILTERED = "dataset.kind=filtered grid.nx=32 grid.ny=16"
REFUSED_DATA = [
    ("dataset.heating=[3,1]", "dataset.heating = [3, 1] must be [low, high]"),
    ("dataset.heating=[3]", "dataset.heating must be two finite numbers"),
    ("dataset.log10_gamma_T=[6,90]", "dataset.log10_gamma_T must be two finite numbers"),
    ("dataset.end_times=[1,0.1]", "end_times = [1, 0.1] must be [low, high]"),
    ("dataset.end_times=[0,1]", "end_times must be two finite numbers"),
    ("dataset.end_times=0.1", "end_times must be two finite numbers"),
    ("dataset.train=3", "no room for the 8 corners"),
    ("dataset.snapshot_every=3000", "must not exceed dataset.max_steps"),
    ("dataset.max_snapshots=22", "no room for the 21 early snapshots and 2 later ones"),
    ("dataset.max_snapshots=2", "max_snapshots must be an integer, at least 3"),
    ("dataset.max_snapshot=30", "max_snapshot"),
    ("initial.kind=file", "initial.kind must be one of"),
    ("grid.nx=16 grid.ny=8 initial.perturbation=mode initial.mode=16", "initial.mode"),
    ("grid.nx=16 grid.ny=8 initial.mode=2", "initial.mode"),
    (f"{FILTERED} windows.factor=3", "windows.factor = 3 must divide grid.nx = 32"),
    (f"{FILTERED} windows.factor=16", "windows.factor = 16 makes 2x1 cells"),
    (f"{FILTERED} windows.spin_up_factor=64", "windows.spin_up_factor = 64 must divide"),
    (f"{FILTERED} windows.spin_up_factor=8", "windows.spin_up_factor = 8 makes 4x2 cells"),
    (
        f"{FILTERED} windows.spin_up_solver=Direct!",
        "windows.spin_up_solver must be name[:argument]",
    ),
    (f"{FILTERED} energy.advection=van-leer", 'it needs energy.advection = "mp5"'),
]


def refusal(load: Callable[[None, list[str]], object], settings: str) -> str:
    """The sentence that settings, with a blank between them, are refused with."""
    with pytest.raises(InputError) as refused:
        load(None, settings.split(" "))
    said = str(refused.value)
    assert said.startswith("--set")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(("settings", "said"), REFUSED)
def test_complaints(settings: str, said: str) -> None:
    sentence = refusal(load_config, settings)
    assert all(part in sentence for part in said.split(" ... ")), sentence


@pytest.mark.parametrize(("settings", "said"), REFUSED_DATA)
def test_complaints_about_data_sets(settings: str, said: str) -> None:
    assert said in refusal(load_dataset_config, settings)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nx = 3\n", "unknown key nx (the nearest is grid.nx)"),
        (b"grid = 3\n", "grid must be a section, [grid], not 3"),
        (b"[grid\n", "is not valid TOML"),
        (b"[grid]\nnx = 8\nnx = 9\n", "is not valid TOML"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"x = " + b"[" * 100_000, "is not valid TOML"),
    ],
)
def test_complaints_about_a_file_name_it(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "case.toml"
    file.write_bytes(content)
    with pytest.raises(InputError) as failure:
        load_config(file)
    assert str(failure.value).startswith(str(file))
    assert sentence in str(failure.value)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: name a TOML file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is no configuration: name a TOML file"):
        load_config(tmp_path)


def test_an_error_in_the_file_is_not_blamed_on_set(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text("[grid]\nnx = 1\n")
    with pytest.raises(InputError, match=f"^{file}: grid.nx"):
        load_config(file, ["time.end=1"])


def test_configurations_are_frozen_and_strict_from_python() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.grid.nx = 8  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Config.model_validate({"grid": {"nx": "64"}})


def test_a_resumed_run_keeps_its_physics() -> None:
    stored = load_config()
    check_resumable(stored, load_config(None, ["time.end=1", "stokes.solver=skip:2"]))
    physics = ("model.core_capacity=0.5", "boundaries.top_value=0.5", "rheology.yield_stress=1")
    others = ("grid.nx=64", "model.heating=1", "rheology.gamma_T=1e6", "initial.seed=1")
    for change in (*physics, *others):
        with pytest.raises(InputError, match=change.partition("=")[0]):
            check_resumable(stored, load_config(None, [change]))


def test_stored_configurations_mean_what_they_meant(tmp_path: Path) -> None:
    """Runs and data sets from before a choice of schemes; what a file does say stands."""
    file = tmp_path / "config.toml"
    for text, advection, velocity in (
        ("", "van-leer", "held"),
        ('[energy]\nvelocity = "mid-step"\n', "van-leer", "mid-step"),
        ('[energy]\nadvection = "mp5"\nvelocity = "mid-step"\n', "mp5", "mid-step"),
    ):
        file.write_text(text)
        for config in (
            load_stored_config(Config, file),
            load_stored_config(DatasetConfig, file),
            stored_config(DatasetConfig, tomllib.loads(text)),
        ):
            assert (config.energy.advection, config.energy.velocity) == (advection, velocity)
    assert load_stored_config(Config, file, ["energy.velocity=held"]).energy.velocity == "held"
    file.write_text("energy = 3\n")
    with pytest.raises(InputError, match=r"energy must be a section, \[energy\], not 3"):
        load_stored_config(Config, file)


def test_a_simulation_of_a_data_set() -> None:
    config = load_dataset_config(None, ["dataset.max_steps=50", "grid.nx=32", "time.end=0.2"])
    run = simulation_of(config, gamma_T=1e6, gamma_p=2.0, heating=4.0, seed=9)
    assert (run.grid.nx, run.time.max_steps, run.time.end) == (32, 50, 0.2)
    assert (run.rheology.gamma_T, run.rheology.gamma_p, run.model.heating) == (1e6, 2.0, 4.0)
    assert run.initial.seed == 9


def test_training_configuration_mirrors_the_settings() -> None:
    assert load_training_config().settings() == TrainingSettings()
    config = load_training_config(None, ["network.widths=[8, 8]", "training.epochs=3"])
    settings = config.settings()
    assert settings.network.widths == (8, 8)
    assert settings.epochs == 3
    with pytest.raises(InputError, match=r"network\.widths must be a list of one or more integers"):
        load_training_config(None, ["network.widths=[]"])


def test_what_a_grid_or_a_clock_can_just_hold() -> None:
    small = ["grid.nx=16", "grid.ny=8"]
    load_config(None, [*small, "initial.perturbation=mode", "initial.mode=15"])
    # A start from a file reads no perturbation.
    load_config(None, [*small, "initial.kind=file", "initial.path=run", "initial.mode=99"])
    # Few steps need not be many outputs.
    load_config(None, ["output.every=1e-9", "time.max_steps=3"])


def test_layers_that_a_grid_does_not_see_are_named() -> None:
    def lost(depths: str) -> list[str]:
        layers = [f"rheology.layer_depths={depths}", "rheology.layer_factors=[1.0, 2.0, 3.0]"]
        config, said = load_config(None, ["grid.nx=16", "grid.ny=8", *layers]), list[str]()
        Simulation.from_config(config, warn=said.append)
        return [sentence for sentence in said if "that layer is missing" in sentence]

    assert lost("[0.5, 0.57]") == []
    (said,) = lost("[0.5, 0.51]")
    assert "no cell of grid.ny = 8 has its centre between depths 0.5 and 0.51" in said
    assert len(lost("[0.01, 0.02]")) == 2


def test_a_preset_is_written_over_the_file_and_under_other_settings(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text('[energy]\nadvection = "van-leer"\n[time]\ncourant = 0.25\n')
    for name in PRESETS:
        config = load_config(file, overrides(name, "skip:3", None, ["time.courant=0.125"]))
        assert (config.energy.advection, config.energy.velocity) == ("mp5", "mid-step")
        assert (config.time.courant, config.stokes.solver) == (0.125, "skip:3")
        assert load_config(file, PRESETS[name]).stokes.solver != "skip:3"


def test_a_preset_that_there_is_not() -> None:
    with pytest.raises(InputError, match='--preset takes fast or exact, not "slow"'):
        overrides("slow", None, None, [])
