"""Benchmarks of these tests cache their fields in a folder of their own, made of short runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from convecting import short_states
from small_data import GRID, waves, write_dataset

from tellus.benchmarks import fields
from tellus.benchmarks.fields import cache_directory


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(fields, "make_states", short_states)
        yield cache_directory()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of eight simulations, which no test changes."""
    root = tmp_path_factory.mktemp("data")
    write_dataset(root, GRID, waves())
    return root
