"""Results as frozen records, and the JSON that they are written as."""

from dataclasses import dataclass, field, fields
from typing import Any


def optional() -> Any:
    """A field of a `Record` that its JSON lacks where there is nothing to say."""
    return field(default=None, metadata={"optional": True})


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of what results are made of; a field called `from_` is the key "from"."""

    def to_json(self, name: str = "") -> dict[str, Any]:
        """A key for each field; a record within this one, as its field `name`, has its own."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Record):
                found |= value.to_json(each.name)
            elif value is not None or "optional" not in each.metadata:
                found[each.name.rstrip("_")] = value
        return found
