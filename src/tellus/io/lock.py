"""One process at a time in a directory that is written to."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tellus.errors import InputError, RunFailedError
from tellus.io.whole_file import NO_ROOM, not_followed

NAME = ".lock"


@contextmanager
def sole_user(directory: Path) -> Iterator[None]:
    """Make `directory` if need be, and keep other processes out of it meanwhile.

    The lock is the system's and ends with the process, however it ends. A file
    system that has no locks is not guarded. A directory that was made here, and
    that a failure leaves empty, is removed again.

    Raises
    ------
    InputError
        Another process is at work in it, or it cannot be written.
    RunFailedError
        There is no room, or the disk fails.
    """
    try:
        new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / NAME, "ab", opener=not_followed) as file:
            _lock(file.fileno(), directory)
            try:
                yield
            except BaseException:
                if new:
                    _remove_if_empty(directory)
                raise
    except OSError as error:
        if error.errno is None:
            # Not the file system's: a time-out of some library, say.
            raise
        kind = RunFailedError if error.errno in (*NO_ROOM, errno.EIO) else InputError
        raise kind(
            f"{error.filename or directory} cannot be written ({error.strerror or error}): see "
            "to that, or choose another directory."
        ) from error


def in_use(directory: Path) -> bool:
    """Whether a process is at work in it; where that cannot be known, none is."""
    try:
        with open(directory / NAME, "rb", opener=not_followed) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(file: int, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        free = False
    except OSError:
        # No locks here, as on some network file systems.
        return
    else:
        # A failure of another process may have removed the file since it was opened here.
        free = os.fstat(file).st_nlink > 0
    if not free:
        raise InputError(
            f"{directory} is in use by another process: let it end, or choose another directory."
        )


def _remove_if_empty(directory: Path) -> None:
    """Remove a directory that holds nothing but the lock, while it is held."""
    with suppress(OSError):
        if [path.name for path in directory.iterdir()] == [NAME]:
            (directory / NAME).unlink()
            directory.rmdir()
