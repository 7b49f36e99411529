"""What a model or a data set says of itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def card_of(directory: Path) -> dict[str, Any]:
    """Its card, as it lies there."""
    card: dict[str, Any] = json.loads((directory / "card.json").read_text())
    return card


def edit_card(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change it in place."""
    card = card_of(directory)
    change(card)
    (directory / "card.json").write_text(json.dumps(card))
