"""Tests that need PETSc, or MKL: skipped without, or failed where TELLUS_REQUIRE_PETSC is set."""

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

PATIENCE = 280.0
"""Seconds for a process of its own; less than pytest's limit, so that its output is shown."""

SHARED_CORES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


@pytest.fixture
def petsc() -> None:
    """For tests that need petsc4py."""
    need(find_spec("petsc4py") is not None, "petsc4py is not installed: make petsc")


@pytest.fixture
def mpirun(petsc: None) -> None:
    """For tests that start several processes."""
    need(shutil.which("mpirun") is not None, "there is no mpirun: make petsc")


def need(there: bool, otherwise: str) -> None:
    if not there:
        (pytest.fail if os.environ.get("TELLUS_REQUIRE_PETSC") else pytest.skip)(otherwise)


@cache
def has_mkl() -> bool:
    """Whether MKL itself is there, which pypardiso looks for when it is used."""
    try:
        from pypardiso import PyPardisoSolver

        PyPardisoSolver()
    except (ImportError, OSError):
        return False
    return True


def run_python(*arguments: str | Path, ranks: int = 0) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments, under mpirun if `ranks` is given."""
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    return subprocess.run(
        [*launcher, sys.executable, *map(str, arguments)],
        env=os.environ | SHARED_CORES,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
