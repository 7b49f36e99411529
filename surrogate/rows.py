"""Records of arrays or tensors with a row for each example."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Self, cast

import numpy as np


class Rows:
    """A frozen dataclass of arrays, tensors and other `Rows`, a leading axis of examples each.

    Fields that are none of these stay as they are.
    """

    def __len__(self) -> int:
        return len(getattr(self, fields(cast(Any, self))[0].name))

    def select(self, index: Any) -> Self:
        """The rows numbered, or marked, in `index`."""

        def chosen(rows: Any) -> Any:
            return rows.select(index) if isinstance(rows, Rows) else rows[index]

        return self._each(chosen, (Rows, np.ndarray, *_tensors()))

    def batches(self, size: int) -> Iterator[Self]:
        """The rows in order, `size` at a time, the last time fewer."""
        return (self.select(slice(k, k + size)) for k in range(0, len(self), size))

    def to(self, *place: Any) -> Self:
        """The rows with their tensors on another device, or in another precision."""
        return self._each(lambda rows: rows.to(*place), (Rows, *_tensors()))

    @classmethod
    def joined(cls, parts: Sequence[Self], axis: int = 0) -> Self:
        """The rows of several, one after another, or beside each other; every field holds rows."""

        def whole(rows: list[Any]) -> Any:
            if isinstance(rows[0], Rows):
                return type(rows[0]).joined(rows, axis)
            if isinstance(rows[0], np.ndarray):
                return np.concatenate(rows, axis)
            from torch import cat

            return cat(rows, axis)

        names = [own.name for own in fields(cast(Any, cls))]
        return cls(**{name: whole([getattr(part, name) for part in parts]) for name in names})

    def _each(self, change: Callable[[Any], Any], kinds: tuple[type, ...]) -> Self:
        record = cast(Any, self)
        found = {own.name: getattr(self, own.name) for own in fields(record)}
        changed = {name: change(v) for name, v in found.items() if isinstance(v, kinds)}
        return cast(Self, replace(record, **changed))


def _tensors() -> tuple[type, ...]:
    """The type of tensors, where anything has imported PyTorch: data are read without it."""
    torch = sys.modules.get("torch")
    return () if torch is None else (torch.Tensor,)
