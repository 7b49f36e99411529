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

from .figures import figures
from .table import HEADINGS, headline, rows

DPI = 140
PIXELS_PER_INCH = 82


def write_report(out: Path, result: Mapping[str, Any], runs: Sequence[RecordedRun]) -> None:
    """Write the report of what `compare` returned of these runs, replacing an older one in one go.

    Raises InputError where `out` is no place for a report.
    """
    check_place(out)
    page = render(result, runs)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page.encode(errors="backslashreplace"))


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
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: shown(value) if isinstance(value, str) else value,
    )
    environment.filters["told"] = _told
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    drawn = figures(result, runs)
    first, *others = [run["label"] for run in result["runs"]]
    return environment.from_string(template).render(
        title=f"{first} against {', '.join(others)}" if others else f"Run with {first}",
        case=_case(result, runs[0]),
        summary=[*headline(result), *result.get("remarks", [])],
        result=result,
        headings=HEADINGS,
        rows=rows(result),
        images={name: [_image(figure) for figure in found] for name, found in drawn.items()},
        runs=runs,
        version=tellus.__version__,
        date=date.today().isoformat(),
    )


def _image(figure: Figure) -> tuple[str, int]:
    """A figure as the base64 text of a PNG, and its width on the page in pixels."""
    buffer = BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=DPI)
    width = round(PIXELS_PER_INCH * figure.get_figwidth())
    return b64encode(buffer.getvalue()).decode("ascii"), width


def _case(result: Mapping[str, Any], reference: RecordedRun) -> str:
    """The reference's parameters, as it was configured."""
    times = reference.output_times
    numbers = [
        f"{key} {value:g}"
        for section in ("model", "rheology")
        for key, value in (reference.config.get(section) or {}).items()
        if isinstance(value, int | float)
    ]
    return (
        f"{reference.grid} cells, aspect ratio {reference.grid.aspect:g}; {', '.join(numbers)}; "
        f"model time {times[0]:.4g} to {times[-1]:.4g}. Reference: {result['reference']}"
    )


def _told(value: Any) -> str:
    """An entry of run.json as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(entry)}" for key, entry in value.items()) or "-"
    return "-" if value is None else str(value)
