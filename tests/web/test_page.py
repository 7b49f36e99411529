"""The page: what it is built from, how it is served, and what it does in a browser."""

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from helpers.small_models import save_models
from tellus.cli import app
from tellus.config import load_config
from tellus.coupling.output.web import export_closure, export_run
from tellus.coupling.runs.run import run_directory
from tellus.errors import InputError
from tellus.solver.grid import Grid

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
MODULES = ROOT / ".venv/web"
"""Where `make browser` leaves playwright-core."""

CASE = [
    "grid.nx=16",
    "grid.ny=8",
    "grid.aspect=2",
    "time.max_steps=9",
    "time.dt_max=1e-3",
    "time.dt_initial=1e-3",
    "output.every=1e-3",
]


def build() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/web.py"))


def test_page_is_built_from_the_present_sources() -> None:
    script, built = build(), json.loads((WEB / "built.json").read_text())
    again = "run `make web`, and commit what it makes"
    assert built["sources"] == script["sources"](), again
    assert built["module"] == script["digest"]((WEB / "tellus.wasm").read_bytes()), again
    assert (WEB / "generated.js").read_text() == script["generated"](), again


@contextmanager
def served(*options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-m", "tellus", "web", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        match = re.match(r"(http://127\.0\.0\.1:\d+/) ", line)
        assert match, line
        yield match[1], server
    finally:
        server.kill()
        server.wait()


def test_server_hands_out_the_page_until_it_is_stopped() -> None:
    with served() as (url, server):
        with urlopen(url) as page:
            assert page.read() == (WEB / "index.html").read_bytes()
        with urlopen(f"{url}tellus.wasm") as module:
            assert module.headers["Content-Type"] == "application/wasm"
        for elsewhere in ("nothing.js", "../pyproject.toml", "%2e%2e/pyproject.toml"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(url + elsewhere)
        taken = CliRunner().invoke(app, ["web", "--port", url.split(":")[-1].strip("/")])
        assert taken.exit_code == 2
        assert "--port" in taken.stderr
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "case"
    run_directory(load_config(ROOT / "examples/quickstart.toml", CASE), out)
    return out


def test_exported_run_holds_what_was_recorded(run: Path, tmp_path: Path) -> None:
    from tellus.coupling.directory.recorded import read_run

    recorded, file = read_run(run), export_run(run, tmp_path / "run.safetensors", 4)
    found = load_file(file)
    count = recorded.output_times.size
    assert found["temperature"].shape == (4, 8, 16)
    assert found["psi"].shape == (4, 9, 17)
    last = recorded.snapshot("temperature", count - 1)
    np.testing.assert_allclose(found["temperature"][-1], last, rtol=1e-6)
    viscosity = recorded.snapshot("viscosity", count - 1)
    np.testing.assert_allclose(10.0 ** found["log_viscosity"][-1], viscosity, rtol=1e-4)
    assert np.isnan(found["measured"][0, 2:]).all()
    assert found["measured"][-1, 2] == recorded.series["mean_temperature"][-1]
    assert found["series"].shape == (recorded.steps, 6)


def test_export_refuses_other_names_and_models(run: Path, tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "run.json"):
        with pytest.raises(InputError, match="safetensors"):
            export_run(run, out)
    models = save_models(tmp_path / "models", Grid(16, 8, 2.0))
    with pytest.raises(InputError, match="closure"):
        export_closure(models["two-level"], tmp_path / "closure.safetensors")
    command = ["export", str(models["closure"]), "--to", "web"]
    refused = CliRunner().invoke(app, [*command, "--snapshots", "3"])
    assert refused.exit_code == 2
    assert "--snapshots needs a run" in " ".join(refused.stderr.split())
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    assert (models["closure"] / "web.safetensors").is_file()


def in_browser(**details: Any) -> dict[str, Any]:
    """Skipped where `make browser` was not run, or failed where TELLUS_REQUIRE_BROWSER is set."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not (chromium and shutil.which("node") and (MODULES / "node_modules").is_dir()):
        otherwise = "node, chromium and playwright-core are not all there: make browser"
        (pytest.fail if os.environ.get("TELLUS_REQUIRE_BROWSER") else pytest.skip)(otherwise)
    asked = {"chromium": chromium, "modules": str(MODULES), **details}
    program = Path(__file__).with_name("page.mjs")
    done = subprocess.run(
        ["node", str(program)], input=json.dumps(asked), capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_page_in_a_browser(run: Path, tmp_path: Path, record_property: Any) -> None:
    """Painting, sliders, side by side, keeping, opening, the narrow screen; no complaint."""
    models = save_models(tmp_path / "models", Grid(16, 8, 2.0))
    closure = export_closure(models["closure"])
    pictures = os.environ.get("TELLUS_PICTURES")
    with served() as (url, _):
        found = in_browser(
            url=url,
            closure=str(closure),
            run=str(export_run(run)),
            pictures=pictures,
        )
    record_property("rate", found["rate"])
    print(found["rate"])
    assert found["complaints"] == []
    assert [
        asked for asked in found["requests"] if not asked.startswith((url, "blob:", "data:"))
    ] == []
    assert found["paused"] == "Play"
    assert found["afterPaint"] > found["beforePaint"] + 1e-3

    rows = np.loadtxt(found["csv"].splitlines(), delimiter=",", skiprows=1)
    assert rows.shape == (128 * 32, 3)
    assert rows[:, 2].max() == 1.0  # painted, to the hottest there is
    settings = tomllib.loads(found["toml"])
    assert "heating=3.5" in found["hash"]
    assert settings["model"]["heating"] == 3.5
    assert settings["initial"]["seed"] == 1
    file = tmp_path / "convection.toml"
    file.write_text(found["toml"])
    assert load_config(file).rheology.gamma_T == 1e6
    assert found["png"] == "PNG"

    assert found["learnedOffered"] == (WEB / "closure.safetensors").exists()
    assert "% of cells" in found["beside"]
    assert "learned" in found["error"]
    assert found["player"] == "case"
    assert found["output"].startswith("output 2 of")
    assert "no safetensors file" in found["refused"]
    assert found["phone"] <= 390
    assert found["unlabelled"] == []
