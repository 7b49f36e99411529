from collections.abc import Sequence

from numpy import float32, intp
from numpy.typing import NDArray

from .grid import Array

Walls = tuple[bool, bool, bool, bool]
Splines = tuple[NDArray[intp], Array, Array, Array]

class Weights:
    def __init__(
        self, viscosity: Array, hx: float, hy: float, y_fast: bool, no_slip: Walls
    ) -> None: ...

def assemble_bands(weights: Weights, bands: Array) -> None: ...
def apply(weights: Weights, psi: Array, out: Array) -> None: ...
def diagonal(weights: Weights, out: Array) -> None: ...
def squared_velocity(psi: Array, hx: float, hy: float) -> float: ...
def chebyshev(
    weights: Weights,
    inverse: Array,
    b: Array,
    low: float,
    high: float,
    steps: int,
    from_zero: bool,
    x: Array,
    scratch: Array,
) -> None: ...
def assemble_reduced(
    weights: Weights, slow: Splines, fast: Splines, sums: Array, bands: Array
) -> None: ...
def restrict_nodes(slow: Splines, fast: Splines, nodes: Array, c: Array) -> None: ...
def prolong_nodes(slow: Splines, fast: Splines, c: Array, nodes: Array) -> None: ...
def solve_lines(
    a: float, hy: float, shift: Array, fixed_bottom: bool, fixed_top: bool, t: Array
) -> None: ...
def show_layers(viscosity: Array, logs: Array, both: Array) -> None: ...
def transport_step(
    temperature: Array,
    stages: Sequence[Array],
    mean: Array,
    hx: float,
    hy: float,
    source: float,
    dt: float,
    lowest: float,
    highest: float,
) -> tuple[Array, float, float]: ...
def threads() -> int: ...
def set_threads(count: int) -> None: ...

class LocalNetwork:
    def __init__(
        self,
        layers: Sequence[tuple[NDArray[float32], NDArray[float32]]],
        odd: Sequence[bool],
        low: Sequence[float],
        high: Sequence[float],
        mean: Sequence[float] = ...,
        whitening: Sequence[float] = ...,
        largest: float = ...,
    ) -> None: ...
    def fluxes(
        self,
        temperature: Array,
        log_viscosity: Array,
        ends: tuple[float, float],
        u: Array,
        v: Array,
        hx: float,
        hy: float,
        along_x: Array,
        along_y: Array,
    ) -> int: ...
    def details(
        self,
        temperature: Array,
        log_viscosity: Array,
        ends: tuple[float, float],
        within: Array,
    ) -> None: ...
    def viscosities(
        self,
        temperature: Array,
        log_viscosity: Array,
        ends: tuple[float, float],
        lacking: NDArray[float32],
    ) -> None: ...

class Simulation:
    def __init__(self, nx: int, ny: int, aspect: float, tolerance: float) -> None: ...
    def set(
        self,
        *,
        gamma_T: float,
        gamma_p: float,
        rayleigh: float,
        heating: float,
        dt_max: float,
        dt_initial: float,
    ) -> None: ...
    def start(self, temperature: Array) -> None: ...
    def close(self, network: LocalNetwork) -> None: ...
    def step(self, until: float = ...) -> bool: ...
    @property
    def temperature(self) -> Array: ...
    @property
    def psi(self) -> Array: ...
    @property
    def time(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def measured(self) -> Sequence[float]: ...
