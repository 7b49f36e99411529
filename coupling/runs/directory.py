"""What a run directory holds, and whether a run may begin or go on in one."""

import json
import os
from pathlib import Path

from tellus.config import Config, check_resumable, dump, load_config
from tellus.coupling.runs.checkpoint import FOLDER, has_checkpoint
from tellus.coupling.runs.fields import STORE
from tellus.coupling.runs.timeseries import NAME as SERIES
from tellus.errors import InputError
from tellus.io.whole_file import refuse_link

CONFIG, SUMMARY = "config.toml", "run.json"
CONTENTS = (CONFIG, SUMMARY, SERIES, STORE, FOLDER)


def check_free(out: Path) -> None:
    """Refuse a directory that holds a run, or what is left of one (InputError)."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: choose another directory.")
    place = next(path for path in (out, *out.absolute().parents) if os.path.lexists(path))
    if not place.is_dir():
        raise InputError(
            f"{out} cannot be written ({place} is no directory): see to that, or choose another "
            "directory."
        )
    refuse_foreign(out)
    if (out / CONFIG).exists():
        raise InputError(f"{out} already holds a run: choose another directory, or resume it.")
    for name in CONTENTS:
        if os.path.lexists(out / name):
            raise InputError(
                f"{out} holds what is left of a run ({name}): choose another directory, or "
                "move that away."
            )


def refuse_foreign(out: Path) -> None:
    """Raise InputError where config.toml is a user's own, which a run would replace.

    A run that was killed at its very beginning has left nothing else; its file is as written here.
    """
    file = out / CONFIG
    if not file.is_file() or any(
        os.path.lexists(out / name) for name in CONTENTS if name != CONFIG
    ):
        return
    try:
        written_here = file.read_bytes() == dump(load_config(file)).encode()
    except InputError:
        written_here = False
    if not written_here:
        raise InputError(
            f"{file} is no run's, and a run would replace it: choose another directory, or rename "
            "the file."
        )


def check_same_physics(config: Config, out: Path) -> None:
    """Refuse what is no run, began with other physics, or leads elsewhere (InputError)."""
    stored = out / CONFIG
    if not stored.is_file():
        raise InputError(f"{out} holds no run to resume: it has no {CONFIG}.")
    refuse_foreign(out)
    check_resumable(load_config(stored), config)
    for name in (FOLDER, STORE):
        refuse_link(out / name)


def check_same_run(out: Path, run_id: str | None) -> None:
    """Refuse a checkpoint of another run than the one that run.json tells of (InputError)."""
    try:
        stored = json.loads((out / SUMMARY).read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, LookupError, TypeError):
        # Written anew by every call, so that no run depends on it; earlier versions had no id.
        return
    if stored != run_id:
        raise InputError(
            f"{out / FOLDER}: the checkpoint is of another run than {SUMMARY}: copy both from one "
            "run, or start the run anew."
        )


def began(out: Path) -> bool:
    """Whether there is anything to go on from; if not, a kill came before the first checkpoint."""
    return has_checkpoint(out) or (out / SUMMARY).exists()
