"""What holds on the four walls, all impermeable."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BoundaryConditions:
    """Free-slip walls, fixed temperature at bottom and top, insulating sides.

    `velocity` names the condition on all four walls; `bottom_temperature` and
    `top_temperature` are the Dirichlet values of the energy equation.
    """

    velocity: str = "free-slip"
    bottom_temperature: float = 1.0
    top_temperature: float = 0.0
