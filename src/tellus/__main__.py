"""The `tellus` command, and `python -m tellus`."""

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line; a signal while it is being imported ends it with a sentence too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)

    # Work takes one BLAS thread (see tellus.solver.threads): so that no pool is even started.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from tellus.cli import app

    app()


def _stop(number: int, frame: FrameType | None) -> None:
    """Nothing is open yet that an end at once could harm."""
    os.write(2, b"tellus: stopped by a signal.\n")
    os._exit(1)


if __name__ == "__main__":
    main()
