"""Damage: what disks, editors and strangers do to a file; most is drawn from a seed."""

import io
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[random.Random, bytes], bytes]

DEEP = "@deep@"
VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "1e3",
    DEEP,
    [],
    {},
    [1, "a", None],
    {"kind": 1},
    -1,
    0,
    1,
    3,
    0.5,
    -1e-300,
    1e300,
    10**9,
    10**30,
    float("nan"),
    float("inf"),
)


def missing(name: str) -> Callable[[Path], None]:
    """What is called so in a directory is gone, a file or a folder."""

    def damage(directory: Path) -> None:
        path = directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def json_values(random_: random.Random, content: bytes) -> bytes:
    """One value of a JSON object dropped, doubled in a list, or of another kind."""
    tree = json.loads(content)
    holder, key = random_.choice(list(_places(tree)))
    what = random_.random()
    if what < 0.25:
        del holder[key]
    elif what < 0.35 and isinstance(holder, list):
        holder.append(holder[key])
    elif what < 0.5 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * random_.choice((-1, 2, 1e3, 1e9, 1e-9)) + random_.choice((0, 1))
    else:
        holder[key] = random_.choice(VALUES)
    nested = 1000 * "[" + 1000 * "]"
    return json.dumps(tree).replace(json.dumps(DEEP), nested).encode()


def raw(random_: random.Random, content: bytes) -> bytes:
    """Bits flipped, a piece lost or zeroed, the end cut, or something else altogether."""
    what, damaged = random_.randrange(7), bytearray(content)
    first = random_.randrange(len(content) + 1)
    last = min(first + random_.choice((1, 16, 4096)), len(content))
    if what == 0:
        return bytes(damaged[:first])
    if what == 1:
        return random_.choice((b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 1000, b"\0" * 64))
    if what == 2:
        del damaged[first:last]
    elif what == 3:
        damaged[first:last] = bytes(last - first)
    elif what == 4:
        damaged[first:first] = damaged[first:last]
    else:
        for _ in range(random_.choice((1, 1, 3))):
            place = random_.randrange(len(damaged))
            damaged[place] ^= 1 << random_.randrange(8)
    return bytes(damaged)


def rows(random_: random.Random, content: bytes) -> bytes:
    """One cell of a table, or one value of a TOML file, something else."""
    lines = content.decode().splitlines()
    row = random_.randrange(len(lines))
    separator = "," if "," in lines[row] else " = "
    cells = lines[row].split(separator)
    cells[random_.randrange(len(cells))] = random_.choice(
        ("", "x", "nan", "-1", "1e400", "9" * 5000, '"', "0", "\0", "[" * 1000, "inf", "1e300")
    )
    lines[row] = separator.join(cells)
    return "\n".join(lines).encode() + b"\n"


def npz(random_: random.Random, content: bytes) -> bytes:
    """One array of an archive missing, of another shape or kind, or with values out of place."""
    with np.load(io.BytesIO(content)) as archive:
        arrays: dict[str, Any] = dict(archive)
    name = random_.choice(list(arrays))
    values = arrays[name]
    if values.dtype.kind == "U" and str(values)[:1] == "{" and random_.random() < 0.9:
        arrays[name] = np.array(json_values(random_, str(values).encode()).decode())
        return packed(arrays)
    what = random_.randrange(8)
    if what == 0:
        del arrays[name]
    elif what == 1:
        arrays[name] = values[..., None]
    elif what == 2:
        arrays[name] = np.array([])
    elif what == 3:
        arrays[name] = values.astype("U8")
    elif what == 4:
        arrays[name] = np.array("x")
    elif what == 5 and values.ndim:
        arrays[name] = values[: len(values) // 2]
    elif values.dtype.kind in "fiu" and values.size:
        changed = values.copy().reshape(-1)
        with np.errstate(all="ignore"):
            worst = random_.choice((np.nan, np.inf, 6e4, -6e4, 1e300, 0.0, -1.0))
            changed[random_.randrange(changed.size)] = np.array(worst).astype(changed.dtype)
        arrays[name] = changed.reshape(values.shape)
    else:
        arrays[name] = np.array([None, 1], dtype=object)
    return packed(arrays)


def packed(arrays: dict[str, Any]) -> bytes:
    """As an .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def either(*mutations: Mutation) -> Mutation:
    """One of them."""
    return lambda random_, content: random_.choice(mutations)(random_, content)


def _places(tree: Any) -> Any:
    """Every (container, key) in it."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in pairs:
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)
