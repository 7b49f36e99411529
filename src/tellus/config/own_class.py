"""A class of one's own that a configuration names: `FILE.py:CLASS[:argument=value]...`.

>>> own = OwnClass.parse("laws.py:PowerLaw:exponent=3")
>>> own.file, own.name, own.arguments, str(own)
('laws.py', 'PowerLaw', ('exponent=3',), 'laws.py:PowerLaw:exponent=3')
>>> OwnClass.parse("frank-kamenetskii") is None
True
"""

import re
from dataclasses import dataclass
from typing import Self

GRAMMAR = "FILE.py:CLASS"
HANDED_IN = "own"
"""`own:NAME` only says what a part handed in from Python called itself."""

NO_CLOSURE, HOMOGENISED, LEARNED = CLOSURES = "none", "homogenised", "learned"
CLASSICAL = NO_CLOSURE, HOMOGENISED
"""Closures without a network or a file, for any scheme."""

PATTERN = re.compile(r"(.+?\.py):([A-Za-z_]\w*)((?::[A-Za-z_]\w*=[^:]*)*)", re.DOTALL)
KIND = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class OwnClass:
    """What the name of a class in a file says; nothing is read of the file."""

    file: str
    name: str
    arguments: tuple[str, ...] = ()  # `argument=value`, for the making of an object

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The inverse of `str`; None for anything else, such as a kind that Tellus knows."""
        found = PATTERN.fullmatch(text)
        if found is None or KIND.fullmatch(text.partition(":")[0]):
            return None
        return cls(found[1], found[2], tuple(found[3].split(":")[1:]))

    def __str__(self) -> str:
        return ":".join([self.file, self.name, *self.arguments])


def is_handed_in(text: str | None) -> bool:
    """Whether a name stands for an object from Python, which no configuration can make."""
    return text is not None and text.startswith(f"{HANDED_IN}:")


def closure_settings(name: str) -> dict[str, str]:
    """The settings that --closure stands for.

    A trained closure's directory, the shipped one, one without weights, a class of one's own, or
    none.

    >>> closure_settings("models/closure")
    {'closure.kind': 'learned', 'closure.weights': 'models/closure'}
    >>> closure_settings("learned")
    {'closure.kind': 'learned', 'closure.weights': 'none'}
    """
    trained = name not in CLOSURES and OwnClass.parse(name) is None
    kind, weights = (LEARNED, name) if trained else (name, NO_CLOSURE)
    return {"closure.kind": kind, "closure.weights": weights}
