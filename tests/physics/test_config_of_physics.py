"""What a configuration says about the physics: checked, built, written and read back."""

import pytest

from tellus.config import load_config, load_dataset_config
from tellus.coupling.build import boundaries_of, heating_of, rheology_of
from tellus.coupling.simulation.arguments import stepping_of
from tellus.coupling.simulation.loop import Simulation
from tellus.coupling.simulation.stepping import Stepping
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
    # Those of the design.
    assert boundaries_of(load_config()) == BoundaryConditions()
    assert boundaries_of(load_dataset_config()) == BoundaryConditions()


def test_time_steps_have_the_defaults_of_a_simulation_from_python() -> None:
    """Written down twice: a configuration knows nothing of the time loop."""
    assert stepping_of(load_config()) == Stepping()


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


def test_the_shipped_surrogate_refuses_a_law_it_never_saw() -> None:
    simulation = Simulation.from_config(load_config(None, ["rheology.yield_stress=1.0"]))
    with pytest.raises(InputError, match="the surrogate was trained for"):
        make_solver("surrogate", simulation.grid).check(simulation.problem)
