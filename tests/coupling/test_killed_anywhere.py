"""SIGKILL at any moment of a run, also between output and checkpoint: it resumes bitwise.

Files appear by being renamed, those of the fields included, so the moments that can
leave different things on disk are those before a rename. A helper process forks one
child for each of them, before anything has started threads.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.rollouts import assert_same, case, files, ran, summary
from tellus import open_run
from tellus.config import dump
from tellus.coupling.directory.checkpoint import read_checkpoint
from tellus.coupling.directory.files import CONFIG

OVERRIDES = (
    "stokes.solver=skip:3",
    "time.max_steps=12",
    "output.every=4e-4",
    "output.checkpoint_every=5",
)

KILLER = """
import os, signal
from pathlib import Path
from tellus.config import load_config
from tellus.coupling.runs import run as running, time_loop
from tellus.coupling.simulation.loop import Simulation

config = load_config("case.toml")
Simulation.from_config(config).step()  # what it compiles and loads, no child needs to
os.fsync = lambda file: None
replace, checkpoint = Path.replace, time_loop.RunLoop._checkpoint

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def child(name, moment):
    renamed = 0
    def counted(path, target):
        nonlocal renamed
        renamed += 1
        if moment == renamed:
            die()
        return replace(path, target)
    def between(run):
        if run.last_output_step == run.simulation.steps > 0:
            die()
        checkpoint(run)
    Path.replace = counted
    if moment == "between":
        time_loop.RunLoop._checkpoint = between
    running.run_directory(config, name, progress=False)
    Path("renamed").write_text(str(renamed))

def forked(name, moment):
    pid = os.fork()
    if pid == 0:
        try:
            child(name, moment)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

forked("alone", None)
renames = int(Path("renamed").read_text())
for moment in ["between", 1, 2, renames - 1, *(k * renames // 4 for k in range(1, 4))]:
    forked(f"killed-{moment}", moment)
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs killed at moments spread over their life, and one left alone."""
    directory = tmp_path_factory.mktemp("killed")
    (directory / "case.toml").write_text(dump(case(*OVERRIDES)))
    subprocess.run(
        [sys.executable, "-c", KILLER],
        cwd=directory,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        timeout=250,
    )
    return directory


def test_killed_runs_resume_bitwise(directory: Path) -> None:
    alone = directory / "alone"
    assert summary(alone)["status"] == "done"
    between = directory / "killed-between"
    ledger = json.loads(str(read_checkpoint(between, print)["ledger"]))
    assert open_run(between).sizes["time"] > ledger["outputs"], "nothing to cut"

    killed = sorted(directory.glob("killed-*"))
    assert len(killed) == 7
    for run in killed:
        if (run / "run.json").exists():
            assert summary(run)["status"] == "running"
        # Before config.toml there is no run yet; everything later is resumed.
        resume = (run / CONFIG).exists()
        ran(run, *OVERRIDES, resume=resume)
        assert_same(run, alone)
        assert not [name for name in files(run / "checkpoints") if name.endswith(".partial")]
