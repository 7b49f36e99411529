"""Pictures look the same whatever a user's matplotlib is set to."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tellus.coupling.output.style import save_picture, styled

ODD = {
    "text.usetex": True,
    "font.size": 31.0,
    "savefig.bbox": "tight",
    "axes.facecolor": "black",
    "lines.linewidth": 9.0,
    "image.origin": "lower",
    "image.cmap": "jet",
}
"""Settings that would change every picture, and one that needs LaTeX."""


def bytes_of(path: Path) -> bytes:
    with styled():
        figure = Figure(figsize=(3, 2))
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], label="a")
        left.legend()
        right.imshow(np.eye(2))
    save_picture(figure, path)
    return path.read_bytes()


@pytest.mark.usefixtures("drawn")
def test_settings_of_ones_own_do_not_show(tmp_path: Path) -> None:
    with mpl.rc_context(ODD):
        odd = bytes_of(tmp_path / "odd.png")
        assert mpl.rcParams["font.size"] == ODD["font.size"]
    assert odd == bytes_of(tmp_path / "plain.png")


@pytest.mark.parametrize(
    "backend",
    ["module://no_such_thing.backend", pytest.param("nonsense", marks=pytest.mark.slow)],
)
def test_the_command_draws_whatever_backend_a_notebook_exports(
    backend: str, tmp_path: Path
) -> None:
    """Jupyter and Colab export one to commands that may not have it."""
    program = """
import sys
sys.argv = ["tellus", "--version"]
from tellus.__main__ import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
import matplotlib
print(matplotlib.get_backend())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-1] == "agg", done.stderr
