"""Names that files hold and that become paths: never out of the folder they belong to."""

import re
from collections.abc import Iterable
from typing import Any

from tellus.errors import InputError

PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


def plain_names(names: Iterable[Any], where: str) -> list[str]:
    """The same names, each found to be a plain one and none of them twice.

    Parameters
    ----------
    names : iterable
        Whatever the file holds in their place.
    where : str
        The file, for the sentence.

    Raises
    ------
    InputError
        One is no text of letters, digits, "_" and "-", at most 100 of them, or is there twice.
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
