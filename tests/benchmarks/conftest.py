"""Benchmarks of these tests cache their fields in a folder of their own, and do not rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tellus.benchmarks.cache import cache_directory


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("tellus.benchmarks.timing.REST_SECONDS", 0.0)
        yield cache_directory()
