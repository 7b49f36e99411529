"""Steady convection in a unit box with free-slip walls: what was published of it.

Blankenbach et al. (1989), Geophys. J. Int. 98, 23-38: cases 1a, 1b (constant viscosity) and 2a
(viscosity falling a thousandfold with temperature). Nu is the heat flux through the top, Vrms the
root mean square velocity; of constant viscosity also heat flux and topography in the upper corners,
above the plume and where it is cold. Topography is published in metres, 25 km being alpha dT L.

Tosi et al. (2015), Geochem. Geophys. Geosyst. 16, 2175-2196: stagnant and mobile lids at Ra 100 and
a viscosity contrast of 1e5 with temperature; cases 1 and 3 are linear, 2 and 4 yield at a stress of
one, 3 and 4 have ten times the viscosity at the bottom. Published are the smallest and largest
values of the participating codes, Table 2, less the outliers of the spectral one, as the Underworld
project has tabulated them. Case 5a (yield stress 4) is periodic in time: examples/tosi-5a.toml runs
it.
"""

from collections.abc import Sequence

from .steady import SteadyCase

BOX = (
    "grid.aspect=1.0",
    "model.heating=0.0",
    "initial.kind=conductive",
    "initial.perturbation=mode",
    "energy.advection=van-leer",
)


METRES = 25e3
CORNERS = ("heat_flux_left", "heat_flux_right", "topography_left", "topography_right")


def _blankenbach(
    name: str,
    nusselt: float,
    vrms: float,
    *settings: str,
    flux: Sequence[float] = (),
    metres: Sequence[float] = (),
) -> SteadyCase:
    published = {"nusselt_top": nusselt, "vrms": vrms}
    corners = [*flux, *(height / METRES for height in metres)]
    published |= dict(zip(CORNERS, corners, strict=False))
    ranges = {quantity: (value, value) for quantity, value in published.items()}
    box = (*BOX, "initial.amplitude=0.05")
    return SteadyCase(f"blankenbach-{name}", (*box, *settings), ranges)


THOUSANDFOLD = ("rheology.gamma_T=1e3", "rheology.gamma_p=1.0")
BLANKENBACH = (
    _blankenbach(
        "1a",
        4.884409,
        42.864947,
        *("model.rayleigh=1e4", "rheology.kind=constant"),
        flux=(8.059384, 0.588810),
        metres=(2254.02, -2903.23),
    ),
    _blankenbach(
        "1b",
        10.534095,
        193.21454,
        *("model.rayleigh=1e5", "rheology.kind=constant"),
        flux=(19.079440, 0.722751),
        metres=(1460.99, -2004.20),
    ),
    _blankenbach("2a", 10.0660, 480.4334, "model.rayleigh=1e4", *THOUSANDFOLD),
)

LIDS = (*BOX, "initial.amplitude=0.01", "model.rayleigh=100.0", "rheology.gamma_T=1e5")
YIELDING = ("rheology.yield_stress=1.0", "rheology.eta_star=1e-3")
TOSI_SETTINGS = (
    ("rheology.gamma_p=1.0",),
    ("rheology.gamma_p=1.0", *YIELDING),
    ("rheology.gamma_p=10.0",),
    ("rheology.gamma_p=10.0", *YIELDING),
)
TOSI_TABLE = """
mean_temperature        0.7758   0.7768    0.6027   0.6071    0.7241   0.7268    0.5273   0.5289
nusselt_top             3.4091   3.4305    8.5217   8.7475    3.0253   3.0918    6.5572   6.6822
nusselt_bottom          3.4091   3.4259    8.5217   8.6489    2.9628   3.0376    6.5243   6.6690
vrms                  248.9252 252.0906  140.1871 143.8518   99.8701 100.9467   78.6652  79.6202
surface_velocity_rms    1.8298   1.8999  102.8500 105.1767    2.0374   2.0916   74.1719  75.4814
surface_velocity_max    2.5516   2.6477  119.4120 122.9754    2.8458   2.9207   88.8130  88.9848
work                    2.3690   2.4583    7.5199   7.6400    2.0028   2.0400    5.5903   5.6512
dissipation             2.3920   2.4333    7.4690   7.6422    2.0277   2.0370    5.5434   5.6463
imbalance               0.0      0.0178    0.0      0.0068    0.0      0.0123    0.0      0.0084
"""
"""Smallest and largest value of each quantity, in cases 1, 2, 3 and 4."""


def _tosi(number: int) -> SteadyCase:
    lines = [line.split() for line in TOSI_TABLE.strip().splitlines()]
    low = 2 * (number - 1)
    published = {name: (float(values[low]), float(values[low + 1])) for name, *values in lines}
    return SteadyCase(f"tosi-{number}", (*LIDS, *TOSI_SETTINGS[number - 1]), published)


CASES = {case.name: case for case in (*BLANKENBACH, *map(_tosi, (1, 2, 3, 4)))}

HIGH_ORDER = {case.name: case for case in (each.of_high_order() for each in CASES.values())}
