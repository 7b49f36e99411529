"""Pictures as files, written whole or not at all."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from tellus.io.whole_file import write_atomically

from .style import styled


def save_picture(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure in the format that the name ends in; an older picture stays where it fails."""
    content = BytesIO()
    with styled():
        figure.savefig(content, format=path.suffix[1:] or "png", dpi=dpi)
    write_atomically(path, content.getvalue())
