"""Public calls refuse arguments that make no sense: one sentence with the argument's name."""

from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np
import pytest

import tellus
from helpers.physics_cases import assert_same_arrays, unheated
from tellus.coupling.simulation.steady import SteadyWatch
from tellus.coupling.simulation.stepping import Stepping
from tellus.errors import InputError
from tellus.solver.boundaries import FLUX, BoundaryConditions, Wall
from tellus.solver.energy import EnergyEquation, ExtendedBoussinesq, ThermalState
from tellus.solver.heating import ConstantHeating, DecayingHeating
from tellus.solver.initial import linear, mode_perturbation, random_perturbation
from tellus.solver.limits import COUNT, Choice, Limits
from tellus.solver.picard import PicardSettings
from tellus.solver.rheology import Arrhenius, Constant, FrankKamenetskii, Layered, Viscoplastic
from tellus.solver.stokes import StokesReport, flow_from_psi, velocity
from tellus.solver.transport.regridding import regridded
from tellus.surrogate.multi_scale.settings import MultiScaleSettings
from tellus.surrogate.network_settings import NetworkSettings
from tellus.surrogate.two_level.settings import LossSettings, TrainingSettings

GRID = tellus.Grid(16, 8, 2.0)
T = np.ones(GRID.cells)
LAW = Constant()
REST = flow_from_psi(np.zeros(GRID.nodes), GRID, StokesReport("none"))
NO_NUMBER: tuple[Any, ...] = (nan, "1", None, True)


def started(temperature: Any, **more: Any) -> tellus.Simulation:
    return tellus.Simulation(GRID, LAW, tellus.make_solver("direct", GRID), temperature, **more)


def simulation(**more: Any) -> tellus.Simulation:
    return started(T, **more)


def stepped() -> tellus.Simulation:
    one = simulation()
    one.step(until=1e-7)
    return one


NONSENSE: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "nx": (lambda v: tellus.Grid(v, 8), (3, 8.0, -8, *NO_NUMBER)),
    "ny": (lambda v: tellus.Grid(8, v), (0, inf, *NO_NUMBER)),
    "aspect": (lambda v: tellus.Grid(8, 8, v), (0, -1.0, inf, *NO_NUMBER)),
    "factor": (GRID.coarsened, (0, -2, 2.0, *NO_NUMBER)),
    "value": (Constant, (0.0, -1.0, inf, *NO_NUMBER)),
    "gamma_T": (FrankKamenetskii, (0.5, -1.0, inf, *NO_NUMBER)),
    "gamma_p": (lambda v: FrankKamenetskii(10.0, v), (0.0, *NO_NUMBER)),
    "floor": (lambda v: FrankKamenetskii(10.0, 1.0, v), (0.0, -1.0, nan, "1")),
    "ceiling": (lambda v: FrankKamenetskii(10.0, 1.0, 1e-3, v), (1e-3, 1e-4)),
    "activation_energy": (Arrhenius, (-1.0, *NO_NUMBER)),
    "activation_volume": (lambda v: Arrhenius(1.0, v), (-1.0, *NO_NUMBER)),
    "surface_temperature": (lambda v: Arrhenius(1.0, 0.0, v), (0.0, -0.1, *NO_NUMBER)),
    "depths": (lambda v: Layered(LAW, v, (1.0, 2.0)), ((0.0,), (1.0,), (nan,), ())),
    "factors": (lambda v: Layered(LAW, (0.5,), v), ((1.0, 0.0), (1.0, nan), (1.0, "2"))),
    "yield_stress": (lambda v: Viscoplastic(LAW, v), (0.0, -1.0, *NO_NUMBER)),
    "eta_star": (lambda v: Viscoplastic(LAW, 1.0, v), (-1.0, *NO_NUMBER)),
    "velocity": (lambda v: Wall(velocity=v), ("freeslip", "temperature", None, 1)),
    "thermal": (lambda v: Wall(thermal=v), ("Temperature", "free-slip", None)),
    "Wall: value": (lambda v: Wall(value=v), (inf, *NO_NUMBER)),
    "rate": (ConstantHeating, (inf, *NO_NUMBER)),
    "fractions": (lambda v: DecayingHeating(1.0, (v,), (1.0,)), (-1.0, *NO_NUMBER)),
    "decay_constants": (lambda v: DecayingHeating(1.0, (1.0,), v), ((-1.0,), (nan,), ())),
    "age": (lambda v: DecayingHeating(1.0, (1.0,), (1.0,), v), (-1.0, inf, *NO_NUMBER)),
    "scheme": (lambda v: EnergyEquation(GRID, scheme=v), ("euler", None, 2)),
    "core_capacity": (lambda v: EnergyEquation(GRID, core_capacity=v), (0.0, -1.0, nan)),
    "core_capacity needs": (
        lambda v: EnergyEquation(GRID, BoundaryConditions(bottom=v), core_capacity=1.0),
        (Wall(thermal=FLUX, value=1.0),),
    ),
    "dissipation_number": (lambda v: ExtendedBoussinesq(v, 0.1, 1e4), (-1.0, *NO_NUMBER)),
    "ExtendedBoussinesq: rayleigh": (lambda v: ExtendedBoussinesq(0.1, 0.1, v), (0.0, *NO_NUMBER)),
    "dt": (lambda v: EnergyEquation(GRID).step(ThermalState(T), REST, v), (0.0, -1e-3, *NO_NUMBER)),
    "step: time": (
        lambda v: EnergyEquation(GRID).step(ThermalState(T), REST, 1e-4, v),
        (inf, *NO_NUMBER),
    ),
    "courant": (lambda v: Stepping(courant=v), (0.0, -0.5, inf, *NO_NUMBER)),
    "dt_max": (lambda v: Stepping(dt_max=v), (0.0, -1.0, *NO_NUMBER)),
    "dt_initial": (lambda v: Stepping(dt_initial=v), (0.0, inf, *NO_NUMBER)),
    "dt_min": (lambda v: Stepping(dt_min=v), (0.0, *NO_NUMBER)),
    "growth": (lambda v: Stepping(growth=v), (0.5, -1.0, *NO_NUMBER)),
    "bounds_tolerance": (lambda v: Stepping(bounds_tolerance=v), (-1.0, *NO_NUMBER)),
    "tolerance": (lambda v: SteadyWatch(v, 1.0), (0.0, -1.0, *NO_NUMBER)),
    "window": (lambda v: SteadyWatch(1e-3, v), (0.0, *NO_NUMBER)),
    "PicardSettings: tolerance": (lambda v: PicardSettings(v), (0.0, *NO_NUMBER)),
    "limit": (lambda v: PicardSettings(1e-3, v), (0, 2.5, *NO_NUMBER)),
    "thickness": (lambda v: linear(GRID, 0.5, v), (0.0, 0.6, *NO_NUMBER)),
    "interior": (lambda v: linear(GRID, v), (inf, *NO_NUMBER)),
    "mode": (lambda v: mode_perturbation(GRID, v), (16, -1, 1.5, *NO_NUMBER)),
    "seed": (lambda v: random_perturbation(GRID, v), (-1, 0.5, *NO_NUMBER)),
    "regridded: temperature": (lambda v: regridded(v, GRID, GRID), (T[:-1], T[0])),
    "StokesProblem: temperature": (
        lambda v: tellus.StokesProblem(GRID, v, LAW),
        (T.T, T[0], None, 1.0),
    ),
    "rayleigh": (lambda v: tellus.StokesProblem(GRID, T, LAW, v), (inf, *NO_NUMBER)),
    "StokesProblem: time": (
        lambda v: tellus.StokesProblem(GRID, T, LAW, time=v),
        (inf, *NO_NUMBER),
    ),
    "psi": (lambda v: flow_from_psi(v, GRID, StokesReport("x")), (T, np.zeros(5), None)),
    "Simulation: rayleigh": (lambda v: simulation(rayleigh=v), (-1.0, inf, *NO_NUMBER)),
    "heating": (lambda v: simulation(heating=v), (inf, *NO_NUMBER)),
    "Simulation: time": (lambda v: simulation(time=v), (inf, *NO_NUMBER)),
    "core_temperature": (lambda v: simulation(core_temperature=v), (inf, nan, "1")),
    "solver": (lambda v: tellus.Simulation(GRID, LAW, v, T), ("direct", None)),
    "temperature has shape (16, 8), the grid (8, 16)": (started, (T.T,)),
    "NaN or infinity": (started, (nan * T, inf * T)),
    "Simulation.step: until": (
        lambda v: stepped().step(until=v),
        (0.0, 1e-7, -1.0, -inf, *NO_NUMBER),
    ),
    "epochs": (lambda v: TrainingSettings(epochs=v), (0, -1, 2.5, *NO_NUMBER)),
    "batch_size": (lambda v: TrainingSettings(batch_size=v), (0, *NO_NUMBER)),
    "learning_rate": (lambda v: MultiScaleSettings(learning_rate=v), (0.0, inf, *NO_NUMBER)),
    "schedule": (lambda v: TrainingSettings(schedule=v), ("linear", None)),
    "precision": (lambda v: TrainingSettings(precision=v), ("float16", None)),
    "averaging": (lambda v: TrainingSettings(averaging=v), (-0.1, 1.5, *NO_NUMBER)),
    "TrainingSettings: seed": (lambda v: TrainingSettings(seed=v), (-1, 0.5, *NO_NUMBER)),
    "time_limit": (lambda v: TrainingSettings(time_limit=v), (0.0, -1.0, nan)),
    "widths": (lambda v: NetworkSettings(widths=v), ((0,), (8, 2.5))),
    "gradient": (lambda v: LossSettings(gradient=v), (-1.0, *NO_NUMBER)),
    "grid must be": (lambda v: tellus.make_solver("direct", v), ((16, 8), None, "16x8")),
    "name must be": (lambda v: tellus.make_solver(v, GRID), (None, 3)),
    "not from": (lambda v: tellus.load_config(v), (3, ["a.toml"])),
    "overrides": (lambda v: tellus.load_config(None, v), ("time.end=1",)),
    "load_config": (
        lambda v: tellus.Simulation.from_config(v),
        ("examples/quickstart.toml", None, {"grid": {}}),
    ),
    "from_config: solver": (
        lambda v: tellus.Simulation.from_config(tellus.load_config(), solver=v),
        ("direct", 3),
    ),
    "run: solver": (
        lambda v: tellus.run(tellus.load_config(), "nowhere", solver=v),
        ("direct", 3),
    ),
    "tellus.run: out": (lambda v: tellus.run(tellus.load_config(), v), ("", None, 3)),
    "tellus.open_run: path": (tellus.open_run, ("", None, 3)),
    "observers": (lambda v: simulation().run(steps=1, observers=[v]), (3, "info", None)),
    "from_config: temperature": (
        lambda v: tellus.Simulation.from_config(tellus.load_config(), temperature=v),
        ("hot", [[1.0]], {}),
    ),
    "tellus.load_config": (lambda v: tellus.run(v, "nowhere"), ("quickstart.toml", None)),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_by_name(name: str) -> None:
    call, values = NONSENSE[name]
    for value in values:
        with pytest.raises(InputError) as refusal:
            call(value)
        said = str(refusal.value)
        assert name.rpartition(": ")[2] in said, said
        assert said.endswith(".")
        assert "\n" not in said


def test_a_refused_step_leaves_everything_as_it_was() -> None:
    one = simulation()
    record = one.step(until=1e-7)
    before = one.snapshot()
    with pytest.raises(InputError):
        one.step(until=record.time)
    assert_same_arrays(one.snapshot(), before)
    assert one.step(until=2e-7).time == 2e-7


def test_what_makes_sense_is_taken() -> None:
    tellus.Grid(np.int64(8), 8, np.float32(2))
    Stepping(dt_max=inf, bounds_tolerance=inf)
    mode_perturbation(GRID, 15)
    simulation(heating=DecayingHeating(1.0, (1.0,), (0.0,)), core_capacity=0.5, time=0.3)
    assert velocity(np.zeros(GRID.nodes), GRID)[0].shape == GRID.u_faces
    tellus.Simulation.from_config(unheated())


def test_limits_say_what_they_allow() -> None:
    assert str(COUNT) == "a whole number, at least 1"
    assert str(Limits(above=0.0, most=0.5)) == "a finite number, above 0 and at most 0.5"
    assert str(Limits(infinite=True)) == "a number"
    assert str(Choice(("a", "b"))) == 'one of "a", "b"'
    assert not COUNT.allow(10**400)
