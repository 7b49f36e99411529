"""Tables for notebooks."""

from collections.abc import Mapping
from html import escape

from .shown import shown


def facts_table(title: str, facts: Mapping[str, object]) -> str:
    """A caption, and a row for each fact."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(shown(label))}</th>"
        f"<td style='text-align:left'>{escape(shown(str(fact)))}</td></tr>"
        for label, fact in facts.items()
    )
    return f"<table><caption>{escape(shown(title))}</caption>{rows}</table>"
