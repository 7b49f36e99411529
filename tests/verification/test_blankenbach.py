"""Steady states of Blankenbach et al. (1989), Geophys. J. Int. 98, 23-38, cases 1a and 2a."""

import pytest

from tellus.benchmarks.blankenbach import main
from tellus.errors import InputError


def deviations(case: str, resolution: int) -> dict[str, float]:
    """Relative deviations from the published values, by quantity."""
    return {row["quantity"]: row["deviation"] for row in main(case, resolution)["results"]}


def test_case_1a_is_within_0_3_percent() -> None:
    found = deviations("1a", 64)
    assert abs(found["nusselt_top"]) < 0.003
    assert abs(found["vrms"]) < 0.003


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_case_2a_whose_plume_is_thin_is_within_3_percent() -> None:
    found = deviations("2a", 64)
    assert abs(found["nusselt_top"]) < 0.03
    assert abs(found["vrms"]) < 0.03


def test_published_values_stand_beside_the_measured() -> None:
    rows = main("1a", 16)["results"]
    published = {row["quantity"]: row["published"] for row in rows}
    assert published == {"nusselt_top": 4.884409, "vrms": 42.864947}
    for row in rows:
        assert row["measured"] == pytest.approx(row["published"] * (1.0 + row["deviation"]))


def test_an_unknown_case_is_refused() -> None:
    with pytest.raises(InputError, match="1a, 1b, 2a"):
        main("9z")
