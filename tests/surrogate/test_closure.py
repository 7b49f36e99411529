"""A learned closure: what it may do at all, what it learns from, and what a run makes of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from helpers.cards import edit_card
from helpers.numerics import rough_field
from helpers.physics_cases import assert_heat_is_kept, unheated
from helpers.rollouts import complaint, files, summary, tellus, write_case
from helpers.small_filtered import familiar_everywhere
from helpers.small_models import epochs_of
from tellus.config import load_config
from tellus.coupling.output.web import export_closure
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError
from tellus.solver._core import LocalNetwork
from tellus.solver.boundaries import BoundaryConditions, Wall
from tellus.solver.closure import Homogenised, homogenised
from tellus.solver.coarse_means import coarse_means
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array, Grid
from tellus.solver.rheology import Constant, FrankKamenetskii, Viscoplastic
from tellus.solver.stokes import StokesProblem
from tellus.solver.transport.means import Fluxes
from tellus.surrogate.closure.data import load_part
from tellus.surrogate.closure.distance import Distance
from tellus.surrogate.closure.evaluate import evaluate_closure
from tellus.surrogate.closure.features import FLOW, STATE, Seen
from tellus.surrogate.closure.model import LearnedClosure, native
from tellus.surrogate.closure.momentum import flow_errors, own_flow, richardson, row_errors
from tellus.surrogate.closure.network import ClosureNetworks
from tellus.surrogate.closure.settings import ClosureNetworkSettings, ClosureSettings
from tellus.surrogate.closure.unrolled import errors, followed, unrolled
from tellus.surrogate.data import Dataset
from tellus.surrogate.networks import seeded
from tellus.surrogate.training.train import train

EXAMPLES = Path(__file__).parents[2] / "examples"
GRID = Grid(21, 9, 21 / 9)
ENDS = 1.0, 0.0
SETTINGS = ClosureSettings(
    network=ClosureNetworkSettings(width=8, depth=1),
    steps=2,
    coarsenings=(1, 2),
    epochs=12,
    batch_size=8,
    learning_rate=1e-2,
    averaging=0.0,
)


@pytest.fixture(scope="module")
def trained(filtered_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("closure") / "model"
    train(SETTINGS, filtered_dataset, out, report=len)
    return familiar_everywhere(out)


def networks(width: int = 12, depth: int = 2) -> ClosureNetworks:
    """With last layers that say something."""
    made = seeded(ClosureNetworks, ClosureNetworkSettings(width=width, depth=depth), True)
    assert made.viscosity is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for network in (made.flux, made.detail, made.viscosity):
            for parameter in network.local.layers[-1].parameters():
                torch.nn.init.normal_(parameter, std=0.2)
    return made


class State:
    """A rough state, or its mirror image."""

    def __init__(self, mirrored: bool = False) -> None:
        random = np.random.default_rng(4)
        self.temperature = rough_field(GRID)
        self.logs = 6.0 * random.normal(size=GRID.cells)
        self.u, self.v = (random.normal(scale=200.0, size=s) for s in (GRID.u_faces, GRID.v_faces))
        if mirrored:
            fields = (self.temperature, self.logs, -self.u, self.v)
            flipped = [np.ascontiguousarray(field[:, ::-1]) for field in fields]
            self.temperature, self.logs, self.u, self.v = flipped

    def asked(self, kernel: LocalNetwork, found: Fluxes) -> int:
        """Puts the fluxes into what is given; the number of cells it says nothing of."""
        flow = self.u, self.v, GRID.hx, GRID.hy
        return kernel.fluxes(self.temperature, self.logs, ENDS, *flow, *found)

    def fluxes(self, made: ClosureNetworks) -> Fluxes:
        found = Fluxes.zero(GRID)
        self.asked(native(made.flux.local), found)
        return found

    def within(self, made: ClosureNetworks) -> Array:
        found = np.empty(GRID.finer(2).cells)
        native(made.detail.local).details(self.temperature, self.logs, ENDS, found)
        return found

    def correction(self, made: ClosureNetworks) -> Array:
        assert made.viscosity is not None
        found = np.empty((2, *GRID.cells), dtype=np.float32)
        native(made.viscosity.local).viscosities(self.temperature, self.logs, ENDS, found)
        return found


def single(values: Array) -> torch.Tensor:
    return torch.from_numpy(values).float()[None]


@pytest.mark.parametrize(("width", "depth"), [(3, 1), (8, 2), (12, 1), (16, 2), (25, 3)])
def test_the_kernel_is_the_network(width: int, depth: int) -> None:
    made, state = networks(width, depth), State()
    seen = Seen(single(state.temperature), single(state.logs))
    with torch.inference_mode():
        along_x, along_y = made.flux(seen, (single(state.u), single(state.v)), GRID)
        within = made.detail(seen)
        assert made.viscosity is not None
        correction = made.viscosity.correction(seen)[0].numpy()
    found = state.fluxes(made)
    scale = float(along_y.abs().max())
    assert scale > 1.0
    np.testing.assert_allclose(found.along_x, along_x[0].numpy(), atol=3e-6 * scale)
    np.testing.assert_allclose(found.along_y, along_y[0].numpy(), atol=3e-6 * scale)
    np.testing.assert_allclose(state.within(made), within[0].numpy(), atol=3e-6)
    np.testing.assert_allclose(state.correction(made), correction, atol=1e-4)
    assert np.min(np.max(np.abs(correction), axis=(1, 2))) > 1e-2


def test_of_a_mirrored_state_it_says_the_mirrored_bit_for_bit() -> None:
    made = networks()
    one, image = State().fluxes(made), State(mirrored=True).fluxes(made)
    np.testing.assert_array_equal(-image.along_x[:, ::-1], one.along_x)
    np.testing.assert_array_equal(image.along_y[:, ::-1], one.along_y)
    within, mirrored = State().within(made), State(mirrored=True).within(made)
    np.testing.assert_array_equal(mirrored[:, ::-1], within)
    correction, other = State().correction(made), State(mirrored=True).correction(made)
    np.testing.assert_array_equal(other[..., ::-1], correction)


def test_means_are_kept_and_nothing_moves_where_t_is_uniform() -> None:
    made, state = networks(), State()
    assert np.max(np.abs(state.within(made))) > 1e-3
    assert np.max(np.abs(coarse_means(state.within(made), GRID))) < 1e-7
    assert not np.any(state.fluxes(made).along_x[:, [0, -1]])
    state.temperature = np.full(GRID.cells, 0.5)
    found = state.fluxes(made)
    # Beside the walls, whose temperature is another, it may.
    assert not np.any(found.along_x[2:-2])
    assert not np.any(found.along_y[2:-2])


def test_fluxes_are_bounded_by_what_is_resolved() -> None:
    made = networks()
    for parameter in made.parameters():
        parameter.data *= 1e3
    state = State()
    found = state.fluxes(made)
    beyond = np.append(2.0 - state.temperature[0], -state.temperature[-1])
    spread = np.ptp(np.append(state.temperature, beyond))
    assert np.all(np.abs(found.along_x) <= spread * (np.abs(state.u) + 2.0 / GRID.hx) * 1.001)
    assert np.all(np.abs(found.along_y) <= spread * (np.abs(state.v) + 2.0 / GRID.hy) * 1.001)


def test_of_what_it_never_saw_it_says_nothing() -> None:
    """Half of the box flows faster than anything in training."""
    made, state = networks(), State()
    ranges = len(made.flux.local.odd) * [(-1e30, 1e30)]
    peclet = len(STATE)
    ranges[peclet] = (-2.0, 2.0)  # as squashed
    state.u[:, : GRID.nx // 2] *= 1e4
    free, found = state.fluxes(made), Fluxes.zero(GRID)
    silent = state.asked(native(made.flux.local, ranges), found)
    assert silent == GRID.ny * (GRID.nx // 2)
    assert not np.any(found.along_x[:, : GRID.nx // 2 - 1])
    faces = slice(GRID.nx // 2 + 1, None)
    np.testing.assert_array_equal(found.along_x[:, faces], free.along_x[:, faces])
    np.testing.assert_array_equal(found.along_y[:, faces], free.along_y[:, faces])


def test_the_distance_is_that_of_the_kernel() -> None:
    """Which says nothing of a state as soon as it is larger than the largest."""
    made, state = networks(), State()
    rough = Seen(single(state.temperature), single(state.logs))
    smooth = Seen(*(torch.cumsum(field, 2) / field.shape[2] for field in rough))
    distance = Distance.of(lambda: [smooth, Seen(smooth.temperature.square(), smooth[1])])
    largest = float(distance.squares(smooth))
    assert largest <= distance.largest
    assert float(distance.squares(rough)) > 2.0 * distance.largest
    mirror = Seen(*(field.flip(-1) for field in smooth))
    assert float(distance.squares(mirror)) == pytest.approx(largest, rel=1e-6)
    state.temperature, state.logs = (field[0].double().numpy().copy() for field in smooth)
    for factor, silent in ((1.0 + 1e-4, 0), (1.0 - 1e-4, GRID.nx * GRID.ny)):
        bound = replace(distance, largest=factor * largest)
        found, within = Fluxes.zero(GRID), np.empty(GRID.finer(2).cells)
        assert state.asked(native(made.flux.local, None, bound), found) == silent
        seen = state.temperature, state.logs
        native(made.detail.local, None, bound).details(*seen, ENDS, within)
        assert np.any(found.along_x) == np.any(within) == (silent == 0)


def test_noise_is_left_to_the_scheme() -> None:
    """By the shipped one, though nearly all features of it are in the range of the training."""
    closure = LearnedClosure.load()
    config = load_config(EXAMPLES / "closure.toml", ["grid.nx=64", "grid.ny=16"])
    simulation = Simulation.from_config(config)
    flow, smooth = simulation.flow(), simulation.problem
    noise = np.random.default_rng(3).standard_normal(smooth.temperature.shape)
    for amplitude, familiar in ((0.0, True), (0.05, False)):
        problem = replace(smooth, temperature=smooth.temperature + amplitude * noise)
        fluxes = closure.fluxes(problem, flow)
        assert closure.silent == (0.0 if familiar else 1.0)
        assert np.any(fluxes.along_y) == familiar
        viscosity = problem.viscosity_of_means()
        added = np.log(closure.viscosity(problem, viscosity) / homogenised(viscosity))
        assert (np.max(np.abs(added)) > 1e-3) == familiar


def test_what_it_learns_from_is_what_the_fine_runs_did(filtered_dataset: Path) -> None:
    part = load_part(Dataset.open(filtered_dataset), "train", SETTINGS)
    assert [str(grid) for grid in part.stretches] == ["32x16", "16x8"]
    # Two simulations of two sequences of four windows: two stretches, and one of long cells.
    assert [len(each) for each in part.stretches.values()] == [8, 4]
    for each in part.stretches.values():
        change = each.temperature.diff(dim=1).mean(dim=(2, 3))
        bottom, top = each.wall_heat.unbind(dim=2)
        gain = each.dt * (bottom - top + each.heating)
        np.testing.assert_allclose(change.numpy(), gain.numpy(), atol=3e-7)
        assert float(change.abs().max()) > 1e-5
    grid, coarse = part.stretches
    within = part.stretches[coarse].within
    assert within.shape[1:] == (1, *grid.cells)
    means = coarse_means(within[0, 0].double().numpy(), coarse)
    np.testing.assert_allclose(means, part.stretches[coarse].temperature[0, 0], atol=1e-6)


def test_a_closure_that_says_nothing_is_the_base(filtered_dataset: Path) -> None:
    part = load_part(Dataset.open(filtered_dataset), "test", SETTINGS)
    silent = seeded(ClosureNetworks, SETTINGS.network, True)
    for grid, each in part.stretches.items():
        base, ours = (errors(grid, each, made, False) for made in (None, silent))
        for name in ("temperature", "profile", "heat", "within"):
            torch.testing.assert_close(getattr(ours, name), getattr(base, name))
        assert torch.all(errors(grid, each, None, True).rows > 0.0)


def test_flows_of_a_closure_that_says_nothing_are_those_of_homogenised_viscosity(
    filtered_dataset: Path,
) -> None:
    part = load_part(Dataset.open(filtered_dataset), "test", SETTINGS)
    silent = seeded(ClosureNetworks, SETTINGS.network, True)
    for grid, each in part.stretches.items():
        temperature = each.temperature[:1, 0]
        with torch.inference_mode():
            found = own_flow(grid, temperature, each.select(torch.tensor([0])), silent.viscosity)
        law = FrankKamenetskii(*np.exp(each.log_gamma[0].numpy()).tolist())
        problem = StokesProblem(
            grid,
            temperature[0].double().numpy(),
            law,
            float(each.rayleigh[0]),
            closure=Homogenised(),
        )
        psi = DirectSolver(grid).solve(problem).psi
        np.testing.assert_allclose(found[0].numpy(), psi, atol=1e-5 * np.max(np.abs(psi)))


def test_segments_begin_where_the_closure_ended_the_one_before(filtered_dataset: Path) -> None:
    settings = replace(SETTINGS, steps=1, segments=9, coarsenings=(2,))
    part = load_part(Dataset.open(filtered_dataset), "test", settings)
    ((grid, each),) = part.stretches.items()
    assert each.segments == 2  # of four windows on half as long cells
    loud = networks(SETTINGS.network.width, SETTINGS.network.depth)
    (first, at_first, gap), (second, at_second, _) = followed(grid, each, loud, False)
    ended = unrolled(grid, first, loud, False)[-1].temperature
    torch.testing.assert_close(second.temperature[:, 0], ended)
    torch.testing.assert_close(gap, (ended - each.temperature[:, 1]).mean(dim=2))
    torch.testing.assert_close(second.temperature[:, 1], each.temperature[:, 2])
    assert not torch.allclose(ended, each.temperature[:, 1], atol=1e-4)
    assert not second.temperature.requires_grad
    assert at_second.temperature.requires_grad
    assert torch.all(at_first.profile < at_first.temperature)
    truth = coarse_means(second.within[0, 0].double().numpy(), grid)
    np.testing.assert_allclose(truth, each.temperature[0, 1], atol=1e-6)


def test_training_lowers_the_errors(trained: Path, filtered_dataset: Path) -> None:
    noted = [line["validation"]["temperature_16x8"] for line in epochs_of(trained)]
    assert noted[-1] < 0.9 * noted[0]
    result = evaluate_closure(trained, filtered_dataset, "train")
    assert list(result["grids"]) == ["32x16", "16x8"]
    assert result["grids"]["16x8"]["temperature"]["ratio"]["median"] < 0.95
    assert "within" not in result["grids"]["32x16"]
    # At Ra = 1e5, which flows are proportional to.
    assert result["grids"]["16x8"]["velocity"]["base"] < 0.2


def test_with_velocities_of_its_own_grid_it_learns_their_viscosity(
    filtered_dataset: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, velocity="own", segments=2, drift=0.5, epochs=4)
    out = tmp_path / "model"
    train(settings, filtered_dataset, out, report=len)
    assert epochs_of(out)[-1]["validation"]["rows_16x8"] < 0.5  # of the scheme's
    result = evaluate_closure(out, filtered_dataset, "train")
    assert result["velocity"] == "their own grid"
    assert 0.0 < result["grids"]["16x8"]["rows"]["closure"] < 0.5
    simulation = closed(out)
    problem = simulation.problem
    shown, law = problem.viscosity(), problem.viscosity_of_means()
    assert np.min(np.max(np.abs(np.log(shown / law)), axis=(1, 2))) > 1e-3
    said = "closure learned expects velocities of solves on its own grid"
    for solver, warns in (("richardson", True), ("fine:2", True), ("refined", False)):
        warnings = closed(out, f"stokes.solver={solver}").check()
        assert sum(one.startswith(said) for one in warnings) == warns
    said = 'expects the velocity of a step\'s start: set energy.velocity = "held"'
    for velocity, warns in (("held", False), ("mid-step", True)):
        warnings = closed(out, "stokes.solver=refined", f"energy.velocity={velocity}").check()
        assert any(said in one for one in warnings) == warns
    with pytest.raises(InputError, match="has learned viscosity, which the page does not know"):
        export_closure(out)
    # A finer grid is shown what the law gives.
    finer = LearnedClosure.load(out).refined(problem, problem.grid.finer(2))
    np.testing.assert_array_equal(finer.viscosity(), finer.viscosity_of_means())


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_it_is_trained_through_the_solve_in_any_precision(
    precision: Literal["float32", "float64"], filtered_dataset: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, flow=0.5, epochs=1, precision=precision)
    train(settings, filtered_dataset, tmp_path / "model", report=len)
    result = evaluate_closure(tmp_path / "model", filtered_dataset, "validation")
    assert result["grids"]["16x8"]["velocity"]["closure"] < 0.2


@pytest.mark.parametrize(
    ("damaged", "damage", "words"),
    [
        ("first", lambda first: first - 1, "moments"),
        ("first", lambda first: first + 100, "moments"),
        ("time", lambda time: 0.0 * time, "length"),
        ("time", lambda time: -time, "length"),
    ],
)
def test_windows_without_moments_or_length_are_refused(
    damaged: str,
    damage: Callable[[Array], Array],
    words: str,
    filtered_dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = Dataset.arrays

    def forged(self: Dataset, name: str, *parts: str) -> dict[str, Array]:
        found = dict(stored(self, name, *parts))
        return {key: damage(each) if key == damaged else each for key, each in found.items()}

    monkeypatch.setattr(Dataset, "arrays", forged)
    with pytest.raises(InputError, match=f"has windows without {words}: make it again"):
        load_part(Dataset.open(filtered_dataset), "train", SETTINGS)


def test_data_and_settings_that_do_not_fit_are_refused(
    dataset: Path, filtered_dataset: Path
) -> None:
    filtered = Dataset.open(filtered_dataset)
    flat = replace(filtered, grid=Grid(32, 8, 2.0))
    for data, steps, coarsenings, said in (
        (Dataset.open(dataset), 1, (1,), r'keeps no windows .* dataset\.kind = "filtered"'),
        (flat, 1, (1,), "trained on square cells, not on 32x8 in a box of aspect"),
        (filtered, 5, (1,), r"long enough for model\.steps = 5"),
        (filtered, 1, (3,), r"model\.coarsenings.* 3 does not divide"),
        (filtered, 1, (8,), r"model\.coarsenings.* 8 leaves fewer than 4 cells"),
        (filtered, 1, (1, 1), r"model\.coarsenings.* names one .* twice"),
    ):
        with pytest.raises(InputError, match=said):
            load_part(data, "train", replace(SETTINGS, steps=steps, coarsenings=coarsenings))
    uniform = Seen(torch.full((1, 8, 8), 0.5), torch.zeros(1, 8, 8))
    with pytest.raises(InputError, match="too few, or too alike"):
        Distance.of(lambda: [uniform])


def closed(trained: Path, *overrides: str) -> Simulation:
    named = ["closure.kind=learned", f'closure.weights="{trained}"', "grid.nx=32", "grid.aspect=2"]
    return Simulation.from_config(unheated("grid.ny=16", *named, *overrides))


def test_in_a_run_the_heat_budget_closes(trained: Path) -> None:
    plain = closed(trained)
    plain.closure = None
    assert_heat_is_kept(closed(trained), plain)


def test_a_finer_solve_is_shown_the_means_it_keeps(trained: Path) -> None:
    closure, grid = LearnedClosure.load(trained), Grid(16, 8, 2.0)
    problem = StokesProblem(grid, rough_field(grid), FrankKamenetskii(1e4))
    for factor in (2, 4):
        finer = closure.refined(problem, grid.finer(factor))
        assert finer.grid == grid.finer(factor)
        means = coarse_means(finer.temperature, grid)
        np.testing.assert_allclose(means, problem.temperature, atol=1e-6)
    assert closure.refined(problem, grid.finer(3)).grid == grid.finer(3)


def test_gradients_go_through_the_stokes_solve() -> None:
    grid, random = Grid(8, 4, 2.0), np.random.default_rng(0)
    finer, inside = grid.finer(2), (slice(None), slice(1, -1), slice(1, -1))
    coarse, truth = torch.zeros(2, 1, *grid.nodes, dtype=torch.float64)
    coarse[inside], truth[inside] = torch.from_numpy(1e-3 * random.normal(size=(3, 7))), 1e-3
    temperature = torch.from_numpy(rough_field(finer))[None].requires_grad_()
    logs = torch.from_numpy(2.0 * random.normal(size=finer.cells))[None].requires_grad_()

    def off(temperature: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
        psi = richardson(temperature, logs, torch.tensor([1.0]), coarse, finer)
        return flow_errors(psi, truth, grid).sum()

    assert torch.autograd.gradcheck(off, (temperature, logs), eps=1e-6, atol=1e-5, rtol=1e-4)


def test_a_row_that_creeps_counts_as_much_as_one_that_flows(filtered_dataset: Path) -> None:
    part = load_part(Dataset.open(filtered_dataset), "test", SETTINGS)
    grid, each = next(iter(part.stretches.items()))
    truth = each.psi[:, 0].double()
    slow = truth * torch.linspace(1.0, 1e-3, grid.ny + 1)[:, None]
    for one in (truth, slow):
        wrong = one.clone()
        wrong[:, -2] *= 0.5
        found = row_errors(wrong, one)
        assert torch.all(found > 0.25 / 2.0 / grid.ny)
    assert torch.all(row_errors(truth, truth) == 0.0)
    solved = own_flow(grid, each.temperature[:, 0], each, None)
    assert torch.all(row_errors(solved, each.psi[:, 0]) < 0.1)


@pytest.mark.parametrize("core", [(), ("model.core_capacity=0.1",)])
def test_a_cooling_core_is_seen(core: tuple[str, ...], trained: Path) -> None:
    """What is said beside the bottom depends on how warm that is."""
    simulation = closed(trained, *core)
    simulation.run(steps=5)
    problem, flow = simulation.problem, simulation.flow()
    closure = LearnedClosure.load(trained)
    bottom = problem.boundaries.bottom
    assert (bottom.value < 1.0) == bool(core)
    warm = replace(
        problem, boundaries=replace(problem.boundaries, bottom=replace(bottom, value=1.0))
    )
    found, other = closure.fluxes(problem, flow), closure.fluxes(warm, flow)
    assert np.array_equal(found.along_y[0], other.along_y[0]) != bool(core)


def test_where_it_was_not_trained_it_is_refused_or_warns(trained: Path) -> None:
    closure, square = LearnedClosure.load(trained), Grid(32, 16, 2.0)
    start = np.full(square.cells, 0.5)
    assert len(closure.check(StokesProblem(square, start, FrankKamenetskii(1e9)))) >= 1
    assert "Frank-Kamenetskii" in closure.check(StokesProblem(square, start, Constant()))[0]
    cold = BoundaryConditions(bottom=Wall(thermal="temperature", value=0.5))
    warned = closure.check(StokesProblem(square, start, Constant(), boundaries=cold))
    assert "with T = 1 at the bottom" in warned[0]
    for wall in (Wall("no-slip"), Wall(thermal="flux")):
        walls = BoundaryConditions(bottom=wall)
        with pytest.raises(InputError, match=r"for free-slip walls, .* leave out --closure"):
            closure.check(StokesProblem(square, start, Constant(), boundaries=walls))
    yielding = Viscoplastic(FrankKamenetskii(1e5), 1.0, 1e-3)
    with pytest.raises(InputError, match=r"not for yielding: leave out --closure"):
        closure.check(StokesProblem(square, start, yielding))
    flat = Grid(32, 8, 2.0)
    with pytest.raises(InputError, match="trained on square cells, not on 32x8"):
        closure.check(StokesProblem(flat, np.full(flat.cells, 0.5), Constant()))


def test_bad_sections_are_refused(trained: Path) -> None:
    with pytest.raises(InputError, match=r"closure\.weights is only read with closure\.kind"):
        load_config(None, [f'closure.weights="{trained}"'])
    named = ["closure.kind=learned", f'closure.weights="{trained}"']
    with pytest.raises(InputError, match=r'needs energy\.advection = "mp5", not "van-leer"'):
        load_config(None, [*named, "energy.advection=van-leer"])


def test_the_command_line_runs_with_one_and_goes_on_bitwise(trained: Path, tmp_path: Path) -> None:
    small = ["grid.nx=32", "grid.ny=16", "grid.aspect=2", "model.rayleigh=1e5", "time.end=0.01"]
    small += ["rheology.gamma_T=10", "rheology.gamma_p=2", "output.every=0.002"]
    case_file = write_case(tmp_path / "case.toml", *small, base=())
    whole, parts, plain = (tmp_path / name for name in ("whole", "parts", "plain"))
    for out, closure, steps in ((whole, trained, 12), (parts, trained, 7), (plain, "none", 1)):
        limit = f"time.max_steps={steps}"
        tellus("run", case_file, "--out", out, "--closure", closure, "--set", limit)
    tellus("run", parts, "--resume", "--set", "time.max_steps=12")
    ends = [(run / "timeseries.csv").read_text().splitlines() for run in (whole, parts)]
    assert ends[0][-1] == ends[1][-1]
    sha256 = LearnedClosure.load(trained).sha256
    assert summary(whole)["closure"] == {"name": "learned", "weights_sha256": sha256}
    report = summary(whole)["solver_report"]
    assert 0.0 <= report["mean_silent"] <= report["largest_silent"] < 1.0
    said = tellus("info", whole).stdout
    assert f"learned; silent in {100 * report['mean_silent']:.3g} % of" in said
    assert summary(plain)["closure"] is None


def test_a_run_goes_on_with_the_weights_it_had(trained: Path, tmp_path: Path) -> None:
    closure, out, copy = LearnedClosure.load(trained), tmp_path / "run", tmp_path / "copy"
    closure.save(tmp_path / "model")
    case_file = write_case(tmp_path / "case.toml", "time.max_steps=1", "grid.nx=16", "grid.ny=8")
    tellus("run", case_file, "--out", out, "--closure", tmp_path / "model")
    for parameter in closure.weights.parameters():
        parameter.data *= 1.01
    closure.save(tmp_path / "model")
    closure.save(copy)
    before, longer = files(out), ["run", out, "--resume", "--set", "time.max_steps=2"]
    said = complaint(*longer)
    assert f"closure.kind: the weights of {tmp_path / 'model'} have changed since" in said
    assert files(out) == before
    tellus(*longer, "--closure", copy)
    assert summary(out)["closure"]["weights_sha256"] == closure.sha256


def test_the_shipped_one_is_calibrated() -> None:
    closure = LearnedClosure.load()
    assert closure.of_own_grid
    assert closure.share == pytest.approx(closure.card["calibration"]["share"])
    assert all(
        "examples/" in text for text in (closure.card["command"], closure.card["data"]["command"])
    )
    config = load_config(EXAMPLES / "closure.toml", ["grid.nx=32", "grid.ny=8"])
    simulation = Simulation.from_config(config)
    simulation.run(steps=2)
    assert simulation.closure is not None
    assert simulation.closure.weights_sha256 == closure.sha256
    with pytest.raises(InputError, match="has not learned T within cells"):
        LearnedClosure.within(LearnedClosure.shipped)


def test_weights_of_other_features_are_refused(model: Path) -> None:
    assert LearnedClosure.load(model).card["channels"] == [*STATE, *FLOW]
    edit_card(model, lambda card: card.update(channels=[*STATE]))
    with pytest.raises(InputError, match="sees other features"):
        LearnedClosure.load(model)
