"""The origin of numbers: machine, versions, threads, source."""

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tellus.version import __version__

PACKAGES = ("numpy", "scipy", "numba", "torch", "xarray", "zarr", "petsc4py")


def provenance() -> dict[str, Any]:
    """What run.json and benchmark results say about their origin."""
    from tellus.solver.threads import allowed

    return {
        "tellus": __version__,
        "git": git_hash(),
        "machine": machine(),
        "threads": allowed(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def machine() -> dict[str, str | float | None]:
    """Processor, cores available to this process, memory in GiB and system."""
    import psutil

    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": available,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def git_hash() -> str | None:
    """Commit of the source tree that runs, None outside a checkout."""
    here = Path(__file__).resolve()
    try:
        # An installed copy may lie inside a checkout of something else.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    return done.stdout.strip()


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
