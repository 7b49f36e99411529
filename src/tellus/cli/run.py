"""What `tellus run` settles before the time loop starts: configuration and directory."""

import json
from collections.abc import Sequence
from pathlib import Path

from tellus.config import Config, check_resumable, load_config, load_stored_config
from tellus.config.own_class import NO_CLOSURE, closure_settings
from tellus.config.presets import preset as preset_settings
from tellus.errors import InputError
from tellus.io.recognised import RUN, expect, lost, unexpected

from .shell import complain

RUNS = Path("runs")


def configured(
    config: Path, out: Path | None, changes: Sequence[str], resume: bool, force: bool
) -> tuple[Config, Path]:
    """The configuration of a run, and its directory, where a new one may begin.

    Parameters
    ----------
    config : Path
        The file; of a run that is resumed, the run's directory or the file it was started from.
    out : Path, optional
        The run's directory; after the file's name by default.
    changes : sequence of str
        ``section.key=value``, over the file or the stored configuration.
    resume, force : bool
        Go on with the run that is there, or replace it.

    Raises
    ------
    InputError
        The configuration is refused, the name of its file names no directory, there is a run and
        neither is asked for or both are, no run to resume, or one that other settings began.
    """
    if resume and force:
        raise InputError("--resume goes on with a run, --force replaces it: take one of them.")
    if resume:
        return resumed(config, out, changes)
    settings = load_config(config, changes)
    directory = out or _directory_of(config)
    if not force and (directory / "config.toml").exists():
        from tellus.coupling.directory.files import refuse_foreign

        refuse_foreign(directory)
        raise InputError(
            f"{directory} already holds a run: add --resume to go on with it, --force to replace "
            "it, or choose another --out."
        )
    return settings, directory


def resumed(config: Path, out: Path | None, changes: Sequence[str]) -> tuple[Config, Path]:
    """The configuration stored in a run directory, with changes that a resumed run may make.

    `config` is the file the run was started from, or the run directory itself.
    """
    directory = out or (config if config.is_dir() else _directory_of(config))
    stored_file = directory / "config.toml"
    if not stored_file.is_file():
        if out is None and not directory.exists():
            if not config.exists():
                raise unexpected(config, RUN)
            raise InputError(
                f"{config} began no run in {directory}: name the run's own directory in its place, "
                "or with --out."
            )
        expect(directory, RUN)
        raise lost(stored_file)
    stored = load_stored_config(Config, stored_file)
    settings = load_stored_config(Config, stored_file, changes)
    check_resumable(stored, settings)
    if not config.is_dir():
        _warn_of_differences(load_config(config), settings, config, changes)
    return settings, directory


def _directory_of(config: Path) -> Path:
    """The default directory of a run; InputError where that would not be a folder of its own."""
    if not config.stem.strip("."):
        raise InputError(f"{config} gives no name for a run: add --out, or rename it.")
    return RUNS / config.stem


def overrides(
    preset: str | None, stokes: str | None, closure: str | None, changes: Sequence[str]
) -> list[str]:
    """--preset, --stokes and --closure as more of --set; the last one for a key counts."""
    named = [] if stokes is None else [_setting("stokes.solver", stokes)]
    settings = {} if closure is None else closure_settings(closure)
    for change in changes:
        key = change.partition("=")[0].strip()
        if key in settings:
            raise InputError(f"--closure sets {key}, and so does --set {change}: take one of them.")
    for key, value in settings.items():
        # What is none is the default: no directory called so.
        named.append(f"{key}={value}" if value == NO_CLOSURE else _setting(key, value))
    return [*preset_settings(preset), *changes, *named]


def _setting(key: str, value: str) -> str:
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def _warn_of_differences(asked: Config, kept: Config, file: Path, changes: Sequence[str]) -> None:
    """An edited file has no effect on a resumed run; say so rather than ignore it.

    What the file leaves out it does not ask for: defaults may have changed since the run began.
    """
    named = {change.partition("=")[0].strip() for change in changes}
    kept_values = kept.model_dump()
    ignored = [
        f"{section}.{key} = {kept_values[section][key]} (not {value})"
        for section, values in asked.model_dump(exclude_unset=True).items()
        for key, value in values.items()
        if value != kept_values[section][key] and f"{section}.{key}" not in named
    ]
    if ignored:
        complain(
            f"warning: the run goes on as it began, with {', '.join(ignored)}, whatever {file} "
            "says now; --set can change [time], [closure], [stokes], [output] and [planet]."
        )
