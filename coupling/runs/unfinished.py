"""What a run that still goes on, or was killed, has reached: run.json tells of its start alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellus.coupling.runs.checkpoint import read_checkpoint
from tellus.errors import InputError
from tellus.io.json_file import parse_json
from tellus.io.lock import in_use

RUNNING = "running"

Summary = Mapping[str, Any]


def so_far(run: Path, summary: Summary) -> Summary:
    """run.json of a run as it would stand at its newest checkpoint, where it has not ended.

    Steps, time and seconds are those of one and the same moment, so that a price can be taken
    from them; without a checkpoint after its start a run that has not ended has taken no step
    that is known, and has no price.
    """
    if summary["status"] != RUNNING:
        return summary
    try:
        arrays = read_checkpoint(run, lambda sentence: None)
        ledger = parse_json(str(arrays["ledger"]))
        statistics, seconds = ledger["tally"], {"total": ledger["seconds"]}
        seconds |= {"stokes": statistics["stokes"], "energy": statistics["energy"]}
        return {
            **summary,
            "steps": int(arrays["steps"]),
            "time": float(arrays["clock"][0]),
            "seconds": seconds | {"output": ledger["output_seconds"]},
            "others_percent": ledger.get("others_percent"),
        }
    except (InputError, LookupError, ValueError, TypeError):
        return {**summary, "steps": 0}


def state(run: Path, summary: Summary) -> str:
    """Its status, and of one that has not ended whether it goes on or was killed."""
    if summary["status"] != RUNNING:
        return str(summary["status"])
    return RUNNING if in_use(run) else "killed"
