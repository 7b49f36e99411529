"""Animations: a GIF in colours of its own, and an MP4 where ffmpeg is found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tellus.io.whole_file import folder_aside

FRAMES_PER_SECOND = 10
COLOURS = 256
"""As many as a GIF has."""


def write_film(
    out: Path, figure: Figure, draw: Callable[[int], None], frames: Sequence[int], dpi: int
) -> list[Path]:
    """Write animation.gif, and animation.mp4 where ffmpeg is found, into a directory.

    `draw` draws a frame into the figure. An older animation stays where this one is stopped.
    """
    figure.set_dpi(dpi)
    with folder_aside(out / ".animation") as aside:
        with ExitStack() as stack:
            film = None
            if FFMpegWriter.isAvailable():
                # First: it may trim the figure to an even number of pixels.
                film = FFMpegWriter(fps=FRAMES_PER_SECOND)
                stack.enter_context(film.saving(figure, str(aside / "animation.mp4"), dpi))

            def images(numbers: Sequence[int], filmed: bool) -> Iterator[Image.Image]:
                for k in numbers:
                    draw(k)
                    if film is not None and filmed:
                        film.grab_frame()
                    yield _image(figure)

            ends = sorted({frames[0], frames[len(frames) // 2], frames[-1]})
            colours = _common_colours(list(images(ends, filmed=False)))
            _write_gif(aside / "animation.gif", images(frames, filmed=True), colours)
        return [file.replace(out / file.name) for file in sorted(aside.iterdir())]


def _image(figure: Figure) -> Image.Image:
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _common_colours(images: Sequence[Image.Image]) -> Image.Image:
    """A palette that suits all of these, so that nothing flickers from frame to frame."""
    return Image.fromarray(np.concatenate([np.asarray(image) for image in images])).quantize(
        COLOURS
    )


def _write_gif(file: Path, images: Iterator[Image.Image], colours: Image.Image) -> None:
    """One frame at a time; what lies between two colours is dithered, and shows no bands."""
    dither = Image.Dither.FLOYDSTEINBERG
    frames = (image.quantize(palette=colours, dither=dither) for image in images)
    pause = 1000 // FRAMES_PER_SECOND
    next(frames).save(file, save_all=True, append_images=frames, duration=pause, loop=0)
