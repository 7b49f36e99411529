"""Run the examples small, and draw what the first page and the gallery show (`make gallery`).

Each call gives every run at most `--seconds`, in runs/gallery, and goes on where the one before
stopped; pictures and numbers are those of the outputs that are there.
"""

import argparse
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from cmcrameri import cm
from PIL import Image

import tellus
from tellus.config import PRESETS, Config
from tellus.coupling.directory.recorded import RecordedRun, read_outputs
from tellus.errors import InputError, InterruptedRunError, RunFailedError
from tellus.io.whole_file import write_atomically

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
RUNS = ROOT / "runs" / "gallery"
PAGES = ROOT / "docs" / "gallery"
NUMBERS = PAGES / "numbers.json"
MOVING = PAGES / "moving.webp"
MOST_CELLS = 32
"""Up a box, in the gallery's runs."""

WIDTH, MOVING_WIDTH = 400, 720
"""Of pictures, in pixels."""

MOVING_SETTINGS = ("time.end=0.03", "output.every=2e-4")
FRAME = 70
"""Milliseconds."""


def examples() -> Iterator[tuple[str, Config]]:
    """Name and configuration of every example that is a run, made small."""
    for path in sorted(EXAMPLES.glob("*.toml")):
        try:
            config = tellus.load_config(path)
        except InputError:
            continue  # a data set, or a training
        fewer = max(1, config.grid.ny // MOST_CELLS)
        small = (f"grid.nx={config.grid.nx // fewer}", f"grid.ny={config.grid.ny // fewer}")
        yield path.stem, tellus.load_config(path, [*PRESETS["fast"], *small])


def go_on(name: str, config: Config, seconds: float) -> RecordedRun:
    """Run what is left of a configuration for so long, and read what is there."""
    directory = RUNS / name
    time = config.time.model_copy(update={"wall_limit": seconds})
    try:
        tellus.run(
            config.model_copy(update={"time": time}),
            directory,
            resume=(directory / "config.toml").exists(),
        )
    except (InterruptedRunError, RunFailedError) as ended:
        print(f"{name}: {ended}", flush=True)
    return read_outputs(directory)


def picture(temperature: np.ndarray, width: int) -> Image.Image:
    """T in colours, without axes; the cold lid shares a colour, as in all pictures of runs."""
    low, high = np.percentile(temperature, [15, 100])
    shades = (temperature[::-1] - low) / max(high - low, 0.05)
    drawn = Image.fromarray(cm.lajolla(np.clip(shades, 0, 1), bytes=True)[:, :, :3])
    height = round(width * drawn.height / drawn.width)
    return drawn.resize((width, height), Image.Resampling.BICUBIC)


def save(path: Path, first: Image.Image, *others: Image.Image) -> None:
    """As WebP; one that moves goes on for ever."""
    content = BytesIO()
    moving = {"save_all": True, "append_images": others, "duration": FRAME, "loop": 0}
    first.save(content, "webp", quality=85, method=6, **(moving if others else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def numbers(run: RecordedRun) -> dict[str, object]:
    """What stands under a picture: where the run is, and what it has come to."""
    series = run.series
    last = {name: float(series[name][-1]) for name in ("time", "nusselt_top", "vrms")}
    return {"grid": str(run.grid), **{name: float(f"{value:.4g}") for name, value in last.items()}}


def main() -> None:
    """Every example, then the picture that moves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each run [60]")
    parser.add_argument("names", nargs="*", help="of examples, or moving [all]")
    asked = parser.parse_args()
    shown = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    known = dict(examples())
    for name, config in known.items():
        if asked.names and name not in asked.names:
            continue
        run = go_on(name, config, asked.seconds)
        width = WIDTH if run.grid.aspect > 2 else WIDTH // 2
        save(PAGES / f"{name}.webp", picture(run.snapshot("temperature", -1), width))
        shown[name] = numbers(run)
        kept = {key: shown[key] for key in sorted(shown) if key in known}
        write_atomically(NUMBERS, json.dumps(kept, indent=1).encode() + b"\n")
    if not asked.names or "moving" in asked.names:
        config = tellus.load_config(EXAMPLES / "linear-start.toml", MOVING_SETTINGS)
        run = go_on("moving", config, 4 * asked.seconds)
        count = run.output_times.size
        save(
            MOVING,
            *(
                picture(run.snapshot("temperature", k), MOVING_WIDTH)
                for k in range(count // 2, count)
            ),
        )


if __name__ == "__main__":
    main()
