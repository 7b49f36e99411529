"""Settings that a grid cannot hold: they would be taken and come out as something else."""

from itertools import pairwise

from .dataset import DatasetInitialSection
from .sections import GridSection, InitialSection, RheologySection


def check_perturbation(grid: GridSection, initial: InitialSection | DatasetInitialSection) -> None:
    """Refuse a wave that is not read, or has half waves of a cell or less: aliased (ValueError)."""
    if initial.kind == "file":
        return
    if (
        initial.perturbation != "mode"
        and initial.mode != type(initial).model_fields["mode"].default
    ):
        raise ValueError(
            f'initial.mode = {initial.mode} is only read with initial.perturbation = "mode", and '
            f'here it is "{initial.perturbation}"'
        )
    if initial.perturbation == "mode" and initial.mode >= grid.nx:
        raise ValueError(
            f"initial.mode = {initial.mode} half waves need more cells than grid.nx = {grid.nx}: "
            f"take at most {grid.nx - 1}, or a finer grid"
        )


def lost_layers(grid: GridSection, rheology: RheologySection) -> list[str]:
    """Warnings of viscosity layers in which no cell has its centre: they are not there."""
    edges = (0.0, *rheology.layer_depths, 1.0) if rheology.layer_depths else ()
    return [
        f"rheology.layer_depths: no cell of grid.ny = {grid.ny} has its centre between depths "
        f"{top:g} and {bottom:g}, so that layer is missing: choose other depths, or refine the grid"
        for top, bottom in pairwise(edges)
        if not any(top < (row + 0.5) / grid.ny <= bottom for row in range(grid.ny))
    ]
