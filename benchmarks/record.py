"""What every benchmark's result says about its origin, and where it is kept."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tellus.coupling.runs.provenance import provenance
from tellus.io.busy import BUSY_PERCENT
from tellus.io.whole_file import write_atomically
from tellus.solver.grid import Grid

from .fields import Case
from .timing import thread_pools


def document(
    benchmark: str, grids: Sequence[Grid], case: Case, repeats: int, busy: float
) -> dict[str, Any]:
    """The result without its rows. Call it where the threads are set as they were timed."""
    return {
        "benchmark": benchmark,
        "grid": ",".join(str(grid) for grid in grids),
        "repeats": repeats,
        "case": asdict(case),
        "background_load_percent": busy,
        "thread_pools": thread_pools(),
        **provenance(),
    }


def save(result: Mapping[str, Any], out: Path) -> Path:
    """Write a result as JSON and return where it lies.

    Into the file `out`, or, where `out` is a directory or does not end in
    .json, into a file of it named after the benchmark, the processor and the threads.
    """
    if out.suffix != ".json" or out.is_dir():
        label = machine_label(result["machine"], result["threads"])
        out = out / f"{result['benchmark']}-{label}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(result, indent=1, allow_nan=False)
    write_atomically(out, content.encode() + b"\n")
    return out


def machine_label(machine: Mapping[str, Any], threads: int) -> str:
    """Processor and threads as a part of a file name.

    >>> machine_label({"processor": "AMD EPYC (TM) 7763"}, 2)
    'amd-epyc-tm-7763-2-threads'
    """
    plural = "thread" if threads == 1 else "threads"
    words = re.findall(r"[a-z0-9]+", f"{machine['processor']} {threads} {plural}".lower())
    return "-".join(words)


def setting(result: Mapping[str, Any]) -> str:
    """One line under a table: machine, threads and versions."""
    machine, versions = result["machine"], result["versions"]
    named = ", ".join(
        f"{name} {versions[name]}" for name in ("numpy", "scipy", "torch") if name in versions
    )
    threads = f"{result['threads']} of {machine['cores']} threads"
    parts = [f"{machine['processor']}, {threads}, {named}"]
    if "repeats" in result:
        parts.append(f"median (smallest to largest) of {result['repeats']}")
    busy = result["background_load_percent"]
    if busy > BUSY_PERCENT:
        parts.append(f"{busy:.0f} % of the machine was busy with other work")
    return "; ".join(parts)


def milliseconds(row: Mapping[str, Any], name: str = "seconds") -> str:
    """A median with its extremes, in milliseconds."""
    middle, low, high = (1e3 * row[key] for key in (name, f"{name}_min", f"{name}_max"))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
