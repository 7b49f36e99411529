"""Zarr stores that may be damaged, or a stranger's: format 3 alone, of numbers, with checksums."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import ZstdCodec

CODECS = {"blosc", "bytes", "crc32c", "gzip", "transpose", "zstd"}
"""Codecs that are read: none runs anything that a file holds, as a pickle does. Tellus writes bytes
and zstd."""

NUMBERS = "biuf"


def new_store(path: Path, attributes: Mapping[str, Any], overwrite: bool = False) -> zarr.Group:
    """An empty store, whatever a user's zarr is configured for."""
    return zarr.create_group(path, zarr_format=3, attributes=dict(attributes), overwrite=overwrite)


def checked_compression() -> dict[str, Any]:
    """Arguments for `create_array`: a chunk with one bit changed is not unpacked, but an error."""
    return {"compressors": ZstdCodec(level=0, checksum=True)}


def open_store(path: Path, mode: str = "r", consolidated: bool | None = None) -> zarr.Group:
    """A store of format 3; ValueError for another one, and whatever zarr raises of a damaged one.

    `consolidated` says whether to go by the metadata that were put together at its root.
    """
    if not (path / "zarr.json").exists() and (path / ".zgroup").exists():
        raise ValueError("it is of Zarr format 2, of which a chunk may run code: only 3 is read")
    return zarr.open_group(
        path,
        mode=mode,  # type: ignore[arg-type]
        zarr_format=3,
        use_consolidated=consolidated,
    )


def stored_array(store: zarr.Group, name: str) -> "zarr.Array[Any]":
    """An array of a store, found to hold numbers in a known way; ValueError or KeyError."""
    array = store[name]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{name} is not an array")
    if array.metadata.zarr_format != 3 or array.dtype.kind not in NUMBERS:
        raise ValueError(f"{name} holds no numbers of Zarr format 3")
    for codec in array.metadata.codecs:
        if (kind := codec.to_dict()["name"]) not in CODECS:
            raise ValueError(f'{name} is compressed by "{kind}", which is not read')
    return array
