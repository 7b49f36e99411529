"""A comparison as one HTML file that needs nothing else, and its figures as files beside it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from tellus.config import Config
from tellus.config.in_force import in_force
from tellus.coupling.directory.recorded import RecordedRun
from tellus.coupling.output.style import picture, save_picture
from tellus.errors import InputError
from tellus.io.places import directory
from tellus.io.shown import shown
from tellus.io.whole_file import write_atomically
from tellus.version import __version__

from .figures import figures
from .found import HEADINGS, Comparison, headline, rows
from .maps import Shown

SWITCHES = ("model.dissipation_number",)
"""Settings of no effect at zero."""

DPI = 140
PIXELS_PER_INCH = 82


def write_report(
    out: Path, result: Comparison, runs: Sequence[RecordedRun], remarks: Sequence[str] = ()
) -> None:
    """Write the report of what `compare` returned of these runs, replacing an older one in one go.

    Its figures, which are inside, also go to the folder NAME-figures beside it, as PNG and PDF.
    Raises InputError where `out` is no place for a report.
    """
    check_place(out)
    drawn = figures(result, runs)
    every = [each for found in drawn.values() for each in found]
    pictures = {each.name: picture(each.figure, "png", DPI) for each in every}
    page = render(result, runs, drawn, pictures, remarks)
    folder = directory(figures_of(out))
    for each in every:
        write_atomically(folder / f"{each.name}.png", pictures[each.name])
        save_picture(each.figure, folder / f"{each.name}.pdf", DPI)
    write_atomically(out, page.encode(errors="backslashreplace"))


def figures_of(out: Path) -> Path:
    """The folder of a report's figures."""
    return out.with_name(f"{out.stem}-figures")


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


def render(
    result: Comparison,
    runs: Sequence[RecordedRun],
    drawn: Mapping[str, Sequence[Shown]],
    pictures: Mapping[str, bytes],
    remarks: Sequence[str] = (),
) -> str:
    """The report as HTML text.

    Parameters
    ----------
    result : Comparison
    runs : sequence of RecordedRun
        Those that were compared, the reference first.
    drawn : mapping
        Figures by section, as `figures` returns them.
    pictures : mapping
        The PNG files of these figures by their names.
    remarks : sequence of str
        Lines to follow the headline.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: shown(value) if isinstance(value, str) else value,
    )
    environment.filters["entry"] = _entry
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    first, *others = [run.label for run in result.runs]
    return environment.from_string(template).render(
        title=f"{first} against {', '.join(others)}" if others else f"Run with {first}",
        case=_case(result, runs[0]),
        summary=[*headline(result), *remarks],
        result=result,
        headings=HEADINGS,
        rows=rows(result),
        images={
            section: [_image(each, pictures[each.name]) for each in found]
            for section, found in drawn.items()
        },
        runs=runs,
        version=__version__,
        date=date.today().isoformat(),
    )


def _image(drawn: Shown, png: bytes) -> tuple[str, int, str]:
    """A figure as the base64 text of its PNG, its width on the page in pixels, its sentence."""
    width = round(PIXELS_PER_INCH * drawn.figure.get_figwidth())
    return b64encode(png).decode("ascii"), width, drawn.sentence


def _case(result: Comparison, reference: RecordedRun) -> str:
    """The reference's parameters, as it was configured, that its physics has."""
    times = reference.output_times
    return (
        f"{reference.grid} cells, aspect ratio {reference.grid.aspect:g}; "
        f"{', '.join(_parameters(reference.settings))}; "
        f"model time {times[0]:.4g} to {times[-1]:.4g}. Reference: {result.reference}"
    )


def _parameters(config: Config) -> list[str]:
    """Numbers of the model and of the viscosity law that are in force."""
    law = config.rheology.kind
    return ([] if law == "frank-kamenetskii" else [f"{law} viscosity"]) + [
        f"{key.partition('.')[2]} {value:g}"
        for key, value in in_force(config)
        if key.startswith(("model.", "rheology."))
        and isinstance(value, int | float)
        and (value or key not in SWITCHES)
    ]


def _entry(value: Any) -> str:
    """An entry of run.json as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_entry(entry)}" for key, entry in value.items()) or "-"
    return "-" if value is None else str(value)
