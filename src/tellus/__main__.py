"""The `tellus` command, and `python -m tellus`."""

import os
import sys

from tellus.errors import FAILED, GO_ON, RESUMABLE, RESUME
from tellus.io import terminal
from tellus.io.signals import while_importing


def main() -> None:
    """Run the command line; a signal while it is being imported ends it with a sentence too."""
    terminal.prepare()
    goes_on = RESUME in sys.argv or sys.argv[1:2] in ([name] for name in GO_ON)
    while_importing(RESUMABLE if goes_on else FAILED)

    # Work takes one BLAS thread (see tellus.solver.threads): so that no pool is even started.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Pictures go to files; what a notebook exports need not be installed, or have a screen.
    os.environ["MPLBACKEND"] = "agg"

    from tellus.cli import app

    try:
        app()
    finally:
        terminal.finish()


if __name__ == "__main__":
    main()
