"""Results on disk, and what tables say of their origin."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellus.errors import InputError
from tellus.io.busy import BUSY_PERCENT
from tellus.io.json_file import brief, parse_json, small_file, write_json
from tellus.io.places import refuse_blocked


def saved(result: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """The result, kept in `out` where that is named; see `save`."""
    if out is not None:
        save(result, out)
    return result


def save(result: Mapping[str, Any], out: Path) -> Path:
    """Write a result as JSON and return where it lies.

    Into the file `out`, or, where `out` is a directory or does not end in
    .json, into a file of it named after the benchmark, the processor and the threads.
    """
    if out.suffix != ".json" or out.is_dir():
        label = machine_label(result["machine"], result["threads"])
        out = out / f"{result['benchmark']}-{label}.json"
    refuse_other(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    return out


def refuse_other(out: Path | None) -> Path | None:
    """Return `out`; InputError where nothing may be written, or a file is no benchmark's result."""
    if out is not None:
        refuse_blocked(out)
    if out is not None and out.is_file() and "benchmark" not in read_result(out):
        raise InputError(f"{out} is not a benchmark's result: choose another --out.")
    return out


def read_result(path: Path) -> dict[str, Any]:
    """A saved result; InputError where it is missing or damaged."""
    try:
        return parse_json(small_file(path))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not a benchmark's result ({brief(error)}): name another path, or make it "
            "anew."
        ) from None


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
