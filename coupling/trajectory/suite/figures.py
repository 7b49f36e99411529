"""Pictures of a suite of rollouts: outcomes over the parameters, and chosen cases at length."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from tellus.coupling.output.style import (
    Curve,
    colour_bar,
    draw_map,
    draw_profiles,
    draw_series,
    save_picture,
    styled,
    temperature_scale,
)
from tellus.coupling.solvers.arguments import shortened
from tellus.coupling.trajectory.cases import RolloutCase
from tellus.coupling.trajectory.drift import last_third
from tellus.coupling.trajectory.record import Trajectory
from tellus.io.shown import in_picture
from tellus.solver.grid import Array

from .scores import GOOD, OUTCOMES, REFERENCE, RolloutRow, SuiteResult, Trajectories

LOOKS = (
    ("o", "#009E73"),
    ("D", "#E69F00"),
    ("X", "#D55E00"),
    ("P", "#882255"),
    ("v", "#CC79A7"),
    ("s", "#222222"),
)
"""Marker and colour of each of `OUTCOMES`."""

MOST_COLUMNS = 4
"""Columns of a map of outcomes before it goes on below."""


def draw(
    cases: Sequence[RolloutCase],
    found: Trajectories,
    result: SuiteResult,
    labels: Sequence[str],
    trained: Sequence[Mapping[str, float]],
    out: Path,
) -> list[Path]:
    """Every picture, into `out`: one per scenario; a map and three cases of a data set.

    Parameters
    ----------
    cases : sequence of RolloutCase
    found : mapping
        Trajectories by names of case and solver.
    result : mapping
        What `rollout_suite` returns.
    labels : sequence of str
        The solvers, the reference first.
    trained : sequence of mapping
        Parameters of the simulations that a surrogate was trained on.
    out : Path
    """
    with styled():
        drawn = {
            case.name: at_length({"": case}, found, result, labels)
            for case in cases
            if case.scenario
        }
        if members := [case for case in cases if not case.scenario]:
            rows = [row for row in result["results"] if row["solver"] != labels[0]]
            drawn["outcomes"] = outcomes(rows, labels[1:] or labels, trained)
            chosen = by_vigour(members, found, labels[0])
            named = {f"{word}: ": case for word, case in chosen.items()}
            drawn["chosen"] = at_length(named, found, result, labels)
    for name, picture in drawn.items():
        save_picture(picture, out / f"{name}.png")
    return [out / f"{name}.png" for name in drawn]


def outcomes(
    rows: Sequence[RolloutRow], labels: Sequence[str], trained: Sequence[Mapping[str, float]]
) -> Figure:
    """H against log10 gamma_T, a panel per solver, a marker per outcome."""
    columns = min(len(labels), MOST_COLUMNS)
    lines = -(-len(labels) // columns)
    figure = Figure(figsize=(0.6 + 3.4 * columns, 0.9 + 3.0 * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis in panels[len(labels) :]:
        axis.set_visible(False)
    for axis, label in zip(panels, labels, strict=False):
        if trained:
            axis.plot(*_places(trained), ".", ms=3, color="#bbbbbb", label="trained on")
        mine = [row for row in rows if row["solver"] == label]
        # In the legend even where there are none.
        for name, (marker, colour) in zip(OUTCOMES, LOOKS, strict=True):
            where = _places([row["parameters"] for row in mine if row["outcome"] == name])
            style: Any = {"ms": 7, "color": colour, "mec": "#222222", "mew": 0.5}
            axis.plot(*where, marker, linestyle="none", label=name, **style)
        good = sum(row["outcome"] == GOOD for row in mine)
        axis.set(
            title=f"{in_picture(shortened(label))}: {good} of {len(mine)} good",
            xlabel="log10 gamma_T",
        )
    for axis in panels[::columns]:
        axis.set(ylabel="H")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _places(parameters: Sequence[Mapping[str, float]]) -> tuple[list[float], list[float]]:
    """Places of simulations in the map: log10 gamma_T and heating."""
    across = [float(np.log10(p["gamma_T"])) for p in parameters]
    return across, [p["heating"] for p in parameters]


def by_vigour(
    cases: Sequence[RolloutCase], found: Trajectories, reference: str
) -> dict[str, RolloutCase]:
    """The slowest, the middle and the fastest of the cases whose reference got anywhere."""

    def speed(case: RolloutCase) -> float:
        trajectory = found[case.name, reference]
        return float(trajectory.average("vrms", *last_third(0.0, trajectory.end)))

    ranked = sorted((c for c in cases if found[c.name, reference].end > 0), key=speed)
    places = {len(ranked) // 2: "middle", 0: "sluggish", len(ranked) - 1: "vigorous"}
    return {places[k]: ranked[k] for k in sorted(places)} if ranked else {}


def at_length(
    cases: Mapping[str, RolloutCase],
    found: Trajectories,
    result: SuiteResult,
    labels: Sequence[str],
) -> Figure:
    """<T>(t), Nu(t) and the averaged profile of every solver, and its last temperature.

    Cases one below the other, by what precedes their names.
    """
    height = max(3.6, 0.5 + 1.35 * len(labels))
    figure = Figure(figsize=(11.5, len(cases) * height), layout="constrained")
    parts = figure.subfigures(len(cases), 1, squeeze=False)[:, 0]
    for part, (word, case) in zip(parts, cases.items(), strict=True):
        mine = {name: found[case.name, name] for name in labels if (case.name, name) in found}
        rows = {row["solver"]: row for row in result["results"] if row["case"] == case.name}
        _draw_case(part, case, mine, rows, word)
    return figure


def _draw_case(
    part: SubFigure,
    case: RolloutCase,
    mine: Mapping[str, Trajectory],
    rows: Mapping[str, RolloutRow],
    word: str,
) -> None:
    p = case.parameters
    part.suptitle(
        f"{word}{case.name}, H = {p['heating']:.3g}, gamma_T = {p['gamma_T']:.2g}, "
        f"gamma_p = {p['gamma_p']:.3g}",
        fontsize=10,
    )
    # The heat flow below the mean temperature, where there are two rows or more.
    left = ["mean" if 2 * k < len(mine) else "nusselt" for k in range(len(mine))]
    layout: Any = [[panel, "profile", name] for panel, name in zip(left, mine, strict=True)]
    axes = part.subplot_mosaic(layout, width_ratios=[1.3, 0.9, 1.4])
    _draw_lines(axes, mine)
    fields = [trajectory.temperature for trajectory in mine.values()]
    scale = temperature_scale(fields, fields[:1])
    for name, trajectory in mine.items():
        drawn = draw_map(axes[name], trajectory.temperature, case.config.grid.aspect, scale)
        fared = "the reference" if name == REFERENCE else rows[name]["outcome"]
        axes[name].set_title(f"{in_picture(shortened(name))}, t = {trajectory.end:.4g}: {fared}")
    maps = [axes[name] for name in mine]
    colour_bar(part, drawn, maps, "temperature")


def _draw_lines(axes: Mapping[str, Axes], mine: Mapping[str, Trajectory]) -> None:
    """Series and profiles of the rollouts of one case, of those that got anywhere."""
    every = list(enumerate(mine.items()))
    moved = [(k, entry) for k, entry in every if entry[1].end > 0]

    def curve(k: int, name: str, x: Array, y: Array) -> Curve:
        return Curve(k, in_picture(shortened(name)), x, y, not mine[name].account.finished)

    means = [curve(k, name, t.time, t.mean_temperature) for k, (name, t) in every]
    draw_series(axes["mean"], means, "mean temperature")
    axes["mean"].legend(fontsize=7)
    profiles = [
        curve(k, name, t.average("profile", *last_third(0.0, t.end)), _heights(t))
        for k, (name, t) in moved
    ]
    draw_profiles(axes["profile"], profiles, "profile, last third")
    if "nusselt" in axes and moved:
        flows = [curve(k, name, *t.rate("nusselt_top")) for k, (name, t) in moved]
        draw_series(axes["nusselt"], flows, "Nusselt number, top")
        # The times of the panel above are those of this one: room for the maps.
        axes["mean"].set(xlabel="")
        axes["nusselt"].set(xlim=axes["mean"].get_xlim())
        axes["mean"].tick_params(labelbottom=False)
        axes["mean"].xaxis.get_offset_text().set_visible(False)


def _heights(trajectory: Trajectory) -> Array:
    """Heights of a trajectory's rows of cells, shape (ny,): references may have their own grid."""
    rows = trajectory.profile.shape[1]
    return np.asarray((np.arange(rows) + 0.5) / rows)
