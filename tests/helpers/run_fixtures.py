"""Fixtures of several folders of tests."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from helpers.small_data import GRID, waves, write_dataset


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """As the subprocesses that they are compared with; sums keep their order."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(autouse=True)
def library_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run earlier in this process took the log over."""
    log = logging.getLogger("tellus")
    monkeypatch.setattr(log, "propagate", True)
    monkeypatch.setattr(log, "handlers", [])


@pytest.fixture
def one_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a run show T alone: the others are drawn alike, each in a second."""
    from tellus.coupling.output import pictures

    looks = pictures._looks
    monkeypatch.setattr(
        pictures, "_looks", lambda *given: {"temperature": looks(*given)["temperature"]}
    )


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of eight simulations, which no test changes."""
    root = tmp_path_factory.mktemp("data")
    write_dataset(root, GRID, waves())
    return root
