"""Settings in words: short names and short values, as labels and tables have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tellus.io.shown import shown


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Of "section.key" the key alone, where that says which one it is; of every kind, what of."""
    leaves = [key.partition(".")[2] for key in keys]
    return {
        key: leaf if leaves.count(leaf) == 1 and leaf != "kind" else key
        for key, leaf in zip(keys, leaves, strict=True)
    }


def told(values: Mapping[str, Any]) -> str:
    """Values in words, such as "gamma_T 1e+06, heating 2.5"."""
    names = short_names(list(values))
    return ", ".join(f"{names[key]} {brief_value(value)}" for key, value in values.items())


def brief_value(value: Any) -> str:
    """A setting's value as short as it can be."""
    if is_number(value):
        return f"{value:.6g}"
    return "none" if value is None else shown(value)


def is_number(value: object) -> bool:
    """Whether a setting's value is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)
