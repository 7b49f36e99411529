"""How every command ends: one JSON object, or one sentence and an exit status."""

import errno
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperGroup

from tellus.errors import (
    BAD_INPUT,
    FAILED,
    GO_ON,
    RESUMABLE,
    RESUME,
    InterruptedRunError,
    TellusError,
    extras,
)
from tellus.io import terminal
from tellus.io.json_file import plain
from tellus.io.shown import shown
from tellus.io.signals import Asked, prompt
from tellus.io.whole_file import NO_ROOM

if TYPE_CHECKING:
    from rich.table import Table

Result = TypeVar("Result")

# Wider than any table, so that lines in a file or a pipe stay whole.
PLAIN_WIDTH = 250

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
        asked = Asked()
        try:
            with prompt() as asked, extras():
                result = super().invoke(ctx)
                if asked.by is None:
                    return result
            sentence, status = _stopped(ctx, asked)  # and what it unwound was not this
        except InterruptedRunError as failure:
            sentence, status = str(failure), failure.exit_status
        except SystemExit as failure:  # commands raise `typer.Exit`
            sentence = (
                f"a part of one's own called exit({failure.code!r}): let it raise an error instead."
            )
            status = FAILED
        except (Exception, KeyboardInterrupt) as failure:
            if asked.by is not None or isinstance(failure, KeyboardInterrupt):
                sentence, status = _stopped(ctx, asked)
            else:
                sentence, status = _failed(failure)
        complain(sentence)
        raise typer.Exit(status)


def _stopped(ctx: Any, asked: Asked) -> tuple[str, int]:
    """What to say after a signal, and whether what was begun can go on."""
    name = "a signal" if asked.by is None else asked.by.name
    again = "the same command goes on" if ctx.meta[RESUME] else None
    go_on = GO_ON.get(ctx.invoked_subcommand, again)
    return f"stopped by {name}{f'; {go_on}' if go_on else ''}.", RESUMABLE if go_on else FAILED


def _failed(failure: BaseException) -> tuple[str, int]:
    """What to say of a foreseeable failure; any other is raised again."""
    if isinstance(failure, TellusError):
        return str(failure), failure.exit_status
    if isinstance(failure, MemoryError):
        size = str(failure) or "no size given"
        return f"out of memory ({size}); try a smaller grid.", FAILED
    if isinstance(failure, OSError) and failure.errno != errno.EPIPE:
        return _explained(failure)
    raise failure


def complain(sentence: str) -> None:
    """One line on stderr."""
    print(f"tellus: {shown(' '.join(sentence.split()))}", file=terminal.stderr())


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
    """One line of progress, at once; where nobody can read it, work goes on."""
    print("\n".join(shown(part) for part in line.split("\n")), file=terminal.stdout())


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
        print(table, flush=True)
    elif sys.stdout.isatty():
        Console(markup=False, emoji=False).print(table)
    else:
        table.box = None
        Console(width=PLAIN_WIDTH, markup=False, emoji=False).print(table)


def deliver(
    work: Callable[[], Result],
    as_json: bool,
    table: "Callable[[Result], Table | str]",
) -> Result:
    """Do the work and print its result, as a table or as the only thing on stdout."""
    if as_json:
        with redirect_stdout(terminal.stderr()):
            result = work()
        print(json.dumps(plain(result), allow_nan=False), flush=True)
    else:
        result = work()
        show(table(result))
    return result


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
