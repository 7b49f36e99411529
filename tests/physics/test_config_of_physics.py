"""What a configuration says about the physics: checked, built, written and read back."""

from pathlib import Path

import pytest

from tellus.config import dump, load_config, load_dataset_config
from tellus.coupling.build import boundaries_of, heating_of, rheology_of
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.solvers.names import make_solver
from tellus.errors import InputError
from tellus.solver.boundaries import (
    FLUX,
    FREE_SLIP,
    INSULATING,
    NO_SLIP,
    TEMPERATURE,
    BoundaryConditions,
    Wall,
)
from tellus.solver.energy import ExtendedBoussinesq
from tellus.solver.heating import ConstantHeating, DecayingHeating
from tellus.solver.picard import PicardSolver
from tellus.solver.rheology import (
    Arrhenius,
    Constant,
    FrankKamenetskii,
    Layered,
    Rheology,
    Viscoplastic,
)

SMALL = ("grid.nx=8", "grid.ny=8", "grid.aspect=1.0")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["boundaries.left_velocity=slippery"], 'left_velocity must be one of "free-slip"'),
        (["boundaries.top_thermal=warm"], 'top_thermal must be one of "temperature", "flux"'),
        (["boundaries.bottom_value=nan"], "boundaries.bottom_value must be a finite number"),
        (["boundaries.lid=no-slip"], "unknown key boundaries.lid"),
        (["model.heating_fractions=[1.0]"], "a number for each isotope, not 1 and 0"),
        (["model.heating_fractions=[-0.1]", "model.heating_decay=[1]"], "heating_fractions"),
        (["model.heating_decay=[-1]", "model.heating_fractions=[1]"], "heating_decay"),
        (
            ["model.dissipation_number=0.1", "model.rayleigh=0"],
            "model.dissipation_number needs model.rayleigh above zero",
        ),
        (
            ["model.core_capacity=1", "boundaries.bottom_thermal=flux"],
            'model.core_capacity needs boundaries.bottom_thermal = "temperature"',
        ),
        (
            ["rheology.kind=arrhenius"],
            'rheology.kind = "arrhenius" needs model.surface_temperature above zero',
        ),
        (
            ["rheology.kind=arrhenius", "model.surface_temperature=0.1", "boundaries.top_value=-1"],
            "boundaries.top_value = -1 lies below absolute zero, which is T = -0.1 here",
        ),
        (
            [
                "model.dissipation_number=0.1",
                "boundaries.left_thermal=temperature",
                "boundaries.left_value=-0.5",
            ],
            "boundaries.left_value = -0.5 lies below absolute zero, which is T = 0 here",
        ),
        (
            [
                "rheology.kind=arrhenius",
                "model.surface_temperature=0.1",
                "model.core_capacity=1",
                "initial.core_temperature=-0.2",
            ],
            "initial.core_temperature = -0.2 lies below absolute zero",
        ),
        (["rheology.kind=diffusion-creep"], 'one of "constant", "frank-kamenetskii", "arrhenius"'),
        (["rheology.floor=1", "rheology.ceiling=0.5"], "rheology.floor = 1 must lie below"),
        (
            ["rheology.layer_depths=[0.5]"],
            "one number more than rheology.layer_depths, not 0 for 1",
        ),
        (["rheology.layer_factors=[1, 2, 3]"], "one number more than rheology.layer_depths"),
        (
            ["rheology.layer_depths=[0.5, 0.4]", "rheology.layer_factors=[1, 2, 3]"],
            "rheology.layer_depths must increase",
        ),
        (
            ["rheology.layer_depths=[1.0]", "rheology.layer_factors=[1, 2]"],
            "rheology.layer_depths must increase from above 0 to below 1",
        ),
        (
            ["rheology.layer_depths=[0.5]", "rheology.layer_factors=[1, 0]"],
            "rheology.layer_factors must be a list of finite numbers, at least 1e-15",
        ),
        (
            ["rheology.kind=constant", "rheology.ceiling=10"],
            'rheology.ceiling bounds a viscosity that varies, and with rheology.kind = "constant"',
        ),
        (["rheology.eta_star=0.01"], "rheology.eta_star = 0.01 needs rheology.yield_stress"),
        (
            ["boundaries.left_value=0.5"],
            'boundaries.left_value = 0.5 needs boundaries.left_thermal = "temperature" or "flux"',
        ),
        (
            ["boundaries.bottom_thermal=insulating", "boundaries.bottom_value=0"],
            "boundaries.bottom_value = 0 needs boundaries.bottom_thermal",
        ),
        (["time.scheme=crank-nicolson"], 'time.scheme must be one of "explicit", "implicit"'),
        (["initial.kind=profile"], 'initial.kind = "profile" needs initial.path'),
        (["initial.path=x"], 'initial.path is only read with initial.kind = "file" or "profile"'),
        (
            ["initial.kind=profile", "initial.path=x", "initial.time=1"],
            'initial.time is only read with initial.kind = "file"',
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_in_one_sentence(overrides: list[str], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        load_config(None, overrides)
    said = str(refusal.value)
    assert sentence in said
    assert said.startswith("--set: ")
    assert "\n" not in said


def test_boundaries_are_those_of_each_wall() -> None:
    config = load_config(
        None,
        [
            "boundaries.left_velocity=no-slip",
            "boundaries.right_thermal=flux",
            "boundaries.right_value=-2.5",
            "boundaries.bottom_thermal=insulating",
            "boundaries.top_value=0.25",
            "boundaries.top_velocity=no-slip",
        ],
    )
    assert boundaries_of(config) == BoundaryConditions(
        # An insulating wall has no value, whatever the default.
        bottom=Wall(FREE_SLIP, INSULATING, 0.0),
        top=Wall(NO_SLIP, TEMPERATURE, 0.25),
        left=Wall(NO_SLIP, INSULATING, 0.0),
        right=Wall(FREE_SLIP, FLUX, -2.5),
    )


def test_defaults_and_data_sets_have_the_walls_of_the_design() -> None:
    assert boundaries_of(load_config()) == BoundaryConditions()
    assert boundaries_of(load_dataset_config()) == BoundaryConditions()


@pytest.mark.parametrize(
    ("overrides", "law"),
    [
        ([], FrankKamenetskii(1e7, 10.0)),
        (["rheology.floor=1e-6"], FrankKamenetskii(1e7, 10.0, 1e-6)),
        (["rheology.kind=constant"], Constant()),
        (
            [
                "rheology.kind=arrhenius",
                "rheology.activation_energy=5",
                "rheology.activation_volume=2",
                "model.surface_temperature=0.2",
                "rheology.ceiling=1e5",
            ],
            Arrhenius(5.0, 2.0, 0.2, None, 1e5),
        ),
        (
            ["rheology.layer_depths=[0.1, 0.3]", "rheology.layer_factors=[1, 2, 3.5]"],
            Layered(FrankKamenetskii(1e7, 10.0), (0.1, 0.3), (1.0, 2.0, 3.5)),
        ),
        (
            ["rheology.yield_stress=2", "rheology.eta_star=0", "rheology.kind=constant"],
            Viscoplastic(Constant(), 2.0, 0.0),
        ),
        (
            [
                "rheology.yield_stress=2",
                "rheology.layer_depths=[0.5]",
                "rheology.layer_factors=[1, 2]",
                "rheology.kind=constant",
            ],
            Viscoplastic(Layered(Constant(), (0.5,), (1.0, 2.0)), 2.0, 1e-3),
        ),
    ],
)
def test_rheologies_are_built_as_described(overrides: list[str], law: Rheology) -> None:
    assert rheology_of(load_config(None, overrides)) == law


def test_heating_is_constant_or_decays() -> None:
    assert heating_of(load_config(None, ["model.heating=2.5"])) == ConstantHeating(2.5)
    decaying = load_config(
        None,
        [
            "model.heating=7",
            "model.heating_fractions=[0.25, 0.75]",
            "model.heating_decay=[1, 30.5]",
        ],
    )
    assert heating_of(decaying) == DecayingHeating(7.0, (0.25, 0.75), (1.0, 30.5))


def test_a_simulation_gets_all_of_it() -> None:
    simulation = Simulation.from_config(
        load_config(
            None,
            [
                *SMALL,
                "model.rayleigh=200",
                "model.dissipation_number=0.4",
                "model.surface_temperature=0.1",
                "model.core_capacity=0.6",
                "model.heating_fractions=[1.0]",
                "model.heating_decay=[2.0]",
                "time.scheme=implicit",
                "boundaries.bottom_value=1.25",
                "boundaries.top_velocity=no-slip",
                "rheology.yield_stress=2",
                "stokes.solver=direct",
                "stokes.picard_tolerance=1e-3",
                "stokes.picard_limit=7",
            ],
        )
    )
    energy = simulation.energy
    assert energy.extended == ExtendedBoussinesq(0.4, 0.1, 200.0)
    assert (energy.scheme, energy.core_capacity) == ("implicit", 0.6)
    assert energy.heating == DecayingHeating(3.0, (1.0,), (2.0,))
    assert simulation.state.bottom_temperature == 1.25
    assert simulation.problem.boundaries.no_slip == (False, False, False, True)
    assert isinstance(simulation.solver, PicardSolver)
    assert (simulation.solver.settings.tolerance, simulation.solver.settings.limit) == (1e-3, 7)


def test_all_of_it_survives_the_file_that_a_run_leaves(tmp_path: Path) -> None:
    config = load_config(
        None,
        [
            "boundaries.left_thermal=flux",
            "boundaries.left_value=-0.5",
            "model.heating_fractions=[0.5, 0.5]",
            "model.heating_decay=[1, 2]",
            "rheology.layer_depths=[0.5]",
            "rheology.layer_factors=[1, 2]",
            "rheology.yield_stress=1",
            "time.steady_tolerance=1e-3",
            'output.derived=["stress", "pressure"]',
        ],
    )
    (tmp_path / "config.toml").write_text(dump(config))
    assert load_config(tmp_path / "config.toml") == config


def test_the_shipped_surrogate_refuses_a_law_it_never_saw() -> None:
    simulation = Simulation.from_config(load_config(None, ["rheology.yield_stress=1.0"]))
    with pytest.raises(InputError, match="the surrogate was trained for"):
        make_solver("surrogate", simulation.grid).check(simulation.problem)
