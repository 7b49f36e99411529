"""What a run, sweep, data set, model or configuration is, in about ten lines."""

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tellus.config import Config
from tellus.config.fields import read_by
from tellus.config.purposes import purpose_of
from tellus.config.sections import GridSection, InitialSection, RheologySection
from tellus.coupling.directory.summary import StartedFrom, guards
from tellus.errors import InputError
from tellus.io.card import OwnClassUsed
from tellus.io.json_file import read_json
from tellus.io.recognised import CONFIGURATION, DATA, MODEL, RUN, SWEEP, expect, lost
from tellus.io.shown import brief_value, shown
from tellus.surrogate.card import check_card
from tellus.surrogate.cards import Cells, DatasetCard, Statistics
from tellus.surrogate.kinds import kind_of_card

Facts = dict[str, str]

STATES = {"killed": "killed; go on with --resume"}

REMEDY = "mend it, copy it again, or make it anew"


def describe(path: Path) -> str:
    """Say what a run, sweep, data set, model, weights file or configuration is.

    Only small files are read (cards, run.json, the end of the time series), so it
    takes no time on the largest run.

    Raises
    ------
    InputError
        There is nothing there, it is none of these, or its card is damaged.
    """
    lines = facts_of(path)
    width = max(map(len, lines))
    return "\n".join(f"{label:<{width}}  {shown(value)}" for label, value in lines.items())


def facts_of(path: Path) -> Facts:
    """Facts about what lies at `path`, by label; errors as in `describe`."""
    kind = expect(path, *DESCRIBED)
    try:
        return {kind: str(path), **DESCRIBED[kind](path)}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as failure:
        raise InputError(
            f"{path}: this {kind} is damaged ({failure!r}): copy it again, or make it anew."
        ) from None


def _run(path: Path) -> Facts:
    # Numba and Zarr, which cards need not wait for.
    from tellus.coupling.directory.recorded import RecordedRun
    from tellus.coupling.directory.timeseries import check_whole, last_row
    from tellus.coupling.planet import units_of, viscosity_note
    from tellus.coupling.simulation.steady import WATCHED

    run = RecordedRun(path)
    units = units_of(run.settings)
    summary, config, row = run.summary, run.settings, last_row(path)
    if row or (path / "timeseries.csv").exists():
        check_whole(path, int(row.get("step", 0)), int(run.written["steps"]))
    # Of one that has not ended run.json tells of the start alone, and the time series further.
    reached = {} if run.ended else row
    step, time = reached.get("step", run.written["steps"]), reached.get("time", summary.time or 0.0)
    stokes, energy = sum(summary.seconds.stokes.values()), summary.seconds.energy or 0.0
    rest = summary.seconds.total - stokes - energy
    commit = f" at {summary.git[:10]}" if summary.git else ""
    absent = "missing: copy the run again" if run.ended else "none yet"
    facts = {
        "status": f"{run.state}; {summary.message}"
        if summary.message
        else STATES.get(run.state, run.state),
        "reached": f"step {step}, {units.at(float(time))} of "
        f"{units.show('time', config.time.end):g}",
        "case": _case(config),
        "start": _start(config.initial, run.start),
        "solver": summary.solver,
        "seconds": f"{summary.seconds.total:.1f} in all, {stokes:.1f} Stokes, "
        f"{energy:.1f} energy, {rest:.1f} set-up, diagnostics and output"
        + ("" if run.ended else f", up to step {summary.steps}"),
        "last row": ", ".join(f"{name} {float(row[name]):.5g}" for name in WATCHED)
        if row
        else absent,
        "outputs": _outputs(path / "fields.zarr") or absent,
        "made by": f"tellus {summary.tellus}{commit}, {summary.threads} threads",
    }
    facts |= guards(summary)
    if note := viscosity_note(config):
        facts["planet"] = note
    facts |= _classes(run.summary.classes)
    return facts | ({"warnings": "; ".join(summary.warnings)} if summary.warnings else {})


def _sweep(path: Path) -> Facts:
    from tellus.coupling.directory.sweep import overview

    return overview(path)


def _dataset(path: Path) -> Facts:
    if not (path / "card.json").exists():
        from tellus.surrogate.data import unfinished

        raise unfinished(path)
    card = DatasetCard.model_validate(_card(path / "card.json", DATA))
    split = Counter(entry.split for entry in card.simulations)
    facts = {
        "grid": f"{_grid(card.grid)}, {card.boundaries} walls",
        "simulations": ", ".join(f"{count} {name}" for name, count in split.items())
        + f"; {sum(entry.snapshots for entry in card.simulations)} snapshots",
    }
    for key in ("gamma_T", "gamma_p", "heating"):
        facts[key] = _span([getattr(entry, key) for entry in card.simulations])
    # Sets made by version 0.1.0 have none.
    for name, parts in card.statistics.items():
        facts[name] = _ranges(parts)
    made = {"hash": f"{card.hash}, made by tellus {card.version or '?'}"}
    return facts | _classes(card.classes) | made


def _classes(kept: Mapping[str, OwnClassUsed]) -> Facts:
    """Classes of one's own."""
    return {key: f"{own.named}, SHA-256 {own.sha256[:12]}" for key, own in kept.items()}


def _start(initial: InitialSection, taken: StartedFrom) -> str:
    """The source of the first T, and what else came with it, in words."""
    said: list[str] = [initial.kind]
    if initial.kind != "file":
        said += [] if initial.path is None else [initial.path]
        said.append(f"seed {initial.seed}")
    elif taken.path is None:  # a run of an earlier version
        said.append(str(initial.path))
    else:
        said.append(f"{taken.path} at time {taken.time:g}")
    if taken.heating_age:
        said.append(f"sources aged {taken.heating_age:g}")
    if taken.core_temperature is not None:
        said.append(f"core at {taken.core_temperature:g}")
    return ", ".join(said)


def _ranges(statistics: Statistics) -> str:
    """Ranges of the fields of one split."""
    spans = [
        f"{label} {_span([of.min, of.max])}"
        for label, of in (("T", statistics.temperature), ("log10 eta", statistics.log10_viscosity))
    ]
    u, v = statistics.largest_u[1], statistics.largest_v[1]
    return ", ".join([*spans, f"u to {u:.3g}", f"v to {v:.3g}"])


def _model(path: Path) -> Facts:
    card = _card(path / "card.json" if path.is_dir() else path.with_name("card.json"))
    network = dict(card["network"])
    kind = f"{network.pop('kind')}: " if "kind" in network else ""
    facts = {
        "kind": kind_of_card(card).name,
        "grid": _grid(Cells(**card["grid"])),
        "walls": str(card["boundaries"]),
        "network": kind + ", ".join(f"{key} {value}" for key, value in network.items()),
    }
    if "base" in card:
        facts["base"] = str(card["base"])
    for key, (least, most) in card["range"].items():
        facts[key] = ("trained on " if least < most else "") + _span([least, most])
    return facts | {"sha256": str(card["weights_sha256"])}


def _configuration(path: Path) -> Facts:
    sections = _toml(path)
    keys = [f"{section}.{key}" for section, table in sections.items() for key in table]
    return {
        "for": f"tellus {purpose_of(sections)}",
        "sets": ", ".join(keys) or "nothing: all defaults",
    }


def _case(config: Config) -> str:
    """Grid and physics, by what is read."""
    heating = config.model.heating_law or f"{config.model.heating:g}"
    return (
        f"{_grid(config.grid)}, {_law(config.rheology)}, heating {heating}, "
        f"Rayleigh {config.model.rayleigh:g}"
    )


def _law(law: RheologySection) -> str:
    read = [key for key, kinds in read_by(type(law)).items() if law.kind in kinds]
    said = [f"{key} {brief_value(getattr(law, key))}" for key in read] or [f"{law.kind} viscosity"]
    if law.layer_factors:
        said.append(f"{len(law.layer_factors)} layers")
    if law.yield_stress is not None:
        said.append(f"yield stress {law.yield_stress:g}")
    return ", ".join(said)


def _grid(grid: Cells | GridSection) -> str:
    return f"{grid.nx}x{grid.ny}, aspect {grid.aspect:g}"


def _span(values: list[float]) -> str:
    least, most = f"{min(values):.4g}", f"{max(values):.4g}"
    return least if least == most else f"{least} to {most}"


def _outputs(store: Path) -> str:
    array = store / "time" / "zarr.json"
    return f"{read_json(array, REMEDY)['shape'][0]} in {store.name}" if array.exists() else ""


def _card(file: Path, kind: str = MODEL) -> dict[str, Any]:
    """The card of a data set, or of a model of any kind."""
    try:
        card = read_json(file, REMEDY)
    except FileNotFoundError:
        raise lost(file, kind) from None
    try:
        check_card(kind_of_card(card).name if kind == MODEL else kind, card)
    except ValueError as error:
        raise _unreadable(file, error) from None
    return card


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as failure:
        raise _unreadable(file, failure) from None


def _unreadable(file: Path, why: object) -> InputError:
    return InputError(f"{file} cannot be read ({why}): {REMEDY}.")


DESCRIBED: dict[str, Callable[[Path], Facts]] = {
    RUN: _run,
    SWEEP: _sweep,
    DATA: _dataset,
    MODEL: _model,
    CONFIGURATION: _configuration,
}
"""What can be described, and how."""
