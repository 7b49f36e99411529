"""One process at a time in a directory that is written to."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tellus.solver.errors import InputError, RunFailedError

NAME = ".lock"
OUT_OF_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@contextmanager
def sole_user(directory: Path) -> Iterator[None]:
    """Make `directory` if need be, and keep other processes out of it meanwhile.

    The lock is the system's and ends with the process, however it ends. A file
    system that has no locks is not guarded.

    Raises
    ------
    InputError
        Another process is at work in it, or it cannot be written.
    RunFailedError
        There is no room.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / NAME).open("ab") as file:
            _lock(file.fileno(), directory)
            yield
    except OSError as error:
        if error.errno is None:
            # Not the file system's: a time-out of some library, say.
            raise
        kind = RunFailedError if error.errno in OUT_OF_ROOM else InputError
        raise kind(
            f"{error.filename or directory} cannot be written ({error.strerror or error}): see "
            "to that, or choose another directory."
        ) from error


def _lock(file: int, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"{directory} is in use by another process: let it end, or choose another directory."
        ) from None
    except OSError:
        # No locks here, as on some network file systems.
        return
