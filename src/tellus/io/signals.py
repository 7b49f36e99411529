"""Signals that ask a command to stop: one way for all of them.

SIGINT (Ctrl-C), SIGTERM (a queue, `kill`) and SIGHUP (a terminal that closed) mean the same. The
first is remembered. Then, by the innermost of these contexts,

- `prompt`: `Stopped`, a KeyboardInterrupt, unwinds the work at once;
- `remembered`: the work looks at `Asked.by` where it can stop well;
- `held`: `Stopped` comes when the context ends.

More signals within two seconds change nothing: a terminal sends Ctrl-C to every process of a
command, queues send several signals. Later ones are from somebody who insists, and unwind at once.

An exception that is raised in a callback from C or in ``__del__`` is only printed, and the signal
lost with it. So one that is lost there is raised again, right after, where it unwinds something.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Any

WATCHED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

INSISTS = 2.0
"""Seconds after the first signal from which another one means "at once"."""

AGAIN = 0.01
"""Seconds after which an exception that was lost is raised once more."""

PROMPT, REMEMBERED, HELD = "prompt", "remembered", "held"


class Stopped(KeyboardInterrupt):
    """A signal asks what is running to unwind.

    A KeyboardInterrupt itself, raised in code that was compiled from a string, as dataclasses and
    named tuples are made while modules are imported, is noted by the interpreter as not handled,
    and ends it by SIGINT whatever is made of it later.
    """


@dataclass
class Asked:
    """Whether a signal has asked to stop: the first one, None before."""

    by: signal.Signals | None = None
    _since: float = 0.0
    _lost: bool = False
    _ways: list[str] = field(default_factory=list)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note a signal, or raise Stopped; the handler of all signals."""
        now = monotonic()
        if self.by is None:
            self.by, self._since = signal.Signals(number), now
            if self._ways[-1] == PROMPT:
                raise Stopped
        elif self._lost or now - self._since > INSISTS:
            self._lost = False
            raise Stopped

    def take(self) -> None:
        """What was asked for is done with."""
        self.by = None


_asked: Asked | None = None
"""What signals have asked of the main thread, while handlers are set."""


def prompt() -> AbstractContextManager[Asked]:
    """Unwind what is inside as soon as a signal comes."""
    return _way(PROMPT)


@contextmanager
def remembered() -> Iterator[Asked]:
    """Leave it to what is inside when to stop; what has ended by itself needs no stopping."""
    with _way(REMEMBERED) as asked:
        try:
            yield asked
        except KeyboardInterrupt:
            raise
        except BaseException:
            asked.take()
            raise
        asked.take()


@contextmanager
def held() -> Iterator[None]:
    """Let what is inside come to its end before a signal unwinds what is around it."""
    with _way(HELD) as asked:
        before = asked.by
        yield
    late = asked.by if before is None else None
    if late is None:
        return
    if _asked is None:
        signal.raise_signal(late)  # to whoever handled it before
    elif _asked._ways[-1] == PROMPT:
        raise Stopped


@contextmanager
def _way(way: str) -> Iterator[Asked]:
    """Act in this way inside; the outermost sets handlers, and gives back those before.

    Only the main thread may do so; elsewhere nothing is ever asked.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Asked()
    elif _asked is not None:
        _asked._ways.append(way)
        try:
            yield _asked
        finally:
            _asked._ways.pop()
    else:
        with _handled(way) as asked:
            yield asked


@contextmanager
def _handled(way: str) -> Iterator[Asked]:
    global _asked
    asked = Asked(_ways=[way])
    # A shell makes what it puts into the background deaf to Ctrl-C, nohup to a closed terminal.
    watched = [n for n in WATCHED if signal.getsignal(n) is not signal.SIG_IGN]
    hook, over, again = sys.unraisablehook, threading.Event(), list[threading.Thread]()

    def ask_again(main: int, by: signal.Signals) -> None:
        while not over.wait(AGAIN):
            if asked._lost:
                signal.pthread_kill(main, by)

    def lost(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt) and asked.by is not None:
            if not again:
                main = threading.main_thread().ident
                again.append(threading.Thread(target=ask_again, args=(main, asked.by)))
                again[0].start()
            asked._lost = True  # now: raised while the thread was starting it would be lost in here
        else:
            hook(unraisable)

    _asked = asked
    before = {number: signal.signal(number, asked.receive) for number in watched}
    sys.unraisablehook = lost
    try:
        yield asked
    finally:
        _asked, sys.unraisablehook, asked._lost = None, hook, False
        over.set()
        for thread in again:
            thread.join()
        for number, handler in before.items():
            # Who waited for an import to end has nothing to do any more: see `while_importing`.
            signal.signal(number, signal.SIG_IGN if handler is _stop_at_once else handler)


def while_importing(status: int) -> None:
    """End at once, with a sentence and this status, for a signal that comes before any work."""
    global _status
    _status = status
    for number in WATCHED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop_at_once)


_status = 1


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """End at once: nothing is open yet that this could harm."""
    try:
        os.write(2, b"tellus: stopped by a signal.\n")
    finally:
        os._exit(_status)
