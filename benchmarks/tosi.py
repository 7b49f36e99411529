"""Stagnant and mobile lids against Tosi et al. (2015), Geochem. Geophys. Geosyst. 16, 2175-2196.

Ra 100 and a viscosity contrast of 1e5 with temperature in a unit box with free-slip walls; cases
1 and 3 are linear, 2 and 4 yield at a stress of one, 3 and 4 have ten times the viscosity at the
bottom. Published are the smallest and largest values of the participating codes, Table 2, less
the outliers of the spectral one, as the Underworld project has tabulated them.

Case 5a (yield stress 4) is periodic in time: examples/tosi-5a.toml runs it.
"""

from time import perf_counter
from typing import Any

from tellus.errors import InputError

from .rows import Range
from .steady import SteadyCase, verify

BOX = (
    "grid.aspect=1.0",
    "model.rayleigh=100.0",
    "model.heating=0.0",
    "rheology.gamma_T=1e5",
    "initial.kind=conductive",
    "initial.perturbation=mode",
    "initial.amplitude=0.01",
)
YIELDING = ("rheology.yield_stress=1.0", "rheology.eta_star=1e-3")
QUANTITIES = (
    "mean_temperature",
    "nusselt_top",
    "nusselt_bottom",
    "vrms",
    "surface_velocity_rms",
    "surface_velocity_max",
    "work",
    "dissipation",
    "imbalance",
)


def _case(name: str, settings: tuple[str, ...], *published: Range) -> SteadyCase:
    ranges = dict(zip(QUANTITIES, published, strict=True))
    return SteadyCase(f"tosi-{name}", (*BOX, *settings), ranges)


CASES = {
    "1": _case(
        "1",
        ("rheology.gamma_p=1.0",),
        (0.7758, 0.7768),
        (3.4091, 3.4305),
        (3.4091, 3.4259),
        (248.9252, 252.0906),
        (1.8298, 1.8999),
        (2.5516, 2.6477),
        (2.3690, 2.4583),
        (2.3920, 2.4333),
        (0.0, 0.0178),
    ),
    "2": _case(
        "2",
        ("rheology.gamma_p=1.0", *YIELDING),
        (0.6027, 0.6071),
        (8.5217, 8.7475),
        (8.5217, 8.6489),
        (140.1871, 143.8518),
        (102.8500, 105.1767),
        (119.4120, 122.9754),
        (7.5199, 7.6400),
        (7.4690, 7.6422),
        (0.0, 0.0068),
    ),
    "3": _case(
        "3",
        ("rheology.gamma_p=10.0",),
        (0.7241, 0.7268),
        (3.0253, 3.0918),
        (2.9628, 3.0376),
        (99.8701, 100.9467),
        (2.0374, 2.0916),
        (2.8458, 2.9207),
        (2.0028, 2.0400),
        (2.0277, 2.0370),
        (0.0, 0.0123),
    ),
    "4": _case(
        "4",
        ("rheology.gamma_p=10.0", *YIELDING),
        (0.5273, 0.5289),
        (6.5572, 6.6822),
        (6.5243, 6.6690),
        (78.6652, 79.6202),
        (74.1719, 75.4814),
        (88.8130, 88.9848),
        (5.5903, 5.6512),
        (5.5434, 5.6463),
        (0.0, 0.0084),
    ),
}


def main(case: str = "3", resolution: int = 64) -> dict[str, Any]:
    """Run `case` on resolution x resolution cells; measured quantities beside published ranges.

    `deviation` is the relative distance to the published range, zero inside.
    """
    if case not in CASES:
        raise InputError(f"case must be one of {', '.join(CASES)}, not {case!r}.")
    start = perf_counter()
    return {"results": verify(CASES[case], [resolution]), "seconds": perf_counter() - start}
