"""A checkpoint with the right digest in its name may still hold what no run wrote."""

from typing import Any

import numpy as np
import pytest

from tellus.coupling.runs.run import _checked

WHOLE: dict[str, Any] = {
    "temperature": np.zeros((4, 8)),
    "clock": np.array([0.0, np.inf]),
    "steps": np.array(3),
    "ledger": np.array("{}"),
}


@pytest.mark.parametrize(
    "damage",
    [
        {"steps": np.array(-60000)},
        {"steps": np.array(1.5)},
        {"clock": np.array([np.nan, 1e-4])},
        {"clock": np.zeros(3)},
        {"temperature": np.full((4, 8), np.inf)},
        {"temperature": np.zeros(32)},
        {"ledger": np.array(1)},
    ],
)
def test_what_no_run_wrote_is_refused(damage: dict[str, Any]) -> None:
    assert _checked(WHOLE) is WHOLE
    with pytest.raises(ValueError, match=next(iter(damage))):
        _checked(WHOLE | damage)
