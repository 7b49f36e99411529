r"""Names and texts of others, shown inertly: none of them moves a cursor or starts a formula.

>>> shown("run\x1b[31m\n")
'run\\x1b[31m\\n'
>>> in_picture("a $b$")
'a \\$b\\$'
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from tellus.errors import InputError


def shown(text: object) -> str:
    """The text with escapes for what cannot be printed: control characters, bytes not UTF-8."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in str(text)
    )


def brief_value(value: Any) -> str:
    """A setting's value as short as it can be."""
    if is_number(value):
        return f"{value:.6g}"
    return "none" if value is None else shown(value)


def is_number(value: object) -> bool:
    """Whether a setting's value is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def in_picture(text: object) -> str:
    """`shown`, and for matplotlib, which takes what is between dollar signs for a formula."""
    return shown(text).replace("$", r"\$")


def facts_table(title: str, facts: Mapping[str, object]) -> str:
    """A caption, and a row for each fact."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(shown(label))}</th>"
        f"<td style='text-align:left'>{escape(shown(str(fact)))}</td></tr>"
        for label, fact in facts.items()
    )
    return f"<table><caption>{escape(shown(title))}</caption>{rows}</table>"


PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


def plain_names(names: Iterable[Any], where: str) -> list[str]:
    """Check that names are plain and none is there twice, and return them.

    InputError, which says `where`, if one is no text of letters, digits, "_" and "-", at most 100
    of them, or is there twice.
    """
    found: list[str] = []
    for name in names:
        if not (isinstance(name, str) and PLAIN.fullmatch(name)):
            raise InputError(
                f"{where}: the name {repr(name)[:120]} is refused, because files are named after "
                'it: rename it with at most 100 letters, digits, "_" and "-".'
            )
        found.append(name)
    if len(found) != len(set(found)):
        twice = next(name for name in found if found.count(name) > 1)
        raise InputError(f"{where}: the name {twice} is there twice: rename one of them.")
    return found
