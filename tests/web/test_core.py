"""The simulation in C++, native and as a browser has it, against that of `tellus run`."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.small_models import save_models
from tellus.config import load_config
from tellus.coupling.output.web import export_closure
from tellus.coupling.simulation.loop import Simulation
from tellus.solver import _core
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Array, Grid
from tellus.solver.stokes import StokesReport, flow_from_psi
from tellus.surrogate.closure.model import LearnedClosure, native

ROOT = Path(__file__).parents[2]
STEPS = 20
LAW = {"gamma_T": 1e7, "gamma_p": 10.0, "rayleigh": 1.0, "heating": 3.0}
NUMBERS = (
    "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms", "surface_velocity", "heat_budget",
)  # fmt: skip


def configured(nx: int, dt: float | None = None, *more: str) -> Simulation:
    """What the page's settings mean to `tellus run`; with dt every step is as long."""
    steps = [f"time.{key}={dt!r}" for key in ("dt_max", "dt_initial")] if dt else []
    return Simulation.from_config(
        load_config(
            ROOT / "examples/quickstart.toml",
            [
                *(f"grid.nx={nx}", f"grid.ny={nx // 4}", "model.rayleigh=1.0", "model.heating=3.0"),
                *("rheology.gamma_T=1e7", "rheology.gamma_p=10.0", "time.courant=1.0"),
                *("initial.kind=linear", "initial.amplitude=0.05", "initial.seed=2"),
                *("energy.advection=mp5", "energy.velocity=mid-step"),
                *("stokes.solver=refined:tol=1e-3", *steps, *more),
            ],
        )
    )


def native_twin(of: Simulation) -> "_core.Simulation":
    grid, limits = of.grid, of.stepping
    live = _core.Simulation(nx=grid.nx, ny=grid.ny, aspect=grid.aspect, tolerance=1e-3)
    live.set(**LAW, dt_max=limits.dt_max, dt_initial=limits.dt_initial)
    live.start(of.temperature)
    return live


def taken(simulation: Simulation, steps: int) -> tuple[list[int], Array]:
    """Iterations of each step, and what the last one measured."""
    iterations = []
    for _ in range(steps):
        iterations.append(simulation.flow().report.iterations)
        measured = simulation.step().diagnostics
    return iterations, np.array([getattr(measured, name) for name in NUMBERS])


def swirls(grid: Grid, size: float, phase: float) -> Array:
    x, y = np.meshgrid(np.linspace(0, 1, grid.nx + 1), np.linspace(0, 1, grid.ny + 1))
    return size * np.sin(np.pi * y) * np.sin(3 * np.pi * x) * np.cos(phase + 5 * x * y)


@pytest.mark.parametrize("bounds", [(-10.0, 10.0), (0.02, 0.9)], ids=["free", "limited"])
def test_transport_is_that_of_the_numba_kernels(bounds: tuple[float, float]) -> None:
    grid, dt, heating = Grid(24, 12, 2.0), 2e-4, 2.0
    random = np.random.default_rng(3)
    start = np.clip(random.normal(0.5, 0.4, grid.cells), 0.02, 0.9)
    psis = [swirls(grid, 30.0, phase) for phase in (0.0, 0.4, 0.2)]
    mean = (psis[0] + psis[1] + 4.0 * psis[2]) / 6.0
    flow, *stages = (flow_from_psi(psi, grid, StokesReport("given")) for psi in (mean, *psis))
    theirs = EnergyEquation(grid, heating=heating, advection="mp5").step(
        ThermalState(start), flow, dt, bounds=bounds, stages=stages
    )
    found, heat_in, heat_out = _core.transport_step(
        start, psis, mean, grid.hx, grid.hy, heating, dt, *bounds
    )
    free = bounds[1] > 1.0
    assert free == bool(np.max(found) > 0.91)  # the other bounds are met, and matter
    np.testing.assert_allclose(found, theirs.temperature, rtol=0, atol=1e-13)
    np.testing.assert_allclose([heat_in, heat_out], [theirs.heat_in, theirs.heat_out], rtol=1e-12)


@pytest.mark.parametrize("nx", [64, 100])
def test_native_simulation_is_that_of_tellus_run(nx: int) -> None:
    """Time steps of its own, a preconditioner that ages, and flows to go on from."""
    reference = configured(nx, None, "time.dt_initial=1e-5")
    live = native_twin(reference)
    iterations = []
    for _ in range(60):
        assert live.step()
        iterations.append(live.iterations)
    theirs, measured = taken(reference, 60)
    assert iterations == theirs
    assert max(iterations) > min(iterations)
    assert live.time == pytest.approx(reference.time, rel=1e-12)
    np.testing.assert_allclose(live.temperature, reference.temperature, rtol=0, atol=1e-11)
    np.testing.assert_allclose(live.measured[:4], measured[:4], rtol=1e-9)
    np.testing.assert_allclose(live.measured[5], measured[5], atol=1e-12)


def test_a_step_ends_where_it_is_asked_to() -> None:
    reference = configured(64, 1e-5)
    live = native_twin(reference)
    for until in (2.5e-6, 1.1e-5, 1.2e-5):
        while live.time < until:
            assert live.step(until)
        assert live.time == until
    reference.run(2.5e-6)
    reference.run(1.1e-5)
    reference.run(1.2e-5)
    np.testing.assert_allclose(live.temperature, reference.temperature, rtol=0, atol=1e-12)


def in_node(**asked: Any) -> dict[str, Any]:
    """What the page's module finds, run by node."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    program = [Path(__file__).with_name("prescribed.mjs"), ROOT / "web"]
    done = subprocess.run(
        ["node", *map(str, program)], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


SAME = {"start": "linear", "amplitude": 0.05, "seed": 2, "steps": STEPS, "aspect": 4.0}


def test_module_is_the_native_build() -> None:
    """Every value after 20 prescribed steps, with as many iterations in each."""
    nx, dt = 128, 5e-6
    reference = configured(nx, dt)
    live = native_twin(reference)
    found = in_node(nx=nx, ny=nx // 4, dt_max=dt, dt_initial=dt, **LAW, **SAME)
    np.testing.assert_allclose(found["start"], reference.temperature.ravel(), rtol=0, atol=1e-14)
    iterations = []
    for _ in range(STEPS):
        assert live.step()
        iterations.append(live.iterations)
    assert found["iterations"] == iterations
    assert found["time"] == pytest.approx(STEPS * dt, rel=1e-12)
    for name in ("temperature", "psi"):
        ours = getattr(live, name)
        scale = np.max(np.abs(ours))
        error = np.max(np.abs(ours.ravel() - found[name])) / scale
        assert error < 1e-10, f"{name} differs by {error:.1e}"
    measured = [found["measured"][name] for name in NUMBERS]
    np.testing.assert_allclose(measured[:5], live.measured[:5], rtol=1e-10)
    reference.run(steps=STEPS)
    np.testing.assert_allclose(
        found["temperature"], reference.temperature.ravel(), rtol=0, atol=1e-10
    )


@pytest.fixture(scope="module")
def closure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, but for last layers that say something."""
    folders = save_models(tmp_path_factory.mktemp("models"), Grid(16, 8, 2.0))
    closure = LearnedClosure.load(folders["closure"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for parameter in closure.networks.flux.local.layers[-1].parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    closure.save(folders["closure"])
    return folders["closure"]


def test_module_has_the_closure_of_tellus_run(closure: Path, tmp_path: Path) -> None:
    """In single precision, in which both evaluate it."""
    file, dt = export_closure(closure, tmp_path / "closure.safetensors"), 2e-5
    found = in_node(nx=64, ny=16, dt_max=dt, dt_initial=dt, closure=str(file), **LAW, **SAME)
    keys = 'closure.kind="learned"', f'closure.weights="{closure}"'
    reference, without = configured(64, dt, *keys), configured(64, dt)
    learned = LearnedClosure.load(closure)
    live = native_twin(without)
    live.close(native(learned.networks.flux.local, learned.flux_inputs()[:, 1:].tolist()))
    for _ in range(STEPS):
        assert live.step()
    reference.run(steps=STEPS)
    without.run(steps=STEPS)
    added = np.max(np.abs(reference.temperature - without.temperature))
    assert added > 1e-7
    for ours in (live.temperature.ravel(), np.array(found["temperature"])):
        error = np.max(np.abs(ours - reference.temperature.ravel()))
        assert error < 1e-4 * added, f"{error:.1e} of {added:.1e}"
