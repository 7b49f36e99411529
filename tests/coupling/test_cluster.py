"""Local clusters of worker processes."""

import os

from tellus.coupling.cluster import run_all


def test_workers_keep_freed_memory_and_have_one_thread() -> None:
    """Dask's own setting returns every freed array, at twice the cost of a step at 512x128."""
    names = ["MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS"]
    assert set(run_all(os.getenv, [(name,) for name in names])) == {None, "1"}
