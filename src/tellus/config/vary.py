"""What `--vary section.key=VALUES` says: one setting, and the values that it takes.

VALUES is a list, `1e5,1e6,1e7`, or, of a number, a range: `0:10:5`, five values from 0 to 10, and
`log:1e5:1e9:5`, five in equal ratios. What has no numbers has no ranges: `richardson:4` is a name.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellus.errors import InputError

from .fields import rows
from .models import Config

RANGE = re.compile(r"(?P<log>log:)?(?P<low>[^:]+):(?P<high>[^:]+?)(:(?P<count>[^:]+))?")
COMMA = re.compile(r",(?![^\[]*\])")
"""One that is not inside a list."""

MOST_VALUES = 10_000


@dataclass(frozen=True)
class Varied:
    """One setting, "section.key", that a sweep varies."""

    key: str
    values: tuple[str, ...]  # as --set takes them
    ends: tuple[float, float] | None = None  # of a range, from which values may be drawn;
    log: bool = False  # then their logarithms
    whole: bool = False

    @property
    def reaches_zero(self) -> bool:
        """Whether values from its range may be zero or less, or as near to it as one likes."""
        return self.ends is not None and not self.log and min(self.ends) <= 0

    def at(self, share: float) -> str:
        """The value at a share in [0, 1) of the range, or of the list."""
        if self.ends is None:
            return self.values[int(share * len(self.values))]
        low, high = self.ends
        value = low + share * (high - low)
        return _text(math.exp(value) if self.log else value, self.whole)


def varied(texts: Sequence[str], drawn: bool = False) -> list[Varied]:
    """What every --vary says.

    Parameters
    ----------
    texts : sequence of str
        ``section.key=VALUES`` each.
    drawn : bool
        Values will be drawn from the ranges, whose numbers of values mean nothing then, and may be
        left out.

    Raises
    ------
    InputError
        One is not of that form, has no value, or a range is none; a key is named twice. Whether
        keys exist and values are allowed is for `load_config` to say.
    """
    found = [_varied(text, drawn) for text in texts]
    keys = [each.key for each in found]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise InputError(f"--vary {twice} is there twice: give all its values in one.")
    return found


def _varied(text: str, drawn: bool) -> Varied:
    key, equals, said = (part.strip() for part in text.partition("="))
    if not (key and equals and said):
        raise InputError(
            "--vary takes section.key=VALUES, such as model.heating=0,5 or model.heating=0:10:5, "
            f'not "{text}".'
        )
    kind = next((row.type for row in rows(Config) if row.key == key), None)
    match = RANGE.fullmatch(said)
    if match and kind in ("number", "integer"):
        return _range(key, said, match, kind == "integer", drawn)
    items = tuple(item.strip() for item in COMMA.split(said))
    if not all(items):
        raise InputError(f"--vary {text}: a value between the commas is missing.")
    return Varied(key, items)


def _range(key: str, said: str, match: re.Match[str], whole: bool, drawn: bool) -> Varied:
    refused, log = f"--vary {key}={said}", bool(match["log"])
    try:
        low, high = float(match["low"]), float(match["high"])
        count = int(match["count"] or (2 if drawn else 0))
    except ValueError:
        low = high = math.nan
        count = 0
    if not (math.isfinite(low) and math.isfinite(high) and 2 <= count <= MOST_VALUES):
        raise InputError(
            f"{refused}: a range is LOW:HIGH:COUNT or log:LOW:HIGH:COUNT, of 2 to {MOST_VALUES} "
            "values; one value stands by itself."
        )
    if log and not (low > 0 and high > 0):
        raise InputError(f"{refused}: equal ratios need both ends above zero.")
    if low == high:
        raise InputError(f"{refused}: both ends are the same; name that one value.")
    ends = (math.log(low), math.log(high)) if log else (low, high)
    spaced = np.geomspace if log else np.linspace
    values = tuple(_text(value, whole) for value in spaced(low, high, count).tolist())
    if len(set(values)) < count:
        raise InputError(f"{refused}: there are not {count} whole numbers like that; take fewer.")
    return Varied(key, values, ends, log, whole)


def _text(value: float, whole: bool) -> str:
    """Without the last digits, where 1e6 would be 1000000.0000000001."""
    return str(round(value)) if whole else f"{value:.12g}"
