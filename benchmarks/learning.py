"""docs/results.md: what trained networks achieve, written from the saved results alone.

Every number and every verdict on the page is computed here from
benchmarks/results/{experiments,rollouts,scenarios}-*.json; nothing on it is written by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tellus.errors import InputError
from tellus.io.json_file import parse_json, small_file

from .markdown import percent, picture, table, where
from .seed_repeats import headline, seed_repeats
from .suite_sections import rollout_table, rules, scenarios, suite

Row = Mapping[str, Any]

STEPPER = "time-unet"
WALLS = ("left", "right", "top", "bottom")
PUBLISHED = {"zeros": (8.03, 2.78, 1.63, 2.82), "zeros-wide": (3.42, 2.03, 0.99, 1.52)}
"""Agarwal et al. 2025, table 1: wall errors with zeros over those with learned padding."""

CHANGES = {
    "exact-walls": "Exact walls instead of the published ones",
    "soft-mass": "Mass conserved in the loss instead of by a stream function",
    "zeros": "Zeros instead of learned padding",
    "zeros-wide": "Zeros and more filters instead of learned padding",
    "replicate": "Replication instead of learned padding",
    "no-derivative": "No derivatives in the loss",
    "no-scaling": "No scaling of the loss",
    "neither": "Neither of these two",
    "scale-coarse": "The velocity scale from a coarse solve instead of eq. 4",
    "scale-viscosity": "The velocity scale from the viscosity instead of eq. 4",
}
"""Experiments that differ from "paper" in one choice, or from what `BASES` names."""

BASES = {"scale-coarse": "exact-walls", "scale-viscosity": "exact-walls"}

PAGE = Path("docs") / "results.md"
IMAGES = Path("docs") / "images"


def page(results: Path, images: Path | None = None) -> str | None:
    """The page, or None where there are no results of trainings; InputError for a damaged one.

    It shows the pictures in `images` that are named after a result: rollouts-NAME.png, the map
    of outcomes of the experiments or the suite in the folder NAME, courses-NAME.png, three rollouts
    of that suite at length, and scenario-NAME.png.
    """
    pictures = set() if images is None else {path.name for path in images.glob("*.png")}
    experiments = _read_all(results, "experiments")
    rollouts = _read_all(results, "rollouts")
    unseen = _read_all(results, "scenarios")
    if not experiments:
        return None
    lines = [
        "# Results of learning",
        "",
        "Written by `tellus bench report` from the JSON files in benchmarks/results; not to be "
        "edited by hand. What the numbers mean is defined in [](evaluation.md).",
    ]
    for result in experiments:
        lines += ["", *_experiments(result, pictures)]
    lines += seed_repeats(experiments)
    for result in rollouts:
        lines += ["", *suite(result, pictures)]
    for result in unseen:
        lines += ["", *scenarios(result, pictures)]
    return "\n".join(lines) + "\n"


def _read_all(results: Path, kind: str) -> list[dict[str, Any]]:
    paths = sorted(results.glob(f"{kind}-*.json"), key=lambda path: path.stem)
    return [_read(path) for path in paths]


def _read(path: Path) -> dict[str, Any]:
    try:
        result = parse_json(small_file(path))
        _ = result["results"], result["machine"]["processor"], result["git"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no result of trainings ({error!r}): remove it.") from None
    return dict(result)


def _experiments(result: Row, pictures: set[str]) -> Iterator[str]:
    rows = result["results"]
    networks = [row for row in rows if row["kind"] != STEPPER]
    steppers = [row for row in rows if row["kind"] == STEPPER]
    yield f"## {headline(result)}"
    yield ""
    yield (
        f"{_trained(result)}; put together on {where(result)}, data "
        f"{result['data'][:12]}. Errors on the test split of the data set."
    )
    yield ""
    yield from table(
        (
            "experiment",
            "",
            "parameters",
            "epochs",
            "minutes",
            "velocity error",
            "95 %",
            "u MAE",
            "v MAE",
            "div inside",
            "div at walls",
            "better than previous velocity",
        ),
        [_network_cells(row) for row in networks],
    )
    yield ""
    yield (
        "Minutes: wall time of the training, whatever else the machine did. Velocity error: "
        "relative, median over snapshots. Divergence: largest |div u| h / max|u|. "
        "Last column: mean absolute error of the velocity 100 steps before over the network's."
    )
    yield from _rollouts(result, networks, pictures)
    yield from _wall_ratios(networks)
    yield from _steppers(networks, steppers)


def _trained(result: Row) -> str:
    """How many trainings ran at a time, and how long all of them took where one command did."""
    jobs, seconds = result["training_jobs"], result.get("trainings_seconds")
    number = "One training at a time" if jobs == 1 else f"{jobs} trainings at a time"
    lasted = "" if seconds is None else f", trained and evaluated in {seconds / 60:.0f} minutes"
    return number + lasted


def _network_cells(row: Row) -> tuple[str, ...]:
    found = row["evaluation"]
    errors, cells, before = found["relative_l2"], found["divergence"], found["previous_snapshot"]
    return (
        row["name"],
        row["meaning"],
        f"{row['parameters']:,}".replace(",", " "),
        str(row["epochs"]),
        f"{row['training_seconds'] / 60:.0f}",
        percent(errors["median"]),
        percent(errors["p95"]),
        f"{found['u']['mae']:.0f}",
        f"{found['v']['mae']:.0f}",
        f"{cells['inside']['max']:.0e}",
        f"{cells['walls']['max']:.0e}",
        "-" if before is None else f"{before['ratio']:.1f} x",
    )


def _rollouts(result: Row, networks: Sequence[Row], pictures: set[str]) -> Iterator[str]:
    """How the networks fare in runs."""
    if result["rollouts"] is None:
        return
    others = result["rollouts"]["others"]
    entries = [(row["name"], row["rollout"]) for row in networks if row["rollout"] is not None]
    entries += [(row["solver"], row) for row in others]
    limits = result["rollouts"]["thresholds"]
    yield ""
    yield "### Rollouts"
    yield ""
    yield rules(others[0], limits)
    yield ""
    yield from rollout_table(entries)
    yield ""
    name = result.get("out", result["folder"])
    yield from picture(f"rollouts-{name}.png", "Outcomes by H and gamma_T", pictures)
    if changes := list(_what_decides(networks)):
        yield "One choice changed at a time:"
        yield ""
        yield from changes


def _what_decides(networks: Sequence[Row]) -> Iterator[str]:
    """The paper's statement about what rollouts hang on, tested: one choice changed at a time."""
    named = {row["name"]: row for row in networks if row["rollout"] is not None}
    for name, change in CHANGES.items():
        base = BASES.get(name, "paper")
        if name not in named or base not in named:
            continue
        row, whole = named[name], named[base]
        drift = _ratio(row["rollout"], whole["rollout"], "mean_temperature_mae")
        profile = _ratio(row["rollout"], whole["rollout"], "profile_mae")
        errors = [r["evaluation"]["relative_l2"]["median"] for r in (row, whole)]
        good = [
            f"{r['rollout']['outcomes']['good']} of {r['rollout']['rollouts']}"
            for r in (row, whole)
        ]
        yield (
            f"- **{change}**: {good[0]} rollouts good instead of {good[1]}; where they got to the "
            f"end, the error of <T> is {drift} and that of the profile {profile} that of {base}. "
            f"Velocity error {percent(errors[0])} instead of {percent(errors[1])}."
        )


def _ratio(row: Row, whole: Row, key: str) -> str:
    if not row[key] or not whole[key]:
        return "-"
    return f"{row[key] / whole[key]:.2g} times"


def _wall_ratios(networks: Sequence[Row]) -> Iterator[str]:
    """The paper's table 1, ours beside it."""
    named = {row["name"]: row["evaluation"]["wall_mae"] for row in networks}
    if "paper" not in named or not named.keys() & PUBLISHED.keys():
        return
    yield ""
    yield "### What learned padding gains at the walls"
    yield ""
    yield "Mean absolute error of the tangential velocity, zeros over learned padding."
    yield ""
    rows = []
    for name, published in PUBLISHED.items():
        if name in named:
            ours = [named[name][wall] / named["paper"][wall] for wall in WALLS]
            rows.append((name, *(f"{value:.2f}" for value in ours)))
            rows.append((f"{name}, published at 504 x 126", *(f"{v:.2f}" for v in published)))
    yield from table(("", *WALLS), rows)


def _steppers(networks: Sequence[Row], steppers: Sequence[Row]) -> Iterator[str]:
    """U-nets that step in time, and the paper's statement about them."""
    if not steppers:
        return
    yield ""
    yield "### U-nets that step in time"
    yield ""
    yield from table(
        (
            "experiment",
            "",
            "parameters",
            "minutes",
            "velocity after one step",
            "95 %",
            "T after one step",
            "if nothing changed: velocity",
            "T",
            "lost early",
            "lost late",
            "T after all steps",
            "if nothing changed",
        ),
        [_stepper_cells(row) for row in steppers],
    )
    yield ""
    yield (
        "One step is 100 steps of a solver. Lost: rollouts that left the bounds of temperature or "
        "were not finite, begun with the first snapshots or with developed convection; the last "
        "columns are medians over the rollouts that were left, early."
    )
    yield ""
    yield _verdict(networks, steppers)


def _stepper_cells(row: Row) -> tuple[str, ...]:
    found = row["evaluation"]
    held, early, late = found["previous"], found["rollout"]["early"], found["rollout"]["late"]
    end = early["steps"][-1]
    return (
        row["name"],
        row["meaning"],
        f"{row['parameters']:,}".replace(",", " "),
        f"{row['training_seconds'] / 60:.0f}",
        percent(found["relative_l2"]["median"]),
        percent(found["relative_l2"]["p95"]),
        percent(found["temperature_relative_l2"]["median"]),
        percent(held["relative_l2"]["median"]),
        percent(held["temperature_relative_l2"]["median"]),
        f"{early['lost']} of {end['alive'] + end['lost']}",
        str(late["lost"]),
        percent(end["temperature_error"]),
        percent(end["held"]["temperature_error"]),
    )


def _verdict(networks: Sequence[Row], steppers: Sequence[Row]) -> str:
    """The paper's statement, tested: do the U-nets win on one step and lose in rollout?"""
    best_step = min(steppers, key=lambda r: r["evaluation"]["relative_l2"]["median"])
    best = min(networks, key=lambda r: r["evaluation"]["relative_l2"]["median"])
    step_error = best_step["evaluation"]["relative_l2"]["median"]
    error = best["evaluation"]["relative_l2"]["median"]
    one_step = "win" if step_error < error else "do not win"
    lost = sum(r["evaluation"]["rollout"]["early"]["lost"] for r in steppers)
    all_of_them = sum(
        r["evaluation"]["rollout"]["early"]["steps"][-1][key]
        for r in steppers
        for key in ("alive", "lost")
    )
    return (
        f"The U-nets {one_step} on one step here: the best of them ({best_step['name']}) has a "
        f"median velocity error of {percent(step_error)}, the best Stokes network "
        f"({best['name']}) {percent(error)}. Rolled out, {lost} of the U-nets' {all_of_them} "
        "rollouts are lost."
    )
