"""Pictures as files, written whole or not at all."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from tellus.errors import InputError
from tellus.io.whole_file import write_atomically

from .style import styled


def save_picture(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure in the format that the name ends in; an older picture stays where it fails."""
    content = BytesIO()
    with styled():
        figure.savefig(content, format=path.suffix[1:] or "png", dpi=dpi)
    write_atomically(path, content.getvalue())


def picture_place(out: Path | None, default: Path) -> Path:
    """Where a picture that `--out` may name goes, its folder made; InputError if it is no .png."""
    place = default if out is None else out
    if place.suffix != ".png" or place.is_dir():
        raise InputError(f"--out {place}: name a .png file.")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
