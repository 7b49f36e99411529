"""For all tests: nothing waits for disks, or to see how busy the machine is."""

import os
from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture(autouse=True, scope="session")
def no_waiting() -> Iterator[None]:
    """Power cuts are not tested, nor are seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        patch.setattr(psutil, "cpu_percent", lambda interval=None: 0.0)
        patch.setattr("tellus.benchmarks.timing.REST_SECONDS", 0.0)
        yield
