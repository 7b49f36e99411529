"""docs/results.md: what trained networks achieve, written from the saved results alone.

Every number and every verdict on the page is computed, here or in templates/results.md.j2, from
benchmarks/results/{experiments,rollouts,scenarios}-*.json; nothing on it is written by hand.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase

from tellus.coupling.solvers.arguments import shortened
from tellus.errors import InputError
from tellus.io.json_file import parse_json, small_file

from .spread import Row
from .tables import template

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
    trainings = _read_all(results, "experiments")
    if not trainings:
        return None
    return template("results.md.j2").render(
        trainings=trainings,
        repeats=_repeats(trainings),
        suites=_read_all(results, "rollouts"),
        scenarios=_read_all(results, "scenarios"),
        pictures=set() if images is None else {path.name for path in images.glob("*.png")},
        letters=ascii_lowercase,
        stepper=STEPPER,
        changes=_changes,
        named=lambda rows: [(shortened(row["solver"]), row) for row in rows],
        place=_place,
        rolled_out=_rolled_out,
        shortened=shortened,
        times=lambda value, of: f"{value / of:.2g} times" if value and of else "-",
        wall_ratios=_wall_ratios,
    )


def _place(trainings: Row) -> str:
    """Grid and folder."""
    return f"{trainings['grid']}: experiments/{trainings['folder']}"


def _but_seed(trainings: Row) -> tuple[str, ...]:
    """Grid, folder and changed settings, the seed's left out."""
    kept = (each for each in trainings.get("changes", ()) if not each.startswith("training.seed="))
    return _place(trainings), *kept


def _rolled_out(trainings: Row) -> list[tuple[str, Row]]:
    """Networks, then other solvers, with their rows of a suite's summary."""
    found = [(row["name"], row["rollout"]) for row in trainings["results"] if row["rollout"]]
    return found + [(row["solver"], row) for row in trainings["rollouts"]["others"]]


def _changes(trainings: Row) -> Iterator[tuple[str, Row, Row]]:
    """What is one choice, the network that made it, and the one that made the other.

    It tests the paper's statement about what rollouts hang on.
    """
    named = {row["name"]: row for row in trainings["results"] if row["rollout"] is not None}
    for name, change in CHANGES.items():
        base = BASES.get(name, "paper")
        if name in named and base in named:
            yield change, named[name], named[base]


def _wall_ratios(trainings: Row) -> Iterator[tuple[str, Sequence[float]]]:
    """The paper's table 1, ours beside it: errors at each of `WALLS`."""
    rows = (row for row in trainings["results"] if row["kind"] != STEPPER)
    named = {row["name"]: row["evaluation"]["wall_mae"] for row in rows}
    for name, published in PUBLISHED.items():
        if name in named and "paper" in named:
            yield name, [named[name][wall] / named["paper"][wall] for wall in WALLS]
            yield f"{name}, published at 504 x 126", published


def _repeats(trainings: Sequence[Row]) -> list[tuple[list[Row], dict[str, list[Row]]]]:
    """Folders that were trained with several seeds on one grid: what of their table is chance.

    With each the rows, by name, of the experiments that are in all of them.
    """
    found = []
    for alike in dict.fromkeys(map(_but_seed, trainings)):
        same = [each for each in trainings if _but_seed(each) == alike]
        named = [{row["name"]: row for row in each["results"]} for each in same]
        shared = [name for name in named[0] if all(name in rows for rows in named)]
        if len(same) > 1:
            found.append((same, {name: [rows[name] for rows in named] for name in shared}))
    return found


def _read_all(results: Path, kind: str) -> list[Row]:
    paths = sorted(results.glob(f"{kind}-*.json"), key=lambda path: path.stem)
    return [_read(path) for path in paths]


def _read(path: Path) -> Row:
    try:
        result = parse_json(small_file(path))
        _ = result["results"], result["machine"]["processor"], result["git"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no result of trainings ({error!r}): remove it.") from None
    return result
