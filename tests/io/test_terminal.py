"""Lost, full and closed terminals: a run goes on to its end, and ends with its own status."""

import io
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from helpers.forked import ended, forked
from helpers.rollouts import case, short_run, summary, write_case
from tellus.__main__ import main
from tellus.coupling.runs import progress
from tellus.coupling.runs.run import run_directory
from tellus.io.terminal import unfailing


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


def without_streams() -> None:
    """As a process finds them that is started so."""
    os.closerange(1, 3)
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


def into(out: int, error: int | None = None, encoding: str | None = None) -> None:
    """Both streams, or one into each of two descriptors."""
    for number, descriptor in ((1, out), (2, out if error is None else error)):
        os.dup2(descriptor, number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding=encoding) for number in (1, 2))


def command(*words: str, status: int = 0) -> None:
    """A command in a process that is made for it, with what happens to streams at its end."""
    sys.argv = ["tellus", *words]
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code or 0) == status
    sys.stdout.flush()  # as the interpreter does, whatever the command's status


STREAMS: dict[str, Callable[[], None]] = {
    "full": lambda: into(os.open("/dev/full", os.O_WRONLY)),
    "closed": without_streams,
    "lost": lambda: into(lost_terminal()),
}


@pytest.mark.parametrize("streams", STREAMS)
def test_a_run_ends_well_whatever_became_of_its_streams(streams: str, tmp_path: Path) -> None:
    config = write_case(tmp_path / "case.toml", "time.max_steps=3")

    def run() -> None:
        STREAMS[streams]()
        command("run", str(config), "--out", str(tmp_path / "run"))

    assert ended(forked(run), 250.0) == 0
    assert summary(tmp_path / "run")["status"] == "done"
    for file in tmp_path.rglob("*"):
        # A closed stream's number must not become a file's.
        assert not file.is_file() or b"steps to t" not in file.read_bytes()


def test_names_are_said_in_the_characters_there_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"r\xe9sultat \xc3\xa9")
    short_run(tmp_path / name)
    said = tmp_path / "said"

    def told() -> None:
        into(os.open(said, os.O_WRONLY | os.O_CREAT), encoding="ascii")
        command("info", str(tmp_path / name))

    assert ended(forked(told)) == 0
    assert rb"r\udce9sultat \xe9" in said.read_bytes()


def test_a_result_that_cannot_be_printed_is_a_failure(tmp_path: Path) -> None:
    said = tmp_path / "said"

    def listed() -> None:
        into(os.open("/dev/full", os.O_WRONLY), os.open(said, os.O_WRONLY | os.O_CREAT))
        command("solvers", status=1)

    assert ended(forked(listed)) == 0
    assert "No space left" in said.read_text()
    assert "Traceback" not in said.read_text()


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
