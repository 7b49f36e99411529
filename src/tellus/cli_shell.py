"""How every command ends: one JSON object, or one sentence and an exit status."""

import errno
import json
import logging
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from tellus.solver.errors import TellusError

if TYPE_CHECKING:
    from rich.table import Table

# Wider than any table, so that lines in a file or a pipe stay whole.
PLAIN_WIDTH = 250

FAILED, BAD_INPUT, RESUMABLE = 1, 2, 3

# Commands whose unfinished work is kept, and how to go on with it. A new `tellus run` is not
# among them: it handles signals itself, once there is something to resume.
GO_ON = {
    "dataset": "the same command goes on",
    "experiments": "the same command goes on",
    "rollout-suite": "the same command goes on",
    "train": "the same command with --resume goes on",
    "unpack": "the same command goes on",
}
RESUME = "--resume"

BAD_PATHS = {
    errno.EACCES: "see to its permissions, or name another path",
    errno.EEXIST: "name another path",
    errno.EISDIR: "name a file",
    errno.ELOOP: "name another path",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.ENOENT: "name a path that exists",
    errno.ENOTDIR: "name a path through directories only",
    errno.EPERM: "see to its permissions, or name another path",
    errno.EROFS: "name a path that can be written",
}


NO_ROOM = (errno.EDQUOT, errno.ENOSPC)


class OneSentenceGroup(TyperGroup):
    """Commands that end a foreseeable failure with a sentence and a status, not a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the arguments; refuse an empty one, which a path would take for "."."""
        if blank := _blank(args):
            complain(f"{blank} is empty: give it a value, or leave it out.")
            raise typer.Exit(BAD_INPUT)
        ctx.meta[RESUME] = RESUME in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; errors become `typer.Exit`."""
        try:
            with _signals_as_interrupt():
                return super().invoke(ctx)
        except TellusError as failure:
            sentence, status = str(failure), failure.exit_status
        except KeyboardInterrupt:
            again = "the same command goes on" if ctx.meta[RESUME] else None
            go_on = GO_ON.get(ctx.invoked_subcommand, again)
            sentence = f"stopped by a signal; {go_on}." if go_on else "stopped by a signal."
            status = RESUMABLE if go_on else FAILED
        except MemoryError as failure:
            sentence = f"out of memory ({str(failure) or 'no size given'}); try a smaller grid."
            status = FAILED
        except OSError as failure:
            if failure.errno == errno.EPIPE:
                raise
            sentence, status = _explained(failure)
        complain(sentence)
        raise typer.Exit(status)


def complain(sentence: str) -> None:
    """One line on stderr."""
    typer.echo(f"tellus: {' '.join(sentence.split())}", err=True)


class _ToStderr(logging.Handler):
    """The library's log as the command line's voice."""

    def emit(self, record: logging.LogRecord) -> None:
        label = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        complain(f"{label}{record.getMessage()}")


def listen() -> None:
    """Show what the library logs, warnings and estimates, on stderr."""
    log = logging.getLogger("tellus")
    log.handlers = [_ToStderr()]
    log.setLevel(logging.INFO)
    log.propagate = False


def say(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


def processors() -> int:
    """Processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def show(table: "Table | str") -> None:
    """Print a table; off a terminal as plain columns, as wide as they need to be.

    As it is: rich would make a picture of skip:100:linear.
    """
    from rich.console import Console

    if isinstance(table, str):
        print(table)
    elif sys.stdout.isatty():
        Console(markup=False, emoji=False).print(table)
    else:
        table.box = None
        Console(width=PLAIN_WIDTH, markup=False, emoji=False).print(table)


def deliver(
    work: Callable[[], dict[str, Any]],
    as_json: bool,
    table: "Callable[[dict[str, Any]], Table | str]",
) -> None:
    """Do the work and print its result, as a table or as the only thing on stdout."""
    if not as_json:
        show(table(work()))
        return
    with redirect_stdout(sys.stderr):
        result = work()
    print(json.dumps(plain(result), allow_nan=False))


def plain(value: Any) -> Any:
    """Strict JSON: arrays to lists, paths to strings, what is not finite to null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _explained(failure: OSError) -> tuple[str, int]:
    """What an error of the file system means, its remedy where it has one, and its status."""
    sentence = str(failure.strerror or failure)
    if failure.filename:
        sentence = f"{failure.filename}: {sentence}"
    if remedy := BAD_PATHS.get(failure.errno or 0):
        return f"{sentence}; {remedy}.", BAD_INPUT
    if failure.errno in NO_ROOM:
        return f"{sentence}; make room, or name another path.", FAILED
    return f"{sentence}.", FAILED


def _blank(args: list[str]) -> str | None:
    """The option whose value is empty, or "an argument"; None where all have one."""
    for before, arg in pairwise(["", *args]):
        if not arg.strip():
            return before if before.startswith("-") else "an argument"
        if re.fullmatch(r"--[a-z-]+=\s*", arg):
            return arg.partition("=")[0]
    return None


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that files are closed and workers stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    watched = [signal.SIGTERM]
    # A shell makes what it puts into the background deaf to Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        watched.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
