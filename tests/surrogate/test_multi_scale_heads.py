"""What each way from a network's answer to velocities promises."""

import pytest
import torch

from tellus.errors import InputError
from tellus.solver.grid import Grid
from tellus.surrogate.multi_scale.heads import ExactWalls, Head, PaperWalls, SoftMass
from tellus.surrogate.multi_scale.settings import MultiScaleSettings

GRID = Grid(24, 12, 3.0)


def answer(head: Head, kind: torch.dtype = torch.float64) -> torch.Tensor:
    torch.manual_seed(0)
    more = 2 * head.ring
    return torch.randn(2, head.outputs, GRID.ny + more, GRID.nx + more, dtype=kind)


def divergence(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.diff(u, dim=2) / GRID.hx + torch.diff(v, dim=1) / GRID.hy


@pytest.mark.parametrize("head", [ExactWalls(), PaperWalls(), SoftMass()])
def test_no_head_lets_anything_through_a_wall(head: Head) -> None:
    u, v = head.faces(answer(head), GRID)
    assert u.shape == (2, GRID.ny, GRID.nx + 1)
    assert v.shape == (2, GRID.ny + 1, GRID.nx)
    for wall in (u[..., 0], u[..., -1], v[:, 0], v[:, -1]):
        assert not wall.any()


def test_exact_walls_conserve_mass_in_every_cell() -> None:
    head = ExactWalls()
    u, v = head.faces(answer(head), GRID)
    assert float(divergence(u, v).abs().max()) < 1e-12 * float(u.abs().max()) / GRID.hy


def test_the_papers_curl_conserves_mass_away_from_walls_only() -> None:
    head = PaperWalls()
    u, v = head.faces(answer(head), GRID)
    d = divergence(u, v).abs()
    rounding = 1e-12 * float(u.abs().max()) / GRID.hy
    assert float(d[:, 1:-1, 1:-1].max()) < rounding
    assert float(d[:, 0].max()) > 1e6 * rounding
    found = head.divergence(head.velocity(answer(head), GRID), GRID)
    assert found is not None
    beside = torch.cat([d[:, 0], d[:, -1], d[:, :, 0], d[:, :, -1]], dim=1) * GRID.hy
    assert torch.allclose(found.abs(), beside)


def test_soft_mass_is_asked_for_everywhere() -> None:
    head = SoftMass()
    u, v = head.faces(answer(head), GRID)
    found = head.divergence(head.velocity(answer(head), GRID), GRID)
    assert found is not None
    assert torch.allclose(found, (divergence(u, v) * GRID.hy).flatten(1))


def test_a_constant_added_to_a_changes_nothing() -> None:
    head = PaperWalls()
    a = answer(head)
    for one, other in zip(head.velocity(a, GRID), head.velocity(a + 3.0, GRID), strict=True):
        assert torch.allclose(one, other, atol=1e-10)


@pytest.mark.parametrize(("mass", "walls"), [("soft", "exact"), ("hard", "none"), ("x", "paper")])
def test_other_heads_are_refused(mass: str, walls: str) -> None:
    with pytest.raises(InputError, match=r"model\.walls|(mass|walls) must be one of"):
        MultiScaleSettings(mass=mass, walls=walls)  # type: ignore[arg-type]
