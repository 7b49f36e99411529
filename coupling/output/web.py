"""Runs and closures for the page in a browser (`tellus web`): one safetensors file each."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from tellus.coupling.directory.recorded import read_run
from tellus.errors import InputError
from tellus.io.arrays import evenly_spaced
from tellus.io.whole_file import write_atomically

SHOWN = ("time", "step", "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms")
"""Columns of the time series that the page shows."""

MOST_OUTPUTS, MOST_ROWS = 100, 2000
"""What is kept by default of outputs, and of the time series, evenly spaced."""


def export_run(path: Path, out: Path | None = None, most: int | None = None) -> Path:
    """Write T, psi and viscosity of at most so many outputs, in single precision.

    `out` is a file [default: NAME.safetensors in the run directory]. Returns it; raises InputError
    for no such run, or a damaged one.
    """
    run = read_run(path)
    name = run.path.resolve().name
    out = _named(out or run.path / f"{name}.safetensors")
    chosen = evenly_spaced(run.output_times.size, most or MOST_OUTPUTS)

    def stacked(field: str) -> NDArray[np.float32]:
        return np.stack([run.snapshot(field, k).astype(np.float32) for k in chosen])

    rows = np.column_stack([np.asarray(run.series[column], dtype=np.float64) for column in SHOWN])
    measured = np.full((len(chosen), len(SHOWN)), np.nan)
    for row, k in zip(measured, chosen, strict=True):
        step = int(run.fields["step"][k])
        row[:2] = run.output_times[k], step
        at = np.flatnonzero(rows[:, 1] == step)
        if at.size:
            row[2:] = rows[at[0], 2:]
    content = {
        "temperature": stacked("temperature"),
        "psi": stacked("psi"),
        "log_viscosity": np.log10(stacked("viscosity")),
        "measured": measured,
        "series": rows[evenly_spaced(len(rows), MOST_ROWS)],
    }
    about = {"name": name, "aspect": run.grid.aspect, "columns": SHOWN}
    return _write(out, "run", content, about)


def export_closure(path: Path, out: Path | None = None) -> Path:
    """Write the network of the heat fluxes of a trained closure.

    `out` is a file [default: web.safetensors in the directory]. Returns it; raises InputError for
    anything but a closure, and for one that knows of viscosity what the page cannot show.
    """
    from tellus.surrogate.closure.model import LearnedClosure

    closure = LearnedClosure.load(path)
    if closure.of_own_grid:
        raise InputError(
            f"{path} has learned viscosity, which the page does not know: export one that was "
            'trained with model.velocity = "fine".'
        )
    out = _named(out or path / "web.safetensors")
    layers, inputs = closure.flux_layers(), closure.flux_inputs()
    widths = [len(inputs), *(bias.size for _, bias in layers)]
    weights = np.concatenate([part.ravel() for layer in layers for part in layer])
    content = {"weights": weights.astype(np.float32), "inputs": inputs.astype(np.float32)}
    return _write(out, "closure", content, {"widths": widths, "range": closure.card["range"]})


def _named(out: Path) -> Path:
    if out.is_dir() or out.suffix != ".safetensors":
        raise InputError(f"{out}: name a file for the page that ends in .safetensors.")
    return out


def _write(
    out: Path, kind: str, content: Mapping[str, NDArray[np.floating]], about: Mapping[str, object]
) -> Path:
    plain = {name: np.ascontiguousarray(values) for name, values in content.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, save(plain, {"tellus": kind, "about": json.dumps(about)}))
    return out
