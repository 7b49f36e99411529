"""All that a simulation goes on from, as arrays; whether they are of a grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tellus.coupling.simulation.stepping import TemperatureBounds
from tellus.solver.energy import ThermalState
from tellus.solver.grid import Grid
from tellus.solver.history import PastFlow
from tellus.solver.stokes import Flow, StokesReport

Snapshot = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The state of a simulation, but for what its parts remember."""

    state: ThermalState
    time: float
    steps: int
    bounds: TemperatureBounds
    heated: float  # the integral of H since the start
    last_dt: float | None  # had it not been cut to hit a time
    before: PastFlow | None  # at the start of the last step
    flow: Flow | None  # of the present state, if it was solved

    def to_arrays(self) -> Snapshot:
        """The arrays that a checkpoint holds."""
        state, bounds = self.state, self.bounds
        arrays: Snapshot = {
            "temperature": state.temperature,
            "heat": np.array([state.heat_in, state.heat_out]),
            "core": np.array(_number(state.bottom_temperature)),
            "clock": np.array([self.time, _number(self.last_dt)]),
            "steps": np.array(self.steps),
            "bounds": np.array([bounds.lowest, bounds.highest, self.heated]),
        }
        if self.before is not None:
            arrays |= {"before": np.array(self.before.time), "psi_before": self.before.psi}
        if (flow := self.flow) is not None:
            arrays |= {"psi": flow.psi, "u": flow.u, "v": flow.v}
            arrays |= {"divergent": np.array(flow.divergent)}
            arrays |= {"status": np.array(flow.report.status)}
        return arrays

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], tolerance: float, solver: str) -> Self:
        """The inverse of `to_arrays`, with the bounds' tolerance and the name of the flow's solver.

        Raises KeyError or ValueError where something is missing.
        """
        temperature = np.array(arrays["temperature"], dtype=np.float64, order="C")
        heat_in, heat_out = arrays["heat"].tolist()
        time, last_dt = arrays["clock"].tolist()
        lowest, highest, heated = arrays["bounds"].tolist()
        before, flow = None, None
        if "psi_before" in arrays:
            before = PastFlow(float(arrays["before"]), arrays["psi_before"])
        if "psi" in arrays:
            # Checkpoints of earlier versions do not say whether it was solved.
            report = StokesReport(solver, status=str(arrays.get("status", "restored")))
            divergent = bool(arrays.get("divergent", False))
            flow = Flow(arrays["psi"], arrays["u"], arrays["v"], report, None, divergent)
        core = _known(float(arrays["core"]))
        return cls(
            state=ThermalState(temperature, heat_in, heat_out, bottom_temperature=core),
            time=time,
            steps=int(arrays["steps"]),
            bounds=TemperatureBounds(lowest, highest, tolerance),
            heated=heated,
            last_dt=_known(last_dt),
            before=before,
            flow=flow,
        )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def require_fields_of(grid: Grid, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where a field among them is of no grid in the box of this one."""
    shapes = {"u": grid.u_faces, "v": grid.v_faces, "psi": grid.nodes, "psi_before": grid.nodes}
    shapes["temperature"] = grid.cells
    for name, values in arrays.items():
        fits = values.shape == shapes.get(name, values.shape)
        if name.startswith("solver/") and values.ndim > 1:
            # Solvers remember fields of finer and coarser grids, too.
            rows, columns = values.shape[-2:]
            of_cells = rows * grid.nx == columns * grid.ny
            fits = of_cells or (rows - 1) * grid.nx == (columns - 1) * grid.ny
        if not fits:
            raise ValueError(f"{name} has shape {values.shape}, no field on {grid} cells")
