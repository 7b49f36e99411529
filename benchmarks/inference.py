"""What the network of a closure takes by each way of running it: heat through faces, one thread.

    python -m tellus.benchmarks.inference [OUT.json]

Ways whose packages are missing are left out; ONNX Runtime, OpenVINO and onnxscript are no part of
Tellus.
"""

import json
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tellus.coupling.runs.provenance import provenance
from tellus.io.whole_file import write_atomically
from tellus.solver.grid import Array, Grid
from tellus.solver.transport.means import Fluxes
from tellus.surrogate.closure.features import Seen
from tellus.surrogate.closure.model import native
from tellus.surrogate.closure.network import ClosureNetworks, FluxNetwork
from tellus.surrogate.closure.settings import ClosureNetworkSettings
from tellus.surrogate.networks import seeded

GRIDS = (Grid(64, 16), Grid(128, 32), Grid(256, 64))
FEWEST, MOST, SECONDS = 20, 2000, 2.0
"""Calls of each way, and the processor seconds that they may take together."""

Call = Callable[[], Array]


class Whole(nn.Module):
    """From T, log viscosity and velocity to heat along x and y, (1, ...) each."""

    def __init__(self, flux: FluxNetwork, grid: Grid) -> None:
        super().__init__()
        self.flux, self.grid = flux, grid

    def forward(self, temperature: Tensor, logs: Tensor, u: Tensor, v: Tensor) -> Any:
        return tuple(self.flux(Seen(temperature, logs), (u, v), self.grid))


def fields(grid: Grid) -> list[Array]:
    """T, log viscosity, u and v, rough."""
    random = np.random.default_rng(0)
    shapes = (grid.cells, grid.cells, grid.u_faces, grid.v_faces)
    scales = (0.3, 6.0, 100.0, 100.0)
    return [scale * random.normal(size=shape) for shape, scale in zip(shapes, scales, strict=True)]


def kernel(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """The C++ of Tellus."""
    network, found = native(module.flux.local), Fluxes.zero(grid)
    temperature, logs, u, v = given

    def call() -> Array:
        network.fluxes(temperature, logs, (1.0, 0.0), u, v, grid.hx, grid.hy, *found)
        return found.along_y

    return call


def tensors(given: list[Array]) -> tuple[Tensor, ...]:
    """In single precision, with a first dimension of one."""
    return tuple(torch.from_numpy(each).float()[None] for each in given)


def eager(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """PyTorch as it is."""
    inputs = tensors(given)
    return lambda: np.asarray(module(*inputs)[1][0])


def compiled(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """`torch.compile`."""
    inputs, made = tensors(given), torch.compile(module, dynamic=False)
    return lambda: np.asarray(made(*inputs)[1][0])


def ahead(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """AOTInductor: compiled ahead of time."""
    inputs = tensors(given)
    inductor: Any = torch._inductor
    package = inductor.aoti_compile_and_package(torch.export.export(module, inputs))
    made = inductor.aoti_load_package(package)
    return lambda: np.asarray(made(*inputs)[1][0])


def exported(module: Whole, given: list[Array]) -> str:
    """The file of the network in ONNX."""
    out = str(Path(tempfile.mkdtemp()) / "closure.onnx")
    torch.onnx.export(module, tensors(given), out, dynamo=True, external_data=False, verbose=False)
    return out


def onnx_runtime(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """ONNX Runtime."""
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        exported(module, given), options, providers=["CPUExecutionProvider"]
    )
    named = zip(session.get_inputs(), tensors(given), strict=True)
    inputs = {each.name: tensor.numpy() for each, tensor in named}
    return lambda: session.run(None, inputs)[1][0]


def openvino(module: Whole, grid: Grid, given: list[Array]) -> Call:
    """OpenVINO."""
    library: Any = import_module("openvino")
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    made = library.Core().compile_model(exported(module, given), "CPU", settings)
    request, inputs = made.create_infer_request(), [each.numpy() for each in tensors(given)]

    def call() -> Array:
        request.infer(inputs, share_inputs=True)
        return np.asarray(request.get_output_tensor(1).data[0])

    return call


WAYS: dict[str, Callable[[Whole, Grid, list[Array]], Call]] = {
    "C++": kernel,
    "PyTorch": eager,
    "torch.compile": compiled,
    "AOTInductor": ahead,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": openvino,
}


def measured(width: int = 16, depth: int = 2) -> Iterator[dict[str, Any]]:
    """A row for each way and grid: seconds of a call, and its distance from double precision."""
    networks = seeded(ClosureNetworks, ClosureNetworkSettings(width=width, depth=depth)).eval()
    for parameter in networks.flux.local.layers[-1].parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    for grid in GRIDS:
        given = fields(grid)
        module = Whole(networks.flux, grid)
        with torch.inference_mode():
            exact = module.double()(*(each.double() for each in tensors(given)))[1][0].numpy()
        module.float()
        for name, way in WAYS.items():
            with torch.inference_mode(), suppress(ModuleNotFoundError):
                call = way(module, grid, given)
                off = float(np.max(np.abs(call() - exact)) / np.max(np.abs(exact)))
                seconds = _fastest(call)
                print(f"{grid!s:10}{name:14}{1e3 * seconds:8.3f} ms  {off:.1e}")
                yield {"grid": str(grid), "way": name, "seconds": seconds, "error": off}


def _fastest(call: Call) -> float:
    """Processor seconds of the fastest call: others work on the machine, too."""
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < SECONDS and len(seconds) < MOST):
        start = process_time()
        call()
        seconds.append(process_time() - start)
    return min(seconds)


def main() -> None:
    """Measure, and write what was asked for."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, help="a JSON file for the result")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "benchmark": "inference",
        "threads": 1,
        "width": 16,
        "depth": 2,
        "machine": provenance()["machine"],
    }
    result["results"] = list(measured())
    if asked.out:
        write_atomically(asked.out, f"{json.dumps(result, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
