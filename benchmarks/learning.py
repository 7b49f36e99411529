"""docs/results.md: what trained networks achieve, written from the saved results alone.

Every number and every verdict on the page is computed, here or in templates/results.md.j2, from
benchmarks/results/{experiments,rollouts,scenarios}-*.json; nothing on it is written by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from tellus.coupling.solvers.arguments import shortened
from tellus.errors import InputError
from tellus.io.json_file import parse_json, small_file

from .tables import template

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
    trainings = [Trainings(result) for result in _read_all(results, "experiments")]
    if not trainings:
        return None
    return template("results.md.j2").render(
        trainings=trainings,
        repeats=_repeats(trainings),
        suites=_read_all(results, "rollouts"),
        scenarios=_read_all(results, "scenarios"),
        pictures=set() if images is None else {path.name for path in images.glob("*.png")},
        shortened=shortened,
        named=lambda rows: [(shortened(row["solver"]), row) for row in rows],
        times=_times,
    )


@dataclass(frozen=True)
class Trainings:
    """The result of one folder of experiments on one grid, as the page shows it."""

    result: Row

    @property
    def headline(self) -> str:
        """Grid, folder and what was changed in every training file, such as the seed."""
        return ", ".join([self.place, *self.result.get("changes", ())])

    @property
    def place(self) -> str:
        """Grid and folder."""
        return f"{self.result['grid']}: experiments/{self.result['folder']}"

    @property
    def trained(self) -> str:
        """How many trainings ran at a time, and how long all took where one command did them."""
        jobs, seconds = self.result["training_jobs"], self.result.get("trainings_seconds")
        number = "One training at a time" if jobs == 1 else f"{jobs} trainings at a time"
        minutes = "" if seconds is None else f"{seconds / 60:.0f}"
        return number + (f", trained and evaluated in {minutes} minutes" if minutes else "")

    @property
    def made(self) -> str:
        """What was changed in the training files, and where they were run."""
        changes = ", ".join(self.result.get("changes", ())) or "as the files have it"
        return f"{changes}, {self.result['machine']['processor']}"

    @property
    def rows(self) -> dict[str, Row]:
        """All experiments, by name."""
        return {row["name"]: row for row in self.result["results"]}

    @property
    def networks(self) -> list[Row]:
        """Those that solve the Stokes problem."""
        return [row for row in self.result["results"] if row["kind"] != STEPPER]

    @property
    def steppers(self) -> list[Row]:
        """Those that step in time."""
        return [row for row in self.result["results"] if row["kind"] == STEPPER]

    @property
    def rolled_out(self) -> list[tuple[str, Row]]:
        """Networks, then other solvers, with their rows of a suite's summary."""
        found = [(row["name"], row["rollout"]) for row in self.networks if row["rollout"]]
        return found + [(row["solver"], row) for row in self.result["rollouts"]["others"]]

    @property
    def changes(self) -> Iterator[tuple[str, Row, Row]]:
        """What is one choice, the network that made it, and the one that made the other.

        It tests the paper's statement about what rollouts hang on.
        """
        named = {row["name"]: row for row in self.networks if row["rollout"] is not None}
        for name, change in CHANGES.items():
            base = BASES.get(name, "paper")
            if name in named and base in named:
                yield change, named[name], named[base]

    @property
    def wall_ratios(self) -> Iterator[tuple[str, Sequence[float]]]:
        """The paper's table 1, ours beside it: errors at each of `WALLS`."""
        named = {row["name"]: row["evaluation"]["wall_mae"] for row in self.networks}
        for name, published in PUBLISHED.items():
            if name in named and "paper" in named:
                yield name, [named[name][wall] / named["paper"][wall] for wall in WALLS]
                yield f"{name}, published at 504 x 126", published

    @property
    def stepped_rollouts(self) -> int:
        """Rollouts of those that step in time, from early states."""
        ends = [row["evaluation"]["rollout"]["early"]["steps"][-1] for row in self.steppers]
        return sum(end["alive"] + end["lost"] for end in ends)


@dataclass(frozen=True)
class Repeats:
    """The same trainings more than once, side by side: what of their table is chance."""

    trainings: Sequence[Trainings]

    @property
    def headline(self) -> str:
        """Grid and folder."""
        return self.trainings[0].place

    @property
    def made(self) -> list[str]:
        """Letters, and what they stand for."""
        return [
            f"{ascii_lowercase[number]}: {each.made}" for number, each in enumerate(self.trainings)
        ]

    @property
    def columns(self) -> list[str]:
        """Figures, each with the letters in turn."""
        letters = ascii_lowercase[: len(self.trainings)]
        figures = ("velocity error", "good", "error of <T>")
        return [f"{figure}, {letter}" for figure in figures for letter in letters]

    @property
    def rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Experiments that are in all of them."""
        named = [each.rows for each in self.trainings]
        for name in named[0]:
            if all(name in rows for rows in named):
                yield name, [rows[name] for rows in named]


def _repeats(trainings: Sequence[Trainings]) -> list[Repeats]:
    """Folders that were trained more than once on one grid."""
    places = dict.fromkeys(each.place for each in trainings)
    same = ([each for each in trainings if each.place == place] for place in places)
    return [Repeats(each) for each in same if len(each) > 1]


def _times(value: float | None, of: float | None) -> str:
    return f"{value / of:.2g} times" if value and of else "-"


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
