"""For all tests: nothing waits for disks, or to see how busy the machine is; few examples drawn."""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import cache
from traceback import walk_stack
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import typer.testing
import zarr.core.sync
from hypothesis import settings
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.mathtext import MathTextParser

# Metadata without indents, which only the encoder in Python writes; also in other processes.
os.environ["ZARR_JSON_INDENT"] = "None"

# A busy machine is no failure.
settings.register_profile("few", deadline=None, max_examples=25)
settings.register_profile("many", deadline=None, max_examples=100)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("few" if config.option.markexpr == "not slow" else "many")
    gc.disable()


def pytest_collection_finish() -> None:
    """Libraries and tests stay: to look through them for garbage would take seconds."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def no_waiting() -> Iterator[None]:
    """Power cuts are not tested, nor are seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        patch.setattr(psutil, "cpu_percent", lambda interval=None: 0.0)
        patch.setattr("tellus.benchmarks.harness.REST_SECONDS", 0.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_threads_for_small_files() -> Iterator[None]:
    """Zarr's loop has a thread, and so has each of its files: that takes longer than the file."""
    loops, elsewhere = threading.local(), asyncio.run_coroutine_threadsafe

    async def here(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    def at_once(work: Any, loop: asyncio.AbstractEventLoop) -> Future[Any]:
        if asyncio._get_running_loop() is not None:
            return elsewhere(work, loop)
        if not hasattr(loops, "own"):
            loops.own = asyncio.new_event_loop()
        done = Future[Any]()
        done.set_result(loops.own.run_until_complete(work))
        return done

    without = SimpleNamespace(**vars(asyncio) | {"run_coroutine_threadsafe": at_once})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "to_thread", here)
        patch.setattr(zarr.core.sync, "asyncio", without)
        yield


@pytest.fixture(autouse=True, scope="session")
def parser_once() -> Iterator[None]:
    """To build that of the command line takes longer than most commands that end in a sentence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True, scope="session")
def few_dots() -> Iterator[None]:
    """What is on a picture is tested, not its dots, nor how its parts fit together.

    The first picture of its kind that a place in the code makes is drawn, in few dots; later ones
    are empty, but in tests that are to see them `drawn`.
    """
    savefig, known = Figure.savefig, set[tuple[object, ...]]()

    def coarse(figure: Figure, *to: Any, **how: Any) -> None:
        place = next(
            (frame.f_code, line, how.get("format"))
            for frame, line in walk_stack(sys._getframe(1))
            if frame.f_code.co_name not in {"picture", "save_picture"}
        )
        shown = ((a.get_xlabel(), a.get_ylabel(), len(a.lines)) for a in figure.axes)
        kind = (*place, *shown)
        figure.set_layout_engine("none")
        if how.get("format") == "png":
            how["dpi"] = 72
        with pytest.MonkeyPatch.context() as patch:
            if kind in known and not EVERY_PICTURE:
                patch.setattr(Figure, "draw", lambda *of: None)
            known.add(kind)
            savefig(figure, *to, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", coarse)
        yield


EVERY_PICTURE: list[None] = []


@pytest.fixture
def drawn() -> Iterator[None]:
    """In this test, every picture is drawn."""
    EVERY_PICTURE.append(None)
    yield
    EVERY_PICTURE.clear()


LAYING_OUT = {
    (ConstrainedLayoutEngine, "execute"): ConstrainedLayoutEngine.execute,
    (Axes, "_update_title_position"): Axes._update_title_position,
    (XAxis, "_update_label_position"): XAxis._update_label_position,
    (YAxis, "_update_label_position"): YAxis._update_label_position,
}


@pytest.fixture(autouse=True, scope="module")
def nothing_laid_out() -> Iterator[None]:
    """Half of a picture's seconds go into fitting its parts together."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in LAYING_OUT:
            patch.setattr(owner, name, lambda *of: None)
        yield


@pytest.fixture
def laid_out(drawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """But in this test, its parts are fitted together."""
    for (owner, name), method in LAYING_OUT.items():
        monkeypatch.setattr(owner, name, method)


@pytest.fixture(autouse=True, scope="session")
def formulas_once() -> Iterator[None]:
    """Half of a picture's seconds go into numbers at ticks, each set anew for every picture."""
    typeset: Any = MathTextParser._parse_cached
    known: dict[Any, Any] = {}

    def once(parser: Any, *formula: Any) -> Any:
        key = (parser._output_type, *formula)
        if key not in known:
            known[key] = typeset.__wrapped__(parser, *formula)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MathTextParser, "_parse_cached", once)
        yield
