"""A data set at a glance: its parameters and the ranges of its fields.

After Agarwal et al. (2025), fig. 1. Only the card is read.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tellus.coupling.output.style import LINES, picture_place, save_picture, styled
from tellus.errors import InputError
from tellus.solver.defaults import QUIET_VRMS
from tellus.solver.grid import Array
from tellus.surrogate.data import SPLITS, Dataset
from tellus.surrogate.multi_scale.scale import Regression

DPI = 110

Entry = Mapping[str, Any]

COLOURS = dict(zip(SPLITS, (LINES[2], LINES[5], LINES[1]), strict=True))
AXES = {
    "heating": "internal heating H",
    "gamma_T": r"log$_{10}\,\gamma_T$",
    "gamma_p": r"log$_{10}\,\gamma_p$",
}
COVERAGE = (("heating", "gamma_T"), ("heating", "gamma_p"), ("gamma_T", "gamma_p"))
VIGOUR = r"log$_{10}(\gamma_T / \gamma_p)$"


def plot_dataset(path: Path, out: Path | None = None) -> Path:
    """Draw the parameters of a data set's simulations and the ranges of their fields.

    Into `out`, by default ``overview.png`` in the data set. Raises InputError for no such data set,
    or one without statistics.
    """
    entries = Dataset.open(path).card["simulations"]
    if not all("statistics" in entry for entry in entries):
        raise InputError(
            f"{path} has no statistics: run the `tellus dataset` that made it again, which adds "
            "them and computes nothing twice."
        )
    place = picture_place(out, path / "overview.png")
    with styled():
        save_picture(overview(entries), place, DPI)
    return place


def overview(entries: Sequence[Entry]) -> Figure:
    """Coverage of the parameter box above, a line from least to greatest per simulation below."""
    figure = Figure(figsize=(9.6, 8.4))
    panels = figure.subplots(3, 3)
    for axis, names in zip(panels[0], COVERAGE, strict=True):
        _coverage(axis, entries, *names)
    titles = ("temperature", r"log$_{10}$ viscosity", "u", "v", "u / scale", "v / scale")
    for axis, title, spans in zip(panels[1:].flat, titles, _spans(entries), strict=True):
        _ranges(axis, entries, spans)
        axis.set(title=title)
        if title in ("u", "v"):
            axis.set_yscale("symlog", linthresh=10.0)
    for axis in panels[2]:
        axis.set(xlabel=VIGOUR)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _coverage(axis: Axes, entries: Sequence[Entry], across: str, up: str) -> None:
    for split, colour in COLOURS.items():
        if chosen := [entry for entry in entries if entry["split"] == split]:
            where = (_parameter(chosen, across), _parameter(chosen, up))
            axis.scatter(*where, s=14, color=colour, label=f"{split}: {len(chosen)}")
    axis.set(xlabel=AXES[across], ylabel=AXES[up])


def _ranges(axis: Axes, entries: Sequence[Entry], spans: Array) -> None:
    """A line per simulation over its vigour; `spans` has shape (n, 2)."""
    vigour = _parameter(entries, "gamma_T") - _parameter(entries, "gamma_p")
    splits = np.array([entry["split"] for entry in entries])
    for split, colour in COLOURS.items():
        chosen = (splits == split) & np.isfinite(spans).all(axis=1)
        axis.vlines(vigour[chosen], *spans[chosen].T, color=colour, linewidth=1.0)


def _spans(entries: Sequence[Entry]) -> list[Array]:
    """Least and greatest of each panel's quantity, (n, 2); NaN where there is no scale."""
    fields = {
        name: np.array(
            [[entry["statistics"][name][end] for end in ("min", "max")] for entry in entries]
        )
        for name in ("temperature", "log10_viscosity", "u", "v")
    }
    scale = _scale(entries)[:, None]
    return [*fields.values(), fields["u"] / scale, fields["v"] / scale]


def _scale(entries: Sequence[Entry]) -> Array:
    """Eq. 4 of the paper, refitted to the training simulations that convect, shape (n,)."""
    raw = [_raw(entries, name) for name in ("gamma_T", "gamma_p", "heating", "rayleigh")]
    largest = np.array(
        [max(entry["statistics"][f"largest_{axis}"][1] for axis in "uv") for entry in entries]
    )
    # What never gets faster does not convect, and its velocities have no scale.
    moving = largest >= QUIET_VRMS
    fitted = moving & np.array([entry["split"] == "train" for entry in entries])
    if not fitted.any():
        return np.full(len(entries), np.nan)
    gamma_T, gamma_p, heating, rayleigh = (column[fitted] for column in raw)
    scale = Regression.fit(gamma_T, gamma_p, heating, rayleigh, largest[fitted])
    return np.where(moving, scale.of(*raw), np.nan)


def _raw(entries: Sequence[Entry], name: str) -> Array:
    return np.array([entry[name] for entry in entries], dtype=np.float64)


def _parameter(entries: Sequence[Entry], name: str) -> Array:
    """A parameter as the axes show it: heating, or log10 of the others; shape (n,)."""
    values = _raw(entries, name)
    return values if name == "heating" else np.log10(values)
