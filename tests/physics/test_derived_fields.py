"""Fields computed from the flow on request, in the store."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from helpers.physics_cases import ran_unheated
from tellus.errors import InputError
from tellus.solver.derived import DERIVED
from tellus.solver.grid import Array, Grid

ALL = f"output.derived={json.dumps(list(DERIVED))}"
SHORT = ("time.max_steps=4", "output.every=4e-5")
SOLVED = ("stokes.solver=direct",)
YIELDING = ("rheology.yield_stress=3.0", "boundaries.top_velocity=no-slip")


@pytest.mark.parametrize("more", [(), YIELDING], ids=["linear", "yielding under a lid"])
def test_stored_fields_equal_recomputation_from_psi_and_viscosity(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    """By plain differences of the stored stream function, with none of the code that wrote them."""
    run = ran_unheated(tmp_path / "run", ALL, *SHORT, *SOLVED, *more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = run.fields
    grid = Grid(16, 8, 2.0)
    for k in range(1, fields.sizes["time"]):
        output = fields.isel(time=k)
        psi = np.asarray(output["psi"], dtype=np.float64)
        eta = np.asarray(output["viscosity"], dtype=np.float64)
        rate_xx, shear = strain(psi, grid, lid=bool(more))
        squares = 2.0 * rate_xx**2 + 0.5 * corners(shear**2)
        np.testing.assert_allclose(output["strain_rate"], np.sqrt(squares), rtol=1e-5)
        stress = 2.0 * eta * np.sqrt(squares)
        np.testing.assert_allclose(output["stress"], stress, rtol=1e-5)
        work = 1e4 * np.sum(np.asarray(output["temperature"]) * upward(psi, grid))
        heat = float(output["dissipation"].astype("f8").mean())
        # With yielding the flow solves the equations up to the Picard tolerance only.
        assert heat == pytest.approx(work / psi[1:, 1:].size, rel=1e-2 if more else 1e-5)
        pressure = np.asarray(output["pressure"], dtype=np.float64)
        assert abs(np.mean(pressure)) < 1e-5 * np.max(np.abs(pressure))
        assert np.ptp(pressure) > 100.0
    assert fields["stress"].attrs["units"] == "1"
    for name, derived in DERIVED.items():
        assert fields[name].attrs["long_name"] == derived.long_name
        assert fields[name].dims == ("time", *derived.dims)


def strain(psi: Array, grid: Grid, lid: bool) -> tuple[Array, Array]:
    """du/dx at the cells and du/dy + dv/dx at the nodes."""
    rate_xx = np.diff(np.diff(psi, axis=0), axis=1) / (grid.hx * grid.hy)
    shear = np.zeros_like(psi)
    shear[1:-1, 1:-1] = np.diff(psi, 2, axis=0)[:, 1:-1] / grid.hy**2
    shear[1:-1, 1:-1] -= np.diff(psi, 2, axis=1)[1:-1] / grid.hx**2
    if lid:
        shear[-1, 1:-1] = 2.0 * psi[-2, 1:-1] / grid.hy**2
    return rate_xx, shear


def corners(nodes: Array) -> Array:
    """Mean over the nodes of each cell."""
    mean: Array = 0.25 * (nodes[1:, 1:] + nodes[1:, :-1] + nodes[:-1, 1:] + nodes[:-1, :-1])
    return mean


def upward(psi: Array, grid: Grid) -> Array:
    """v at the cell centres."""
    v = -np.diff(psi, axis=1) / grid.hx
    centre: Array = 0.5 * (v[1:] + v[:-1])
    return centre


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    assert not set(DERIVED) & set(ran_unheated(tmp_path / "plain", *SHORT).fields)
    one = ran_unheated(tmp_path / "one", 'output.derived=["stress"]', *SHORT).fields
    assert set(DERIVED) & set(one) == {"stress"}


def test_a_resumed_run_keeps_what_it_writes(tmp_path: Path) -> None:
    ran_unheated(tmp_path / "run", ALL, *SHORT)
    with pytest.raises(InputError, match=r"output\.derived"):
        ran_unheated(tmp_path / "run", *SHORT, "time.max_steps=8", resume=True)
    fields = ran_unheated(tmp_path / "run", ALL, *SHORT, "time.max_steps=8", resume=True).fields
    assert np.all(np.isfinite(fields["pressure"]))
    assert fields.sizes["time"] == len(set(fields["time"].values.tolist()))
