"""Files that are whole or not there, whatever happens while they are written.

What is begun has a name that nobody can know before, and links are not followed: a directory may
be a stranger's.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from tellus.errors import InputError

PARTIAL = re.compile(r"(.+?)(\.[0-9a-f]{16})?\.partial(-\d+)?")
"""The name of what was begun; earlier versions put nothing, or a process number, into it."""

NO_ROOM = (errno.EDQUOT, errno.EFBIG, errno.ENOSPC)
"""What a full disk answers, a quota, and a limit on the size of files: no bad input."""

NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems answer that cannot sync what is asked of them, folders above all."""


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """A stream under a temporary name, which takes the place of `path` once it is whole.

    File and folder are synced. Where that fails, `path` is as it was, and what was begun is
    removed; what killed processes began of it is too. An OSError names the file. A link at
    `path` is replaced, not what it points to. The stream's descriptor can also be read from.
    """
    partial = _beside(path)
    try:
        with _begun(partial) as stream:
            _clear(path.parent, lambda match: match[1] == path.name and bool(match[2]))
            yield stream
            stream.flush()
            sync(stream.fileno())
            partial.replace(path)
    except BaseException as error:
        # On a full disk what was begun only takes room.
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(partial)) and error.errno:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except PermissionError:  # a folder that may be written but not listed
        return
    try:
        sync(folder)
    finally:
        os.close(folder)


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, sync, rename, sync the folder."""
    with written_aside(path) as file:
        file.write(content)


def sync(file: int) -> None:
    """Wait until a file or folder is on disk, where its file system knows how to."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, removed at the end unless it has been moved elsewhere.

    An OSError of what is written into it names `path`.
    """
    partial = _beside(path)
    partial.mkdir(parents=True)
    try:
        yield partial
    except OSError as error:
        if error.errno and str(error.filename or partial).startswith(str(partial)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def not_followed(path: str, flags: int) -> int:
    """The opener, for `open`, of what is appended to: a link in its place is an OSError."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def own_folder(path: Path) -> Path:
    """Make a folder where files are written and deleted, unless it is there.

    Raises InputError for a link in its place, behind which may lie anything.
    """
    refuse_link(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def refuse_link(path: Path) -> None:
    """Raise InputError where there is a link."""
    if path.is_symlink():
        raise InputError(
            f"{path} is a link, and files elsewhere would be replaced or deleted: put what it "
            "points to in its place, or remove it."
        )


def entries(folder: Path) -> set[str]:
    """The names in a folder, without beginnings that a kill has left."""
    names = {path.name for path in folder.iterdir()}
    return {name for name in names if not ((match := PARTIAL.fullmatch(name)) and match[2])}


def clear_partials(folder: Path, *patterns: str) -> None:
    """Remove what killed processes began of the files or folders of these names, as in "*.npz".

    To be called where no other process writes such folders. Links are left alone.
    """
    if folder.is_dir() and not folder.is_symlink():
        _clear(folder, lambda match: any(fnmatch(match[1], pattern) for pattern in patterns))


def _clear(folder: Path, wanted: Callable[[re.Match[str]], bool]) -> None:
    for entry in list(os.scandir(folder)):
        match = PARTIAL.fullmatch(entry.name)
        if match is None or not wanted(match):
            continue
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.is_file(follow_symlinks=False):
                _remove_abandoned(entry.path)


def _begun(partial: Path) -> BinaryIO:
    """A new file, locked for as long as its writer lives, where there are locks."""
    while True:
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return os.fdopen(file, "wb")
        # Another process took it for abandoned before it was locked.
        os.close(file)


def _remove_abandoned(partial: str) -> None:
    """OSError where somebody writes it, or where that cannot be known."""
    file = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(partial)
    finally:
        os.close(file)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
