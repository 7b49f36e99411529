"""Digests of arrays: what is read is what was written."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 of the bytes of arrays, one after another, in hexadecimal digits."""
    found = hashlib.sha256()
    for values in arrays:
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def check_digests(arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, Any]) -> None:
    """Raise ValueError for the first array that is not the one whose digest was kept."""
    for name, values in arrays.items():
        if name in expected and digest(values) != expected[name]:
            raise ValueError(f"{name} is not what was written: its digest is another one")
