"""Lost, full and closed terminals: a run goes on to its end, and ends with its own status."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rollouts import case

from tellus.config import dump
from tellus.coupling.runs import progress
from tellus.coupling.runs.run import run_directory
from tellus.io.terminal import unfailing

TELLUS = f"{sys.executable} -m tellus"


class Lost(io.StringIO):
    """A stream that takes nothing; `terminal` is what it says of itself."""

    terminal = False

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def isatty(self) -> bool:
        return self.terminal


def lost_terminal() -> int:
    """A descriptor of a terminal whose other end is closed."""
    master, slave = pty.openpty()
    os.close(master)
    return slave


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_that_nobody_sees_ends_no_run(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Lost()
    stream.terminal = terminal
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.0)
    done = run_directory(case("time.max_steps=3"), tmp_path / "run")
    assert (done["status"], done["steps"]) == ("done", 3)


@pytest.mark.parametrize(
    "streams",
    [
        # Slow, as it shows little more: what is written fails as on a terminal that is lost.
        pytest.param(">/dev/full 2>&1", id="full", marks=pytest.mark.slow),
        pytest.param(">&- 2>&-", id="closed"),
        pytest.param("2>&3 >&3", id="lost"),
    ],
)
def test_a_run_ends_well_whatever_became_of_its_streams(streams: str, tmp_path: Path) -> None:
    config = tmp_path / "case.toml"
    config.write_text(dump(case("time.max_steps=3")))
    command = f"{TELLUS} run {config} --out {tmp_path / 'run'} {streams}"
    descriptor = lost_terminal()
    try:
        code = f"exec 3<&{descriptor}; {command}" if "&3" in streams else command
        done = subprocess.run(["bash", "-c", code], pass_fds=[descriptor], timeout=300)
    finally:
        os.close(descriptor)
    assert done.returncode == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"
    for file in tmp_path.rglob("*"):
        # A closed stream's number must not become a file's.
        assert not file.is_file() or b"steps to t" not in file.read_bytes()


def test_names_are_said_in_the_characters_there_are(tmp_path: Path) -> None:
    config = tmp_path / "case.toml"
    config.write_text(dump(case("time.max_steps=2")))
    name = b"r\xe9sultat \xc3\xa9"
    done = subprocess.run(
        [sys.executable, "-m", "tellus", "run", config, "--out", name],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert rb"r\udce9sultat \xe9" in done.stdout


def test_a_result_that_cannot_be_printed_is_a_failure(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{TELLUS} solvers >/dev/full", shell=True, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_stream_cannot_express_is_escaped() -> None:
    behind = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print("é \udce9", file=unfailing(behind))
    assert behind.buffer.getvalue() == b"\\xe9 \\udce9\n"  # type: ignore[attr-defined]
    print("x", file=unfailing(None))
    behind.close()
    print("x", file=unfailing(behind))


def test_complaints_of_the_command_line_itself_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an unknown option, say: click asks a stream by what it takes whether it is one of text."""
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", unfailing(heard))
    typer.echo("Error: No such option", err=True)
    assert heard.getvalue() == "Error: No such option\n"
