"""Kernels where what was compiled cannot be kept."""

import logging

import numba.core.caching as caching
import pytest

from tellus.solver import kernel as compiling
from tellus.solver.kernel import kernel


def double(value: float) -> float:
    return 2.0 * value


def triple(value: float) -> float:
    return 3.0 * value


def test_a_place_that_cannot_be_written_costs_time_alone_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Numba raises an error of its own where no place is left, as in a read-only image."""
    with caplog.at_level(logging.INFO, "tellus"):
        assert kernel()(double)(2.0) == 4.0
    assert not caplog.records  # where it can be written nothing is said
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    compiling._say_that_nothing_is_kept.cache_clear()
    with caplog.at_level(logging.INFO, "tellus"):
        assert kernel()(double)(2.0) == 4.0
        assert kernel(inline="always")(triple)(2.0) == 6.0
    (record,) = caplog.records
    assert "NUMBA_CACHE_DIR" in record.getMessage()
    compiling._say_that_nothing_is_kept.cache_clear()
