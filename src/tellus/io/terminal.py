"""A terminal, pipe or log that may be lost, full or closed: what is said there never ends a run."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO, cast


class Unfailing(io.TextIOBase):
    """A text stream whose writes never fail.

    What the stream behind it has no characters for is escaped; what it cannot take is lost.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind it."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str, /) -> int:
        """Write, at once; TypeError for bytes, by which click tells text streams from others."""
        if not isinstance(text, str):
            raise TypeError(f"a text stream takes str, not {type(text).__name__}")
        # A closed file raises ValueError, a lost terminal EIO, a full disk ENOSPC.
        with suppress(OSError, ValueError, AttributeError):
            shown = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
            self._stream.write(shown)  # type: ignore[union-attr]
            self._stream.flush()  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        """Pass on what the stream behind it still holds."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()  # type: ignore[union-attr]

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether a terminal is still there."""
        with suppress(OSError, ValueError, AttributeError):
            return self._stream.isatty()  # type: ignore[union-attr]
        return False

    def fileno(self) -> int:
        """The descriptor of the stream behind it; OSError where it has none."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        number: int = self._stream.fileno()
        return number


def stderr() -> TextIO:
    """The stream of progress, warnings and complaints."""
    return unfailing(sys.stderr)


def stdout() -> TextIO:
    """The stream of lines about finished work; results are printed, and may fail."""
    return unfailing(sys.stdout)


def silence() -> None:
    """Lose what is said from now on: of several processes that say the same, one is enough."""
    global _silent
    _silent = True


_silent = False


def unfailing(stream: TextIO | None) -> TextIO:
    """A stream as one whose writes never fail."""
    if _silent:
        stream = None
    made = stream if isinstance(stream, Unfailing) else Unfailing(stream)
    return cast(TextIO, made)


def prepare() -> None:
    """Make the streams of this process, a command's, such that no name and no loss ends it."""
    # Else a file that is written would get the number of a closed stream, and its text.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr = stderr()


def finish() -> None:
    """Let the interpreter end with the command's status, whatever its streams still hold."""
    for number, stream in ((1, sys.stdout), (2, sys.__stderr__)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
