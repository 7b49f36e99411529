"""Steady convection in a unit box against Blankenbach et al. (1989), Geophys. J. Int. 98, 23-38.

Cases 1a, 1b (constant viscosity) and 2a (viscosity falling a thousandfold with temperature), all
walls free-slip. Nu is the heat flux through the top, Vrms the root mean square velocity.
"""

from .spread import Row
from .steady import SteadyCase, run_one

BOX = (
    "grid.aspect=1.0",
    "model.heating=0.0",
    "initial.kind=conductive",
    "initial.perturbation=mode",
    "initial.amplitude=0.05",
)


def _case(name: str, nusselt: float, vrms: float, *settings: str) -> SteadyCase:
    published = {"nusselt_top": (nusselt, nusselt), "vrms": (vrms, vrms)}
    return SteadyCase(f"blankenbach-{name}", (*BOX, *settings), published)


CASES = {
    "1a": _case("1a", 4.884409, 42.864947, "model.rayleigh=1e4", "rheology.kind=constant"),
    "1b": _case("1b", 10.534095, 193.21454, "model.rayleigh=1e5", "rheology.kind=constant"),
    "2a": _case(
        "2a",
        10.0660,
        480.4334,
        "model.rayleigh=1e4",
        "rheology.gamma_T=1e3",
        "rheology.gamma_p=1.0",
    ),
}


def main(case: str = "1a", resolution: int = 64) -> Row:
    """Run `case` on resolution x resolution cells; Nu and Vrms beside the published ones."""
    return run_one(CASES, case, resolution)
