"""A comparison as one HTML file that needs nothing else: figures and style are inside."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

import tellus
from tellus.coupling.output.style import styled
from tellus.coupling.runs.recorded import RecordedRun
from tellus.errors import InputError
from tellus.io.shown import shown
from tellus.io.whole_file import write_atomically

from .formatting import COLUMNS, cells, headline
from .plots import figures

DPI = 140
PIXELS_PER_INCH = 82
SECTIONS = {
    "temperature": ("Temperature", "At equal model times, one column per run."),
    "difference": (
        "Difference from the reference",
        "Red where the run is hotter, at the same times.",
    ),
    "history": (
        "Mean temperature and heat flow",
        "Every time step. Spikes at the start may leave the frame.",
    ),
    "profiles": (
        "Temperature profiles",
        "Horizontal means at the last common output, and averaged over the second half of the "
        "common time.",
    ),
    "drift": (
        "Distance from the reference over time",
        "At equal output times. Convection amplifies small differences, so trajectories part even "
        "where the statistics of the flow agree.",
    ),
    "cost": (
        "Where the time goes",
        "Left: everything the run did, divided by its steps. Right: per step (Stokes and energy), "
        "and end to end over the same model time.",
    ),
}


def write_report(out: Path, result: Mapping[str, Any], runs: Sequence[RecordedRun]) -> None:
    """Write the report of a comparison to `out`, replacing an older one in one go.

    Parameters
    ----------
    out : Path
        The HTML file; its directory is made where it is missing.
    result : mapping
        What `tellus.coupling.comparison.compare.compare` returned.
    runs : sequence of RecordedRun
        The runs behind it, in the same order.

    Raises
    ------
    InputError
        `out` is no place for a report, or cannot be written.
    """
    check_place(out)
    page = render(result, runs)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, page.encode(errors="backslashreplace"))
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error}); choose another --out.") from error


def check_place(out: Path) -> None:
    """Raise InputError unless a report can go to `out`: HTML by name, over nothing but HTML."""
    if out.is_dir():
        raise InputError(
            f"{out}: is a directory; name the HTML file to write, such as report.html."
        )
    there = out.read_bytes()[:4096].lower() if out.exists() else b""
    if there and b"<html" not in there:
        raise InputError(f"{out}: exists and is no HTML file; name another, such as report.html.")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: the report is HTML; name a file such as report.html.")


def render(result: Mapping[str, Any], runs: Sequence[RecordedRun]) -> str:
    """The report as HTML text."""
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_inert
    )
    drawn = figures(result, runs)
    sections = [
        {"title": title, "caption": caption, "images": [_image(f) for f in drawn[key]]}
        for key, (title, caption) in SECTIONS.items()
        if drawn[key]
    ]
    return environment.from_string(template).render(
        title=_title(result),
        case=_case(result, runs[0]),
        summary=[*headline(result), *result.get("remarks", [])],
        result=result,
        columns=[title for title, _, _ in COLUMNS],
        rows=[cells(run) for run in result["runs"]],
        sections=sections,
        provenance=_provenance(runs),
        version=tellus.__version__,
        date=date.today().isoformat(),
    )


def _inert(value: Any) -> Any:
    """Every text that the page shows passes here."""
    return shown(value) if isinstance(value, str) else value


def _image(figure: Figure) -> tuple[str, int]:
    """A figure as the base64 text of a PNG, and its width on the page in pixels."""
    buffer = BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=DPI)
    width = round(PIXELS_PER_INCH * figure.get_figwidth())
    return b64encode(buffer.getvalue()).decode("ascii"), width


def _title(result: Mapping[str, Any]) -> str:
    first, *others = [run["label"] for run in result["runs"]]
    return f"{first} against {', '.join(others)}" if others else f"Run with {first}"


def _case(result: Mapping[str, Any], reference: RecordedRun) -> str:
    """The reference's parameters, as it was configured."""
    times = reference.output_times
    sections = {
        "model": reference.config.get("model"),
        "rheology": reference.config.get("rheology"),
    }
    numbers = [
        f"{key} {value:g}"
        for section in sections.values()
        for key, value in (section or {}).items()
        if isinstance(value, int | float)
    ]
    return (
        f"{reference.grid} cells, aspect ratio {reference.grid.aspect:g}; {', '.join(numbers)}; "
        f"model time {times[0]:.4g} to {times[-1]:.4g}. Reference: {result['reference']}"
    )


def _provenance(runs: Sequence[RecordedRun]) -> list[tuple[str, list[str]]]:
    names = {
        "solver": "solver",
        "status": "status",
        "solver_report": "solver report",
        "weights_sha256": "weights, SHA-256",
        "machine": "machine",
        "threads": "threads",
        "tellus": "Tellus",
        "git": "git",
        "versions": "versions",
    }
    rows = [(name, [_text(run.info.get(key)) for run in runs]) for key, name in names.items()]
    return [("directory", [str(run.path) for run in runs]), *rows]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(entry)}" for key, entry in value.items()) or "-"
    return "-" if value is None else str(value)
