"""A-priori evaluation: what its numbers are, and that they see planted errors where they are."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tellus.surrogate.evaluation.evaluate as evaluation
from helpers import numerics
from helpers.rollouts import complaint, tellus
from helpers.small_data import GRID, arrays_of, parameters, write_dataset
from tellus.coupling.output.learning import figure
from tellus.errors import InputError, SolverError
from tellus.solver.direct import DirectSolver
from tellus.solver.grid import Array
from tellus.solver.rheology import FrankKamenetskii
from tellus.solver.stokes import Flow, StokesProblem
from tellus.surrogate.data import Dataset
from tellus.surrogate.evaluation.evaluate import predecessors
from tellus.surrogate.evaluation.scores import Score, Scores, Spectrum, power_by_wave_number
from tellus.surrogate.evaluation.table import table

STEPS = [0, 20, 100, 200, 400, 500]
EVEN = [True, False, True, True, True, True]


flow_of = partial(numerics.flow_of, grid=GRID)


def rolls(waves: int = 3, size: float = 50.0) -> Array:
    x, y = GRID.x_nodes / GRID.aspect, GRID.y_nodes[:, None]
    return size * np.sin(np.pi * waves * x) * np.sin(np.pi * y)


def changed(flow: Flow, component: str, at: Any, by: float) -> Flow:
    """A flow with one component changed somewhere, so that it need not conserve mass."""
    parts = {"u": flow.u.copy(), "v": flow.v.copy()}
    parts[component][at] += by
    return Flow(flow.psi, parts["u"], parts["v"], flow.report)


# Spectra.


def test_powers_are_of_waves_that_fit_the_walls_and_add_up_to_the_sum_of_squares() -> None:
    for odd, wave, n, k in ((False, np.cos, 16, 2), (True, np.sin, 9, 7)):
        values = np.random.default_rng(n).normal(size=(3, n))
        power = power_by_wave_number(values, odd)
        assert power.shape == (n + 1,)
        assert power.sum() == pytest.approx(np.sum(values**2), rel=1e-12)
        one = power_by_wave_number(wave(np.pi * k * (np.arange(n) + 0.5) / n)[None], odd)
        assert one[k] == pytest.approx(one.sum(), rel=1e-12)


def test_the_error_spectrum_is_that_of_the_error_not_of_the_flow() -> None:
    spectrum = Spectrum()
    reference, error = flow_of(rolls(3)).v, flow_of(rolls(6, size=5.0)).v
    for scale in (1.0, 1e3):
        # A fast snapshot counts as much as a slow one.
        spectrum.add(scale * (reference + error), scale * reference)
    found = spectrum.summary()
    assert found["wave_number"] == list(range(GRID.nx // 2 + 1))
    assert np.argmax(found["reference"]) == 3
    assert np.argmax(found["error"]) == 6
    assert found["reference"][3] == pytest.approx(1.0)
    # v is proportional to the wave number of psi; differences over a cell take a little off.
    assert found["error"][6] == pytest.approx((0.1 * 6 / 3) ** 2, rel=0.05)
    assert found["ratio"][3] == pytest.approx(0.0, abs=1e-12)
    assert found["ratio"][6] is None


# One snapshot.


def test_errors_are_by_component_and_together() -> None:
    reference = flow_of(rolls())
    wrong = Flow(reference.psi, 1.1 * reference.u, reference.v, reference.report)
    score = Score.of(wrong, reference, GRID)
    assert score.relative["u"] == pytest.approx(0.1)
    assert score.mae["u"] == pytest.approx(0.1 * np.mean(np.abs(reference.u)))
    assert score.relative["v"] == score.mae["v"] == 0.0
    assert 0.0 < score.relative_l2 < 0.1
    assert score.decade == 2
    assert 1e2 < score.vrms < 1e3


def test_an_error_beside_one_wall_is_that_walls() -> None:
    reference, beside = flow_of(rolls()), slice(None)
    for component, at, wall in (
        ("v", (beside, 0), "left"),
        ("v", (beside, -1), "right"),
        ("u", 0, "bottom"),
        ("u", -1, "top"),
    ):
        score = Score.of(changed(reference, component, at, 3.0), reference, GRID)
        assert score.wall_mae.pop(wall) == pytest.approx(3.0), wall
        assert score.wall_relative[wall] == pytest.approx(3.0 / score.vrms), wall
        # Its corners are not the wall's beside it: those hold the other component.
        assert set(score.wall_mae.values()) == {0.0}, wall


def test_divergence_inside_and_in_wall_cells_are_told_apart() -> None:
    reference = flow_of(rolls())
    scores = Scores()
    score = scores.add(reference, reference, GRID)
    assert max(score.divergence["inside"][0], score.divergence["walls"][0]) < 1e-14
    fastest = max(np.max(np.abs(reference.u)), np.max(np.abs(reference.v)))
    score = scores.add(changed(reference, "u", (0, 1), 0.5), reference, GRID)
    # The face lies between two cells of the bottom row.
    assert score.divergence["walls"][0] == pytest.approx(0.5 / fastest, rel=1e-6)
    assert score.divergence["inside"][0] < 1e-14
    summary = scores.summary()
    assert summary["max_divergence"] == summary["divergence"]["walls"]["max"]
    cells = 2 * (GRID.nx + GRID.ny) - 4
    rms = 0.5 / fastest * np.sqrt(2 / cells / 2)  # two cells of one of two snapshots
    assert summary["divergence"]["walls"]["rms"] == pytest.approx(rms, rel=1e-6)


def test_decades_hold_the_snapshots_of_their_own_speed() -> None:
    scores = Scores()
    for size, error in ((0.5, 0.01), (50.0, 0.1), (60.0, 0.3)):
        reference = flow_of(rolls(size=size))
        scores.add(flow_of((1 + error) * rolls(size=size)), reference, GRID)
    slow, fast = scores.summary()["decades"]
    assert (slow["from"], slow["to"], slow["snapshots"]) == (1.0, 10.0, 1)
    assert (fast["from"], fast["to"], fast["snapshots"]) == (100.0, 1000.0, 2)
    assert slow["relative_l2"]["max"] == pytest.approx(0.01)
    assert fast["relative_l2"]["median"] == pytest.approx(0.2)
    assert fast["v"]["relative_l2"]["max"] == pytest.approx(0.3)


# A data set.


@pytest.fixture(scope="module")
def wandering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One test simulation whose waves wander, with the steps of its snapshots."""
    root = tmp_path_factory.mktemp("data")
    law = FrankKamenetskii(1e6, 10.0)
    x, y = GRID.x_cells / GRID.aspect, GRID.y_cells[:, None]
    temperatures = [
        (
            0.95 * (1 - y**8) + 0.05 * np.sin(np.pi * y) * np.cos(np.pi * (2 * x + 1e-3 * step))
        ).astype(np.float32)
        for step in STEPS
    ]
    problems = [StokesProblem(GRID, t.astype(np.float64), law) for t in temperatures]
    arrays = arrays_of(problems, even=np.array(EVEN), step=np.array(STEPS))
    config = {"dataset": {"snapshot_every": 100}}
    write_dataset(root, GRID, [("test", parameters(1e6, 10.0), arrays)], config=config)
    return root


class OffByTwoPercent:
    """A surrogate without a base: the direct solution, 2 % too fast."""

    def __init__(self) -> None:
        self.factor, self.solver = 1.02, DirectSolver(GRID)
        self.card, self.sha256, self.base = {"kind": "multi-scale"}, "0" * 64, None

    def check(self, *_: Any) -> list[str]:
        return []

    def flow(self, problem: StokesProblem) -> Flow:
        return flow_of(self.factor * self.solver.solve(problem).psi)


@pytest.fixture
def without_base(monkeypatch: pytest.MonkeyPatch) -> OffByTwoPercent:
    surrogate = OffByTwoPercent()
    monkeypatch.setattr(evaluation, "load_surrogate", lambda path, grid: surrogate)
    return surrogate


def test_a_surrogate_without_a_base_is_scored_beside_its_rival(
    wandering: Path, without_base: OffByTwoPercent, tmp_path: Path
) -> None:
    result = evaluation.evaluate(Path("somewhere"), wandering)
    assert json.loads(json.dumps(result)) == result
    assert {"base", "improvement"}.isdisjoint(result)
    assert result["snapshots"] == sum(EVEN)
    for errors in (result["relative_l2"], result["u"]["relative_l2"], result["v"]["relative_l2"]):
        assert errors == pytest.approx({"median": 0.02, "p95": 0.02, "max": 0.02})
    row = result["per_simulation"][0]
    assert row["model_median"] == pytest.approx(0.02)
    assert row["u"]["mae"] == pytest.approx(result["u"]["mae"])
    assert "alone" not in table(result)
    figure(result).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    # The rival is the velocity one interval before.
    found, previous = Dataset.open(wandering), result["previous_snapshot"]
    simulation = next(found.simulations("test"))
    # Steps 100, 200 and 500 have a snapshot a hundred steps before; 400 has none.
    assert predecessors(found, simulation) == {2: 0, 3: 2, 5: 4}
    assert (previous["steps"], previous["snapshots"]) == (100, 3)
    flows = [flow_of(psi) for psi in simulation.psi]
    held = np.mean([mae(flows[j], flows[k]) for k, j in ((2, 0), (3, 2), (5, 4))])
    model = np.mean([0.02 * mae(flow_of(0 * rolls()), flows[k]) for k in (2, 3, 5)])
    assert previous["mae"] == pytest.approx(held)
    assert previous["ratio"] == pytest.approx(held / model)


def mae(flow: Flow, reference: Flow) -> float:
    """Mean of the mean absolute errors of u and v."""
    gaps = (flow.u - reference.u, flow.v - reference.v)
    return float(np.mean([np.mean(np.abs(gap)) for gap in gaps]))


def test_what_cannot_be_evaluated_is_said(
    wandering: Path, without_base: OffByTwoPercent, tmp_path: Path
) -> None:
    """A prediction that is not finite, and steps that do not fit the snapshots."""
    without_base.factor = float("nan")
    with pytest.raises(SolverError, match="not finite for snapshot 0 of sim_000"):
        evaluation.evaluate(Path("somewhere"), wandering)
    shutil.copytree(wandering, tmp_path / "data")
    store = zarr.open_group(tmp_path / "data" / "simulations" / "sim_000.zarr", mode="a")
    store.create_array("step", data=np.arange(3), overwrite=True)
    found = Dataset.open(tmp_path / "data")
    with pytest.raises(InputError, match="not of equally many snapshots"):
        predecessors(found, next(found.simulations("test")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data", "DATA", "--split", "other"], 'no split "other"'),
        (["--data", "DATA", "--plot", "picture.pdf"], "as .png"),
        (["--data", "DATA", "--out", "nowhere/result.json"], "no directory nowhere"),
        (["--data", "DATA", "--out", "."], "is a directory"),
    ],
)
def test_bad_input_ends_in_a_sentence(wandering: Path, options: list[str], sentence: str) -> None:
    given = [str(wandering) if option == "DATA" else option for option in options]
    assert sentence in complaint("evaluate", *given)


def test_the_command_saves_its_result_and_its_picture(
    wandering: Path, without_base: OffByTwoPercent, tmp_path: Path
) -> None:
    out, plot = tmp_path / "result.json", tmp_path / "picture.png"
    result = tellus("evaluate", "--data", wandering, "--out", out, "--plot", plot, "--json")
    saved = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert saved == json.loads(result.stdout)
    assert {"git", "machine", "versions", "threads", "model", "data"} <= set(saved)
    assert plot.exists()
