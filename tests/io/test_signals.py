"""Signals: one way for all commands, none lost, none that changes what another one began."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from helpers.forked import ended, forked
from tellus.cli import app
from tellus.cli.shell import OneSentenceGroup
from tellus.coupling.cluster import deaf_children
from tellus.errors import GO_ON
from tellus.io import signals
from tellus.io.signals import WATCHED, held, prompt, remembered

HUP, INT, TERM = signal.SIGHUP, signal.SIGINT, signal.SIGTERM


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Each test finds the handlers of a fresh process, and gives back those of pytest."""
    before = {number: signal.getsignal(number) for number in WATCHED}
    hook = sys.unraisablehook
    for number in WATCHED:
        signal.signal(number, signal.SIG_DFL)
    yield
    assert {signal.getsignal(number) for number in WATCHED} == {signal.SIG_DFL}
    assert sys.unraisablehook is hook
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", WATCHED)
def test_the_first_unwinds_at_once(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), prompt() as asked:  # noqa: PT012
        signal.raise_signal(number)
        pytest.fail("went on")
    assert asked.by is number


def test_more_of_them_do_not_disturb_the_unwinding() -> None:
    ended = False
    with pytest.raises(KeyboardInterrupt), prompt():  # noqa: PT012
        try:
            signal.raise_signal(INT)
        finally:
            signal.raise_signal(TERM)
            signal.raise_signal(HUP)
            ended = True
    assert ended


def test_work_that_looks_by_itself_is_not_unwound() -> None:
    with prompt() as outer, remembered() as asked:
        for _ in range(5):
            signal.raise_signal(HUP)
        assert asked.by is HUP
    assert outer.by is None  # it ended by itself


def test_who_insists_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "monotonic", iter([10.0, 11.9, 12.1]).__next__)
    with pytest.raises(KeyboardInterrupt), remembered() as asked:  # noqa: PT012
        signal.raise_signal(INT)
        signal.raise_signal(INT)
        assert asked.by is INT
        signal.raise_signal(INT)
        pytest.fail("went on")


def test_what_must_not_be_cut_in_two_ends_first() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), prompt():  # noqa: PT012
        with held():
            signal.raise_signal(TERM)
            done.append("inside")
        done.append("after")
    assert done == ["inside"]


def test_a_handler_of_the_caller_gets_what_was_held() -> None:
    received = []
    signal.signal(TERM, lambda number, frame: received.append(number))
    with held():
        signal.raise_signal(TERM)
        assert received == []
    assert received == [TERM]
    signal.signal(TERM, signal.SIG_DFL)


class Swallows:
    """Signals, and so raises, where Python only prints exceptions."""

    def __del__(self) -> None:
        signal.raise_signal(TERM)


def test_one_that_is_lost_in_a_finaliser_is_raised_again() -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), prompt():  # noqa: PT012
        Swallows()
        while time.monotonic() - started < 20.0:
            time.sleep(0.001)
        pytest.fail("went on")


def test_other_exceptions_in_finalisers_are_printed_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ValueError("of its own")

    seen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_value))
    with prompt():
        Fails()
    assert [str(value) for value in seen] == ["of its own"]
    monkeypatch.undo()


def test_ignored_ones_stay_ignored() -> None:
    """`nohup`, and shells that put a command into the background, ask for that."""
    signal.signal(HUP, signal.SIG_IGN)
    with prompt() as asked:
        signal.raise_signal(HUP)
    assert asked.by is None
    signal.signal(HUP, signal.SIG_DFL)


def test_one_that_comes_while_a_class_is_made_from_text_leaves_the_exit_status_alone() -> None:
    """The interpreter notes a KeyboardInterrupt in there as not handled, and dies of it."""
    program = """
import signal
from tellus.io.signals import prompt
try:
    with prompt():
        exec("signal.raise_signal(signal.SIGTERM)")
except KeyboardInterrupt:
    raise SystemExit(3)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 3


def test_only_the_main_thread_listens() -> None:
    found = []

    def work() -> None:
        with prompt() as asked, remembered(), held():
            found.append((asked.by, signal.getsignal(TERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, signal.SIG_DFL)]


def toy(swallow: bool = False) -> typer.Typer:
    commands = typer.Typer(cls=OneSentenceGroup)

    @commands.command()
    def plot() -> None:
        try:
            signal.raise_signal(TERM)
        except KeyboardInterrupt:
            if not swallow:
                raise ValueError("what a library makes of it") from None

    @commands.command()
    def dataset() -> None:
        signal.raise_signal(INT)

    @commands.command()
    def quiet() -> None:
        pass

    return commands


@pytest.mark.parametrize(
    ("command", "swallow", "status", "said"),
    [
        ("plot", False, 1, "tellus: stopped by SIGTERM.\n"),
        ("plot", True, 1, "tellus: stopped by SIGTERM.\n"),
        ("dataset", False, 3, "tellus: stopped by SIGINT; the same command goes on.\n"),
        ("quiet", False, 0, ""),
    ],
)
def test_whatever_becomes_of_the_exception_the_command_ends_alike(
    command: str, swallow: bool, status: int, said: str
) -> None:
    result = CliRunner().invoke(toy(swallow), [command])
    assert (result.exit_code, result.stderr) == (status, said)


def test_commands_that_go_on_are_commands() -> None:
    assert set(GO_ON) <= {typer.main.get_command_name(str(c.name or c.callback.__name__))
                          for c in app.registered_commands if c.callback is not None}  # fmt: skip


def starts_deaf_children() -> None:
    with pytest.raises(KeyboardInterrupt), prompt():  # noqa: PT012
        with held(), deaf_children():
            os.kill(os.getpid(), INT)
            assert signal.pthread_sigmask(signal.SIG_BLOCK, []) >= {INT, HUP}
        pytest.fail("went on")
    assert not {INT, HUP} & signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getsignal(INT) is signal.SIG_DFL


def test_what_is_started_deaf_leaves_a_signal_to_its_parent() -> None:
    """In a process of its own: threads that other tests started don't block signals."""
    assert ended(forked(starts_deaf_children)) == 0
