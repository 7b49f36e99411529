"""The step in PyTorch: the solver's own, for batches, with gradients."""

import numpy as np
import torch

from helpers.numerics import flow_of, random_psi, rough_field
from tellus.solver.boundaries import BoundaryConditions
from tellus.solver.energy import EnergyEquation, ThermalState
from tellus.solver.grid import Grid
from tellus.solver.transport.means import Fluxes
from tellus.surrogate.closure.transport import TorchTransport

GRID = Grid(24, 16, 1.5)


def tensors(*arrays: np.ndarray) -> tuple[torch.Tensor, ...]:
    return tuple(torch.as_tensor(np.ascontiguousarray(array))[None] for array in arrays)


def test_it_is_the_solvers_step() -> None:
    walls = BoundaryConditions()
    energy = EnergyEquation(GRID, walls, heating=2.0, advection="mp5", keep_fluxes=True)
    flows = [flow_of(size * random_psi(GRID), GRID) for size in (300.0, -200.0, 40.0)]
    mean = flow_of(20.0 * random_psi(GRID), GRID)
    start, dt = rough_field(GRID), 0.5 * energy.stable_dt(flows[0], 1.0)
    rng = np.random.default_rng(3)
    added = Fluxes(rng.normal(size=GRID.u_faces), rng.normal(size=GRID.v_faces))
    expected = energy.step(ThermalState(start), mean, dt, stages=flows, added=added)
    (temperature,) = tensors(start)
    found, fluxes = TorchTransport(GRID).step(
        temperature,
        [tensors(flow.u, flow.v) for flow in flows],
        torch.tensor([dt], dtype=torch.float64),
        torch.tensor([2.0]),
        tensors(added.along_x, added.along_y),
    )
    np.testing.assert_allclose(found[0].numpy(), expected.temperature, rtol=0.0, atol=1e-13)
    assert expected.fluxes is not None
    for one, other in zip(fluxes, expected.fluxes, strict=True):
        np.testing.assert_allclose(one[0].numpy(), other, rtol=1e-12, atol=1e-11)


def test_states_of_a_batch_do_not_see_each_other() -> None:
    transport = TorchTransport(GRID)
    states = torch.as_tensor(np.stack([rough_field(GRID), 0.5 * rough_field(GRID)[:, ::-1]]))
    flow = flow_of(100.0 * random_psi(GRID), GRID)
    u, v = (torch.as_tensor(part).expand(2, -1, -1) for part in (flow.u, flow.v))
    dt, heating = torch.tensor([1e-4, 2e-4]).double(), torch.tensor([0.0, 3.0])
    both, _ = transport.step(states, [(u, v)] * 3, dt, heating)
    for k in range(2):
        one = slice(k, k + 1)
        alone, _ = transport.step(states[one], [(u[one], v[one])] * 3, dt[one], heating[one])
        torch.testing.assert_close(both[one], alone, rtol=0.0, atol=1e-15)


def test_gradients_are_those_of_differences() -> None:
    grid = Grid(5, 4, 1.0)
    transport = TorchTransport(grid)
    flow = tensors(*(getattr(flow_of(30.0 * random_psi(grid), grid), name) for name in "uv"))
    (start,) = tensors(rough_field(grid))

    def stepped(temperature: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
        fluxes = added, torch.zeros(1, *grid.v_faces, dtype=torch.float64)
        dt = torch.tensor([1e-3], dtype=torch.float64)
        return transport.step(temperature, [flow] * 3, dt, torch.zeros_like(dt), fluxes)[0]

    added = torch.zeros(1, *grid.u_faces, dtype=torch.float64)
    inputs = start.requires_grad_(), added.requires_grad_()
    assert torch.autograd.gradcheck(stepped, inputs, eps=1e-7, atol=1e-5)
