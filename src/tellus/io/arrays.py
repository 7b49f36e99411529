"""Arrays that may be damaged, or a stranger's: what they must be is known before they are unpacked.

An .npz file is a zip archive. Its directory and the headers of its members say names, shapes and
kinds of number, and are compared with what is expected; only then is memory taken. A digest says
whether what is read is what was written.
"""

import hashlib
import io
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tellus.io.whole_file import written_aside

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What NumPy writes; of others Python may know less, or need much memory."""

LARGEST = 1e100
"""The largest number in a field that is no damage: no field comes near it, its square is finite,
and a flipped bit of an exponent goes beyond it."""

SMALL = 2**26
"""Bytes that are never too many."""

LONGEST_TEXT = 2**28
"""Bytes, four to a letter."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Expected:
    """What an array must be: its shape, None for a length that may be any, and kinds of number.

    These are as in `numpy.dtype.kind`. Floating-point numbers must be finite, and no larger than
    `LARGEST`.
    """

    shape: tuple[int | None, ...]
    kinds: str = "f"

    def checked(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """An array that has been read, or ValueError."""
        self.check(name, values.shape, values.dtype)
        # NaN is no number that is small enough either.
        if values.dtype.kind == "f" and not float(np.abs(values).max(initial=0.0)) <= LARGEST:
            raise ValueError(f"{name} holds values that are not finite, or beyond {LARGEST:g}")
        return values

    def check(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Raise ValueError, before the array is read."""
        fits = len(shape) == len(self.shape) and all(
            wanted in (None, found) for wanted, found in zip(self.shape, shape, strict=True)
        )
        if not fits:
            wanted = " x ".join("any" if n is None else str(n) for n in self.shape) or "one"
            raise ValueError(f"{name} has the shape {shape}, not {wanted}")
        if dtype.kind not in self.kinds:
            raise ValueError(f"{name} holds {dtype}")
        if dtype.kind == "U" and dtype.itemsize > LONGEST_TEXT:
            raise ValueError(f"{name} is a text of {dtype.itemsize / 2**30:.3g} GiB")


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an .npz file; ValueError for an array of objects, which would be a pickle."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **dict(arrays))
    return content.getvalue()


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> None:
    """An .npz file, written whole or not at all; ValueError as in `npz_bytes`."""
    with written_aside(path) as stream:
        if compressed:
            np.savez_compressed(stream, allow_pickle=False, **dict(arrays))
        else:
            np.savez(stream, allow_pickle=False, **dict(arrays))


def read_npz(file: Path | BinaryIO, expected: Mapping[str, Expected] | None = None) -> Arrays:
    """Arrays of an .npz file: those that are expected, or all, whatever they are.

    Raises
    ------
    ValueError
        The file is damaged or no .npz file, an array is missing, a pickle or not as expected,
        or all of them together do not fit into memory.
    FileNotFoundError, NotADirectoryError
        There is none.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            wanted = dict.fromkeys(members) if expected is None else dict(expected)
            if missing := [name for name in wanted if name not in members]:
                raise ValueError(f"it has no {missing[0]}")
            _check_sizes({name: _header(archive, members[name], wanted[name]) for name in wanted})
            return {name: _values(archive, members[name], wanted[name]) for name in wanted}
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise
    except Exception as error:
        # zipfile, zlib, struct and the parser of headers raise each their own kinds.
        raise ValueError(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def read_stored(array: Any, expected: Expected, name: str) -> NDArray[Any]:
    """An array of a store, such as Zarr's, checked before and after it is read; or ValueError."""
    shape, dtype = tuple(array.shape), np.dtype(array.dtype)
    expected.check(name, shape, dtype)
    # A chunk is unpacked as a whole, however little of it the array has room for.
    _check_sizes({name: _bytes(shape, dtype), f"a chunk of {name}": _bytes(array.chunks, dtype)})
    return expected.checked(name, np.asarray(array))


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, expected: Expected | None) -> int:
    """Bytes that the array will take, by a header that agrees with the size of the member."""
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in COMPRESSIONS:
        raise ValueError(f"{name} is compressed in an unknown way")
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{name} is of the unknown format {version}")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        begin = stream.tell()
    if dtype.hasobject:
        raise ValueError(f"{name} is a pickle, which can run any code when loaded")
    size = _bytes(shape, dtype)
    if begin + size != member.file_size:
        raise ValueError(f"{name} has another size than its header says")
    if expected is not None:
        expected.check(name, shape, dtype)
    return size


def _values(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, expected: Expected | None
) -> NDArray[Any]:
    with archive.open(member) as stream:
        values = np.asarray(npy.read_array(stream, allow_pickle=False))
        # The checksum is compared at the end of the member.
        stream.read()
    if expected is None:
        return values
    return expected.checked(member.filename.removesuffix(".npy"), values)


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def _check_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse what can only be unpacked into more memory than there is."""
    if (total := sum(sizes.values())) > max(SMALL, _memory()):
        raise ValueError(f"it would take {total / 2**30:.3g} GiB of memory")


def _memory() -> int:
    """Bytes of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**36


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most `most` whole numbers below `count`, the first and the last among them.

    >>> evenly_spaced(10, 4)
    [0, 3, 6, 9]
    """
    chosen: list[int] = (
        np.unique(np.linspace(0, count - 1, min(most, count)).round()).astype(int).tolist()
    )
    return chosen


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 of the bytes of arrays, one after another, in hexadecimal digits."""
    found = hashlib.sha256()
    for values in arrays:
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def check_digests(arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, str]) -> None:
    """Raise ValueError for the first array that is not the one whose digest was kept."""
    for name, values in arrays.items():
        if name in expected and digest(values) != expected[name]:
            raise ValueError(f"{name} is not what was written: its digest is another one")
