"""Commands of Tellus in processes of their own, told line by line and stopped together."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from tempfile import TemporaryFile

from tellus.errors import InputError, InterruptedRunError, RunFailedError
from tellus.io.signals import WATCHED

STOPPED = (3, *(-number for number in WATCHED))
BAD_INPUT = 2


class Commands:
    """Runs commands; safe to use from several threads.

    Parameters
    ----------
    report : callable
        Takes what the commands say, a line at a time.
    threads : int, optional
        For each command; as many as it likes by default.
    """

    def __init__(self, report: Callable[[str], None], threads: int | None = None) -> None:
        self._report = report
        self._environment = os.environ | (
            {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        )
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, name: str, arguments: Sequence[str], tell: bool = False) -> str:
        """What `tellus ARGUMENTS` says; `tell` also reports it, after `name`, while it runs.

        Raises InterruptedRunError where it was stopped, InputError or RunFailedError where not.
        """
        if self._stopped:
            raise InterruptedRunError(f"{name}: stopped. The same command goes on.")
        said = []
        with (
            TemporaryFile("w+") as complaints,
            subprocess.Popen(
                [sys.executable, "-m", "tellus", *arguments],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            ) as process,
        ):
            self._running.add(process)
            if self._stopped:
                process.terminate()
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if tell:
                    self._report(f"{name}: {line.rstrip()}")
            process.wait()
            self._running.discard(process)
            complaints.seek(0)
            complaint = complaints.read().strip()
        if process.returncode == 0:
            return "".join(said)
        last = (complaint or f"exit status {process.returncode}").splitlines()[-1]
        if process.returncode in STOPPED:
            raise InterruptedRunError(f"{name}: {last} The same command goes on.")
        kind = InputError if process.returncode == BAD_INPUT else RunFailedError
        raise kind(f"{name}: tellus {arguments[0]} failed: {last}")

    def stop(self) -> None:
        """Ask all that run to stop, and start no more."""
        if self._stopped:
            return
        self._stopped = True
        for process in tuple(self._running):
            process.terminate()
