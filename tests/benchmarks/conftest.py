"""Benchmarks of these tests cache their fields in a folder of their own, made of short runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.convecting import short_states
from helpers.run_fixtures import dataset
from tellus.benchmarks import fields
from tellus.benchmarks.fields import cache_directory

__all__ = ["cache", "dataset"]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(fields, "make_states", short_states)
        yield cache_directory()
