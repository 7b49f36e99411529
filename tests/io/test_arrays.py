"""Arrays are known to be what is expected before they are unpacked."""

import io
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.lib import format as npy

from tellus.io.arrays import Expected, read_npz, read_stored, write_npz

T = {"T": Expected((None, 3))}


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def stored(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("T.npy", content)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_what_was_written_is_read(compressed: bool, tmp_path: Path) -> None:
    arrays = {"T": np.arange(6.0).reshape(2, 3), "card": np.array("{}"), "n": np.array([1, 2])}
    write_npz(tmp_path / "a.npz", arrays, compressed)
    found = read_npz(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
    assert read_npz(tmp_path / "a.npz", T).keys() == {"T"}
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        write_npz(tmp_path / "a.npz", {"T": np.array([{}], dtype=object)}, compressed)
    assert read_npz(tmp_path / "a.npz").keys() == arrays.keys()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((2, 4)), r"T has the shape \(2, 4\), not any x 3"),
        (np.ones(3), "shape"),
        (np.ones((2, 3), dtype=int), "T holds int64"),
        (np.full((2, 3), "1"), "T holds <U1"),
        (np.array([[1.0, np.nan, 2.0]]), "not finite"),
        (np.array([[1.0, np.inf, 2.0]], dtype=np.float16), "not finite"),
        (np.array([[1.0, -np.inf, 2.0]], dtype=np.float32), "not finite"),
        (np.array([[1.0, -1e292, 2.0]]), "beyond 1e\\+100"),
    ],
)
def test_what_is_not_expected_is_refused(
    values: np.ndarray[Any, Any], reason: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", T=values)
    with pytest.raises(ValueError, match=reason):
        read_npz(tmp_path / "a.npz", T)
    with pytest.raises(ValueError, match="it has no psi"):
        read_npz(tmp_path / "a.npz", {"psi": Expected((None,))})


def test_pickles_are_refused_unread(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", T=np.array([[print, 1, 2]], dtype=object))
    with pytest.raises(ValueError, match="T is a pickle"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(10**6, 10**6), (10**9,), (-2, -3), (7,)])
def test_a_header_that_lies_takes_no_memory(shape: tuple[int, ...], tmp_path: Path) -> None:
    file = stored(tmp_path / "a.npz", header(shape) + 48 * b"\0")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"another size|dimension"):
            read_npz(file)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored(tmp_path / "a.npz", header((2**22,)) + bytes(2**25))
    assert file.stat().st_size < 2**16
    monkeypatch.setattr("tellus.io.arrays.SMALL", 0)
    monkeypatch.setattr("tellus.io.arrays._memory", lambda: 2**24)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"would take 0\.0312 GiB"):
            read_npz(file)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_unknown_ways_of_packing(tmp_path: Path) -> None:
    file = stored(tmp_path / "a.npz", header((6,)) + 48 * b"\0", zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match="unknown way"):
        read_npz(file)
    with pytest.raises(ValueError, match="unknown format"):
        read_npz(stored(tmp_path / "a.npz", b"\x93NUMPY\x03" + header((6,))[7:] + bytes(48)))


def test_flipped_bits_and_cut_ends_are_value_errors(tmp_path: Path) -> None:
    """Whatever zipfile, zlib and the parser of headers make of them."""
    np.savez_compressed(tmp_path / "a.npz", T=np.arange(6.0).reshape(2, 3), n=np.arange(3))
    whole = (tmp_path / "a.npz").read_bytes()
    for position in range(0, len(whole), 2):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 7
        for damaged in (whole[:position], bytes(flipped)):
            # A flip in a date, or in what is not asked for, harms nobody.
            with suppress(ValueError):
                found = read_npz(io.BytesIO(damaged), T)["T"]
                np.testing.assert_array_equal(found, np.arange(6.0).reshape(2, 3))
                assert len(damaged) == len(whole)


def test_stored_arrays(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("T", data=np.ones((2, 3)))
    np.testing.assert_array_equal(read_stored(group["T"], T["T"], "T"), np.ones((2, 3)))
    with pytest.raises(ValueError, match="shape"):
        read_stored(group["T"], Expected((3, 3)), "T")
    group.create_array("lost", shape=(2, 3), dtype="f8", fill_value=np.nan)
    with pytest.raises(ValueError, match="lost holds values that are not finite"):
        read_stored(group["lost"], T["T"], "lost")
    group.create_array("wide", shape=(2, 3), chunks=(10**12, 10**6), dtype="f8")
    with pytest.raises(ValueError, match="GiB"):
        read_stored(group["wide"], T["T"], "wide")
