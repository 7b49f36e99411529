"""An evaluation of a model, and what it was made of and with."""

from pathlib import Path
from typing import Any

from tellus.coupling.runs.provenance import provenance
from tellus.io.busy import background_load
from tellus.surrogate.load import kind_of


def evaluate_model(model: Path | None, data: Path, split: str = "test") -> dict[str, Any]:
    """Errors of a model, the shipped one by default, on a split of a data set; plain JSON.

    Beside what its kind finds: "model", "data", "background_load_percent" and the machine's.
    """
    evaluate = kind_of(model).find("evaluation")
    return {
        **evaluate(model, data, split),
        "model": "shipped" if model is None else str(model),
        "data": str(data),
        "background_load_percent": background_load(),
        **provenance(),
    }
