"""Going on with a run: limits, extension, signals in this process, and damage on disk."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from helpers.mutations import missing
from helpers.rollouts import (
    SIMPLEST,
    Drifting,
    Rolls,
    assert_same,
    case,
    complaint,
    files,
    ran,
    steps_of,
    summary,
    tellus,
    write_case,
)
from tellus import open_run
from tellus.config import load_config
from tellus.coupling.directory.checkpoint import FOLDER, read_checkpoint, write_checkpoint
from tellus.coupling.directory.fields import STORE
from tellus.coupling.runs.run import run_directory
from tellus.coupling.runs.time_loop import RunLoop
from tellus.coupling.simulation.loop import Simulation
from tellus.errors import InputError, InterruptedRunError
from tellus.io.lock import sole_user
from tellus.solver.grid import Grid
from tellus.solver.stokes import Flow, StokesProblem

GRID = Grid(16, 8, 2.0)


class Signalling(Rolls):
    """Rolls whose solve is interrupted by a signal, `times` over, at one call."""

    def __init__(self, number: signal.Signals, call: int, times: int) -> None:
        super().__init__(GRID)
        self.number, self.call, self.times = number, call, times

    def solve(self, problem: StokesProblem) -> Flow:
        self.call -= 1
        if self.call == 0:
            for _ in range(self.times):
                signal.raise_signal(self.number)
        return super().solve(problem)


def run(out: Path, *overrides: str, **options: object) -> Path:
    ran(out, *overrides, **options)  # type: ignore[arg-type]
    return out


def test_wall_limit_stops_with_status_3_after_a_step_and_can_be_resumed(tmp_path: Path) -> None:
    limited = ["time.max_steps=3", "time.wall_limit=1e-9"]
    config, out = write_case(tmp_path / "case.toml", *limited), tmp_path / "run"
    said = tellus("run", config, "--out", out, status=3).stderr.splitlines()[-1]
    assert "time.wall_limit = 1e-09 s at step 1" in said
    assert summary(out)["status"] == "stopped"
    tellus("run", out, "--resume", status=3)
    assert summary(out)["steps"] == 2
    # The third step is the last: a run that is done has nothing to stop.
    tellus("run", out, "--resume")
    assert_same(out, run(tmp_path / "alone", "time.max_steps=3"))


def test_an_extended_run_is_a_longer_run(tmp_path: Path) -> None:
    stokes = "stokes.solver=skip:7"
    # 3 x 2e-4 is not 6e-4 in binary, nor is it the end of the short run.
    short = run(tmp_path / "short", stokes, "time.end=6e-4")
    assert summary(short)["status"] == "done"
    tellus("run", short, "--resume", "--set", "time.end=1e-3")
    long = run(tmp_path / "long", stokes, "time.end=1e-3")
    assert_same(short, long)
    assert "end = 0.001\n" in (short / "config.toml").read_text()
    times = open_run(short)["time"].values
    assert times.tolist() == [k * 2e-4 for k in range(6)]


def test_resuming_a_finished_run_changes_nothing_and_says_so(tmp_path: Path) -> None:
    out = run(tmp_path / "run", "time.max_steps=4", "output.checkpoint_every=2")
    before = files(out)
    for _ in range(2):
        assert "is already done, step 4, t = " in tellus("run", out, "--resume").stderr
        assert files(out) == before
    result = ran(out, "time.max_steps=4", "output.checkpoint_every=2", resume=True)
    assert (result.status, result.steps) == ("done", 4)
    said = complaint("run", out, "--resume", "--stokes", "skip:2")
    assert "no step is left to take with another stokes" in said
    said = complaint("run", out, "--resume", "--set", "output.every=1e-5")
    assert "no step is left to take with another output" in said
    said = complaint("run", out, "--resume", "--set", "time.max_steps=3")
    assert "time.max_steps = 3 is before step 4, where the run is: " in said
    assert files(out) == before
    said = tellus("run", out, "--resume", "--set", "time.max_steps=5").stderr
    assert "already done" not in said
    assert summary(out)["steps"] == 5


def test_an_end_before_what_was_reached_is_refused(tmp_path: Path) -> None:
    """Of a run that was stopped as of one that is done; the end it has reached is none before."""
    out = run(tmp_path / "run", "time.end=6e-4")
    before = files(out)
    said = complaint("run", out, "--resume", "--set", "time.end=2e-4")
    assert "time.end = 0.0002 is before t = 0.0006, where the run is: " in said
    assert files(out) == before
    run(out, "time.end=1e-3", "time.max_steps=1000000", resume=True)
    tellus("run", out, "--resume", "--set", "time.end=1e-3")
    stopped = tmp_path / "stopped"
    with pytest.raises(InterruptedRunError):
        run(stopped, "time.end=1e-3", solver=Signalling(signal.SIGTERM, 8, 1))
    with pytest.raises(InputError, match=r"time\.end = 2e-05 is before t = "):
        run(stopped, "time.end=2e-5", resume=True, solver=Rolls(GRID))


def test_resume_needs_neither_the_directory_nor_the_run_it_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths relative to where it was started, and a first state that is gone."""
    monkeypatch.chdir(tmp_path)
    start = run(Path("start"), "time.max_steps=1")
    write_case(Path("a case.toml"), "time.max_steps=2", "initial.amplitude=0")
    from_start = [
        *["--set", 'initial.kind="file"', "--set", "initial.path=start"],
        *["--set", "initial.time=0"],
    ]
    tellus("run", "a case.toml", "--out", "a run/", *from_start)
    shutil.rmtree(start)
    monkeypatch.chdir(tmp_path / "a run")
    tellus("run", ".", "--resume", "--set", "time.max_steps=3")
    monkeypatch.chdir("/")
    tellus("run", tmp_path / "a run", "--resume", "--set", "time.max_steps=4")
    assert summary(tmp_path / "a run")["steps"] == 4


def test_a_second_signal_right_after_the_first_still_leaves_a_checkpoint(tmp_path: Path) -> None:
    """A terminal signals every process of a command, and queues send several signals."""
    with pytest.raises(InterruptedRunError, match=r"SIGTERM at step 6.*checkpoint was written"):
        run(
            tmp_path / "run", *SIMPLEST, "time.max_steps=8", solver=Signalling(signal.SIGTERM, 7, 3)
        )
    assert summary(tmp_path / "run")["steps"] == 6


def test_who_insists_ends_the_run_at_once_and_it_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellus.io.signals.INSISTS", -1.0)
    options = [*SIMPLEST, "time.max_steps=8", "output.checkpoint_every=3"]
    # Solves: warm-up, estimate at step 0, then one a step; the 8th leads to step 7.
    with pytest.raises(InterruptedRunError, match=r"at once at step 6.*of step 6 with --resume"):
        run(tmp_path / "run", *options, solver=Signalling(signal.SIGINT, 8, 2))
    assert summary(tmp_path / "run")["status"] == "stopped"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    run(tmp_path / "run", *options, resume=True, solver=Rolls(GRID))
    assert_same(tmp_path / "run", run(tmp_path / "alone", *options, solver=Rolls(GRID)))


@pytest.mark.parametrize("insists", [-1.0, 2.0])
def test_a_second_signal_on_the_command_line_is_resumable_too(
    insists: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tellus.io.signals.INSISTS", insists)
    solver = Signalling(signal.SIGTERM, 6, 2)
    monkeypatch.setattr("tellus.coupling.simulation.arguments.make_solver", lambda *_: solver)
    config = write_case(tmp_path / "case.toml", "time.max_steps=8")
    tellus("run", config, "--out", tmp_path / "run", status=3)
    tellus("run", tmp_path / "run", "--resume")
    assert summary(tmp_path / "run")["steps"] == 8


def test_a_signal_during_set_up_still_leaves_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError, match="stopped by SIGTERM at step 1"):
        run(tmp_path / "run", "time.max_steps=4", solver=Signalling(signal.SIGTERM, 1, 1))
    run(tmp_path / "run", "time.max_steps=4", resume=True, solver=Rolls(GRID))
    assert summary(tmp_path / "run")["status"] == "done"


def test_a_signal_at_the_last_step_comes_too_late(tmp_path: Path) -> None:
    last = Signalling(signal.SIGTERM, 5, 1)
    done = run(tmp_path / "run", *SIMPLEST, "time.max_steps=4", solver=last)
    assert summary(done)["status"] == "done"


def test_a_solver_that_remembers_gets_its_memory_back(tmp_path: Path) -> None:
    out, options = tmp_path / "run", ["output.checkpoint_every=3"]
    run(out, *options, "time.max_steps=5", solver=Drifting(GRID))
    run(out, *options, "time.max_steps=9", solver=Drifting(GRID), resume=True)
    alone = run(tmp_path / "alone", *options, "time.max_steps=9", solver=Drifting(GRID))
    assert (out / "timeseries.csv").read_bytes() == (alone / "timeseries.csv").read_bytes()
    assert summary(out)["solver"] == "drifting"


def test_another_solver_starts_without_the_memory_of_the_first(tmp_path: Path) -> None:
    out = run(tmp_path / "run", "stokes.solver=skip:50", "time.max_steps=3")
    tellus("run", out, "--resume", "--stokes", "skip:2", "--set", "time.max_steps=4")
    # Held since step 0 by the first solver; the second one asks at once.
    assert summary(out)["solver_report"]["solved"] == 2


def written(name: str, content: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_text(content) and None


def edited(name: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(change(lines)))

    return damage


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    return edited(name, lambda lines: [line.replace(old, new) for line in lines])


def without_outputs(run: Path) -> None:
    for array in ("time", "psi"):
        metadata = json.loads((run / "fields.zarr" / array / "zarr.json").read_text())
        metadata["shape"][0] = 1
        (run / "fields.zarr" / array / "zarr.json").write_text(json.dumps(metadata))


def garbled(run: Path) -> None:
    for path in (run / FOLDER).glob("step-*"):
        path.write_bytes(path.read_bytes()[:-1])


DAMAGE = {
    "series missing": missing("timeseries.csv"),
    "series empty": written("timeseries.csv", ""),
    "series cut": edited("timeseries.csv", lambda lines: [*lines[:9], lines[9][:20]]),
    "series without a row": edited("timeseries.csv", lambda lines: lines[:2] + lines[3:]),
    "series with a row twice": edited("timeseries.csv", lambda lines: lines[:2] + lines[1:]),
    "series with a torn row": edited(
        "timeseries.csv", lambda lines: [*lines[:2], lines[2][:30] + "\n", *lines[3:]]
    ),
    "series of something else": edited("timeseries.csv", lambda lines: ["a,b\n", *lines[1:]]),
    "fields missing": missing("fields.zarr"),
    "fields without metadata": missing("fields.zarr/zarr.json"),
    "fields with torn metadata": written("fields.zarr/zarr.json", '{"zarr_format": 3, '),
    "fields that are a list": written("fields.zarr/zarr.json", "[]"),
    "fields without psi": missing("fields.zarr/psi"),
    "fields with torn psi": written("fields.zarr/psi/zarr.json", "{}"),
    "fields without times": missing("fields.zarr/time/c/0"),
    "fields without an output": without_outputs,
    "configuration missing": missing("config.toml"),
    "configuration torn": written("config.toml", "[grid]\nnx = "),
    "configuration of another version": written("config.toml", "[grid]\nny_cells = 8\n"),
    "configuration of another grid": replaced("config.toml", "nx = 16", "nx = 32"),
    "configuration of other physics": replaced("config.toml", "gamma_T = 100.0", "gamma_T = 1e6"),
    "checkpoints missing": missing(FOLDER),
    "checkpoints cut": garbled,
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three outputs, of which the last came after the last checkpoint."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLoop, "_stop_if_asked", _fail_at_step_11)
        with pytest.raises(ZeroDivisionError):
            run(out, "output.checkpoint_every=9", "time.end=1e-3")
    assert steps_of(out) == [0, 9]
    assert open_run(out).sizes["time"] >= 3
    return out


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    """Of that run, to be changed."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def _fail_at_step_11(run: RunLoop, caught: list[int]) -> None:
    if run.simulation.steps == 11:
        raise ZeroDivisionError


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_one_sentence_and_nothing_else_changes(what: str, copy: Path) -> None:
    DAMAGE[what](copy)
    before = files(copy)
    said = tellus("run", copy, "--resume", status=2).stderr.splitlines()
    assert [line for line in said if "warning" not in line] == [said[-1]]
    assert said[-1].startswith("tellus: ")
    assert said[-1].endswith(".")
    assert str(copy) in said[-1] or "a resumed run keeps its" in said[-1]
    assert files(copy) == before


@pytest.mark.parametrize("solver", ["lagged", "richardson:4", "skip:3"])
def test_what_a_solver_remembers_is_of_this_grid(solver: str, tmp_path: Path) -> None:
    """A checkpoint that is whole, of a stranger whose solver remembers other shapes."""
    out, more = tmp_path / "run", f"stokes.solver={solver}"
    run(out, more, "time.max_steps=6")
    arrays = dict(read_checkpoint(out, print))
    fields = [k for k, v in arrays.items() if k.startswith("solver/") and np.ndim(v) > 1]
    assert fields
    for name in fields:
        write_checkpoint(out, int(arrays["steps"]), {**arrays, name: arrays[name][..., None]}, 2)
        before = files(out)
        with pytest.raises(InputError, match="the checkpoint does not fit"):
            run(out, more, "time.max_steps=8", resume=True)
        assert files(out) == before


def test_run_json_is_written_anew(stopped: Path, tmp_path: Path) -> None:
    """Nothing depends on it."""
    whole = tmp_path / "whole"
    shutil.copytree(stopped, whole)
    tellus("run", whole, "--resume")
    for name, damage in {"gone": missing("run.json"), "torn": written("run.json", "{")}.items():
        out = tmp_path / name
        shutil.copytree(stopped, out)
        damage(out)
        tellus("run", out, "--resume")
        assert summary(out)["status"] == "done"
        assert summary(out)["steps"] == summary(whole)["steps"]
        assert_same(out, whole)


def test_what_was_written_after_the_checkpoint_appears_once(copy: Path, tmp_path: Path) -> None:
    with (copy / "timeseries.csv").open("a") as series:
        series.write("\x00\x00\x00 torn by a power cut")
    tellus("run", copy, "--resume")
    assert_same(copy, run(tmp_path / "alone", "output.checkpoint_every=9", "time.end=1e-3"))
    steps = np.loadtxt(copy / "timeseries.csv", delimiter=",", skiprows=1)[:, 0]
    assert steps.tolist() == list(range(1, len(steps) + 1))
    assert np.all(np.diff(open_run(copy)["step"].values) > 0)


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(copy: Path) -> None:
    (newest,) = (copy / FOLDER).glob("step-000000009-*")
    newest.write_bytes(newest.read_bytes()[:-1])
    said = tellus("run", copy, "--resume", "--set", "time.max_steps=10").stderr
    assert f"warning: checkpoint {newest} is damaged" in said
    assert any("is damaged" in warning for warning in summary(copy)["warnings"])
    assert steps_of(copy) == [9, 10]
    assert not newest.exists()


def test_other_physics_from_python(stopped: Path) -> None:
    before = files(stopped)
    with pytest.raises(InputError, match=r"keeps its model\.heating"):
        run(stopped, "model.heating=1", resume=True)
    assert files(stopped) == before


def test_one_process_at_a_time(copy: Path) -> None:
    before = files(copy)
    with sole_user(copy):
        assert "in use by another process" in complaint("run", copy, "--resume")
    assert files(copy) == before


def test_two_that_begin_in_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one finds, when it comes to writing, that it is not alone."""
    prepare = RunLoop.prepare

    def overtaken(late: RunLoop) -> None:
        monkeypatch.setattr(RunLoop, "prepare", prepare)
        prepare(late)
        run(tmp_path / "run", "time.max_steps=1")

    monkeypatch.setattr(RunLoop, "prepare", overtaken)
    with pytest.raises(InputError, match="taken by another process"):
        run(tmp_path / "run", "time.max_steps=5")
    assert summary(tmp_path / "run")["steps"] == 1


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    out = run(tmp_path / "run", "time.max_steps=2", "output.checkpoint_every=1")
    simulation = Simulation.from_config(case())
    write_checkpoint(out, 3, {"temperature": simulation.temperature}, keep=2)
    before = files(out)
    assert "does not fit" in tellus("run", out, "--resume", status=2).stderr
    assert files(out) == before


def test_a_run_of_an_earlier_version_goes_on_as_it_began(tmp_path: Path) -> None:
    """Without ids and digests, nor keys for a choice of transport, whose defaults have changed."""
    out = run(tmp_path / "run", *SIMPLEST, "time.max_steps=3")
    file, arrays = out / "config.toml", read_checkpoint(out, print)
    before, _, after = file.read_text().partition("[energy]\n")
    file.write_text(before + after[after.index("[") :])
    ledger = json.loads(str(arrays["ledger"]))
    del ledger["config"]["energy"], ledger["config"]["closure"]
    del ledger["run_id"], ledger["series_sha256"], ledger["weights"]
    write_checkpoint(out, 3, arrays | {"ledger": np.array(json.dumps(ledger))}, keep=2)
    del zarr.open_group(out / STORE, mode="r+", use_consolidated=False).attrs["run_id"]
    written = summary(out)
    del written["run_id"]
    (out / "run.json").write_text(json.dumps(written))
    for steps in (5, 6):
        tellus("run", out, "--resume", "--set", f"time.max_steps={steps}")
    assert_same(out, run(tmp_path / "alone", *SIMPLEST, "time.max_steps=6"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps with a solver of one's own."""
    out = tmp_path_factory.mktemp("named") / "run"
    return run(out, "time.max_steps=2", solver=Rolls(GRID))


@pytest.fixture
def named(begun: Path, tmp_path: Path) -> Path:
    """Of that run, to go on with."""
    return Path(shutil.copytree(begun, tmp_path / "run"))


def test_a_solver_of_ones_own_is_not_replaced_in_silence(named: Path, tmp_path: Path) -> None:
    before = files(named)
    for more in ([], ["--set", "time.max_steps=3"]):
        said = tellus("run", named, "--resume", *more, status=2).stderr
        assert '"rolls" is a solver of one\'s own: hand it in again' in said
    with pytest.raises(InputError, match=r'own, "rolls": hand it in again'):
        run(named, "time.max_steps=3", resume=True)
    with pytest.raises(InputError, match='"rolls" is a solver of one'):
        run_directory(load_config(named / "config.toml"), tmp_path / "new", progress=False)
    assert files(named) == before


def test_a_solver_of_ones_own_handed_in_again_goes_on(named: Path, tmp_path: Path) -> None:
    run(named, "time.max_steps=4", resume=True, solver=Rolls(GRID))
    assert not any("own" in warning for warning in summary(named)["warnings"])
    assert_same(named, run(tmp_path / "alone", "time.max_steps=4", solver=Rolls(GRID)))


def test_another_solver_in_its_place_is_named(named: Path, begun: Path, tmp_path: Path) -> None:
    tellus("run", named, "--resume", "--set", "time.max_steps=3", "--stokes", "skip:2")
    (warning,) = (w for w in summary(named)["warnings"] if "own" in w)
    assert '"rolls"' in warning
    assert 'from "skip:2"' in warning
    out = shutil.copytree(begun, tmp_path / "python")
    run(out, "time.max_steps=3", "stokes.solver=direct", resume=True)
    assert any("own" in warning for warning in summary(out)["warnings"])


def test_an_end_that_is_no_output_time_leaves_no_trace_in_a_longer_run(tmp_path: Path) -> None:
    stokes = ("stokes.solver=skip:7", "output.checkpoint_every=100")
    short = run(tmp_path / "short", *stokes, "time.end=6.7e-4")
    assert open_run(short)["time"].values[-1] == 6.7e-4
    last = steps_of(short)[-1]
    assert steps_of(short) == [last - 1, last]
    run(short, *stokes, "time.end=6.7e-4", resume=True)
    assert summary(short)["time"] == 6.7e-4
    for later in ("8.5e-4", "1e-3"):  # extended twice
        run(short, *stokes, f"time.end={later}", resume=True)
    assert_same(short, run(tmp_path / "long", *stokes, "time.end=1e-3"))


def test_without_an_earlier_checkpoint_the_step_cut_short_is_said(tmp_path: Path) -> None:
    short = run(tmp_path / "short", "time.end=5e-4")
    early, _ = sorted((short / FOLDER).iterdir())
    early.unlink()
    run(short, "time.end=1e-3", resume=True)
    assert any("cut short" in warning for warning in summary(short)["warnings"])
    assert summary(short)["time"] == pytest.approx(1e-3)
