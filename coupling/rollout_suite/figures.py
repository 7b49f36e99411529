"""Pictures of a suite of rollouts: outcomes over the parameters, and chosen cases at length."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from tellus.coupling.output.picture_file import save_picture
from tellus.coupling.output.style import LID, LINES, draw_map, leave_out_spikes, styled
from tellus.coupling.solvers.arguments import shortened
from tellus.io.shown import in_picture
from tellus.solver.grid import Array

from .cases import RolloutCase
from .rollout import (
    COLLAPSED,
    FINISHED,
    NOT_FINITE,
    OUT_OF_BOUNDS,
    SOLVER_FAILED,
    Rollout,
    averages,
    course,
)
from .scores import DEPARTED, GOOD, OUTCOMES, REFERENCE, Row

Rollouts = Mapping[tuple[str, str], Rollout]
Result = Mapping[str, Any]

MARKERS = {
    GOOD: ("o", "#009E73"),
    DEPARTED: ("D", "#E69F00"),
    OUT_OF_BOUNDS: ("X", "#D55E00"),
    NOT_FINITE: ("P", "#882255"),
    COLLAPSED: ("v", "#CC79A7"),
    SOLVER_FAILED: ("s", "#222222"),
}


MOST_COLUMNS = 4
"""Of a map of outcomes, before it goes on below."""


def draw(
    cases: Sequence[RolloutCase],
    rollouts: Rollouts,
    result: Result,
    labels: Sequence[str],
    trained: Sequence[Mapping[str, float]],
    out: Path,
) -> list[Path]:
    """Every picture, into `out`: one per scenario; a map and three cases of a data set."""
    drawn: dict[str, Figure] = {}
    with styled():
        for case in cases:
            if case.scenario:
                drawn[case.name] = one_case(case, rollouts, result, labels)
        members = [case for case in cases if not case.scenario]
        if members:
            rows = [row for row in result["results"] if row["solver"] != labels[0]]
            drawn["outcomes"] = outcomes(rows, labels[1:] or labels, trained)
            drawn["chosen"] = chosen(members, rollouts, result, labels)
    paths = []
    for name, picture in drawn.items():
        paths.append(out / f"{name}.png")
        save_picture(picture, paths[-1])
    return paths


def outcomes(
    rows: Sequence[Row], labels: Sequence[str], trained: Sequence[Mapping[str, float]]
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
            places = [(np.log10(t["gamma_T"]), t["heating"]) for t in trained]
            axis.plot(*np.transpose(places), ".", ms=3, color="#bbbbbb", label="trained on")
        mine = [row for row in rows if row["solver"] == label]
        for name in OUTCOMES:
            _mark(axis, name, [row["parameters"] for row in mine if row["outcome"] == name])
        good = sum(row["outcome"] == GOOD for row in mine)
        axis.set(
            title=f"{in_picture(shortened(label))}: {good} of {len(mine)} good",
            xlabel="log10 gamma_T",
        )
    for axis in panels[::columns]:
        axis.set(ylabel="H")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _mark(axis: Axes, name: str, places: Sequence[Mapping[str, float]]) -> None:
    """Those of one outcome; named in the legend even where there are none."""
    marker, colour = MARKERS[name]
    x, y = [np.log10(p["gamma_T"]) for p in places], [p["heating"] for p in places]
    style: Any = {"ms": 7, "color": colour, "mec": "#222222", "mew": 0.5}
    axis.plot(x, y, marker, linestyle="none", label=name, **style)


def chosen(
    cases: Sequence[RolloutCase], rollouts: Rollouts, result: Result, labels: Sequence[str]
) -> Figure:
    """Three cases at length, by the rms velocity of their reference."""
    named = by_vigour(cases, rollouts, labels[0])
    figure = Figure(figsize=(11.5, len(named) * _height(len(labels))), layout="constrained")
    parts = figure.subfigures(len(named), 1, squeeze=False)[:, 0]
    for part, (word, case) in zip(parts, named.items(), strict=True):
        _draw_case(part, case, rollouts, result, labels, f"{word}: ")
    return figure


def by_vigour(
    cases: Sequence[RolloutCase], rollouts: Rollouts, reference: str
) -> dict[str, RolloutCase]:
    """The slowest, the middle and the fastest of the cases whose reference got anywhere."""
    speeds = {}
    for case in cases:
        rollout = rollouts[case.name, reference]
        if rollout.end > 0:
            speeds[case.name] = float(averages(rollout, "vrms", 2 / 3 * rollout.end, rollout.end))
    ranked = sorted((case for case in cases if case.name in speeds), key=lambda c: speeds[c.name])
    if not ranked:
        return {}
    places = {len(ranked) // 2: "middle", 0: "sluggish", len(ranked) - 1: "vigorous"}
    return {places[k]: ranked[k] for k in sorted(places)}


def one_case(
    case: RolloutCase, rollouts: Rollouts, result: Result, labels: Sequence[str]
) -> Figure:
    """<T>(t), Nu(t) and the averaged profile of every solver, and its last temperature."""
    figure = Figure(figsize=(11.5, _height(len(labels))), layout="constrained")
    _draw_case(figure, case, rollouts, result, labels)
    return figure


def _height(solvers: int) -> float:
    return max(3.6, 0.5 + 1.35 * solvers)


def _draw_case(
    part: Figure | SubFigure,
    case: RolloutCase,
    rollouts: Rollouts,
    result: Result,
    labels: Sequence[str],
    word: str = "",
) -> None:
    mine = {name: rollouts[case.name, name] for name in labels if (case.name, name) in rollouts}
    rows = {row["solver"]: row for row in result["results"] if row["case"] == case.name}
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
    scale = temperature_scale([rollout.arrays["temperature"] for rollout in mine.values()])
    for name, rollout in mine.items():
        drawn = draw_map(axes[name], rollout.arrays["temperature"], case.config.grid.aspect, scale)
        fared = "the reference" if name == REFERENCE else rows[name]["outcome"]
        axes[name].set_title(f"{in_picture(shortened(name))}, t = {rollout.end:.4g}: {fared}")
    maps = [axes[name] for name in mine]
    part.colorbar(drawn, ax=maps, label="temperature", extend="min", aspect=30)


def _draw_lines(axes: Mapping[str, Axes], mine: Mapping[str, Rollout]) -> None:
    end = max(rollout.end for rollout in mine.values())
    flows = []
    for k, (name, rollout) in enumerate(mine.items()):
        style = _line(k, rollout)
        times, heights = rollout.arrays["time"], rollout.arrays["profile"].shape[1]
        axes["mean"].plot(
            times, rollout.arrays["mean_temperature"], label=in_picture(shortened(name)), **style
        )
        if not rollout.end > 0:
            continue
        last_third = 2 / 3 * rollout.end, rollout.end
        y = (np.arange(heights) + 0.5) / heights
        axes["profile"].plot(averages(rollout, "profile", *last_third), y, **style)
        if "nusselt" in axes:
            middle, top = course(rollout, "nusselt_top")
            flows.append(top)
            axes["nusselt"].plot(middle, top, **style)
    axes["mean"].set(title="mean temperature", xlim=(0, end))
    axes["mean"].legend(fontsize=7)
    axes["profile"].set(title="profile, last third", xlabel="temperature", ylabel="height")
    axes["profile"].set(ylim=(0, 1))
    if flows:
        axes["nusselt"].set(title="Nusselt number, top", xlabel="model time", xlim=(0, end))
        leave_out_spikes(axes["nusselt"], np.concatenate(flows))


def _line(k: int, rollout: Rollout) -> dict[str, Any]:
    """The reference wide and black; what did not get to the end ends in a cross."""
    failed = rollout.info["ended"] != FINISHED
    return {
        "color": LINES[k % len(LINES)],
        "linewidth": 2.4 if k == 0 else 1.3,
        "zorder": 2 + k,
        "marker": "x" if failed else "",
        "markevery": [-1],
    }


def temperature_scale(fields: Sequence[Array]) -> Normalize:
    """From the coldest interior of all rollouts to the hottest of the reference, the first.

    The lid, the coldest part, shares a colour. What left the reference's temperatures altogether
    does not stretch the scale.
    """
    reference = fields[0]
    interior = min(float(np.percentile(field, LID)) for field in fields)
    low = max(interior, float(reference.min()))
    return Normalize(np.floor(20 * low) / 20, max(float(reference.max()), low + 0.05))
