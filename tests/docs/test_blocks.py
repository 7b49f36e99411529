"""What README and the pages tell people to type: Python runs as it stands, commands parse.

Python blocks of a page follow each other in one namespace, in a folder that holds the examples
and data sets too small to take time. Commands go through the command line's own parser; what
they read of the checkout is opened, what they would compute is not.
"""

import re
import runpy
import shlex
import sys
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import pytest
import typer

from helpers.small_data import pairs_of_snapshots, write_dataset
from tellus.cli import app
from tellus.config import load_config, load_dataset_config
from tellus.coupling.solvers.names import check_name
from tellus.solver.grid import Grid
from tellus.surrogate.kinds import KINDS
from tellus.surrogate.packed_temperatures import pack

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name not in ("CHANGELOG.md", "results.md") and "_build" not in path.parts
)
"""Pages that are written by hand."""

DATA_SETS = {
    "two-level-256x64": Grid(64, 16, 4.0),
    "small": Grid(64, 16, 4.0),
    "paper-128x32": Grid(32, 8, 4.0),
}
SPLITS = ("train", "train", "validation", "test")

# What a fragment of a page takes as given: names that its sentences have introduced.
GIVEN = {
    "iterative.md": """
import numpy as np
import tellus
grid = tellus.Grid(32, 16, 2.0)
temperatures = np.random.default_rng(1).random((2, 16, 32))
viscosities = np.exp(-temperatures)
""",
}

# What takes a while, or is not there, and what shows as well that a block runs.
SMALLER = {
    'device="cuda"': 'device="cpu"',
    "Grid(256, 64)": "Grid(64, 16)",
    "epochs=5": "epochs=1",
    "time.end=0.002": "time.end=2e-4",
}

# Stand-ins of usage lines for what is a number.
NUMBERS = {"N": "2", "X": "0.5", "T0": "0.1", "T1": "0.2", "A,B": "1a,1b"}


def blocks(page: Path) -> list[str]:
    """The Python blocks of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def lines(page: Path) -> list[str]:
    """Lines of shell blocks, fenced or indented, and commands in running text."""
    text = re.sub(r"<!-- bench:.*?<!-- /bench -->", "", page.read_text(), flags=re.DOTALL)
    fenced = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (\S.*(?:\\\n.*)*)", outside, re.MULTILINE)
    inline = re.findall(r"`((?:tellus|make|python -m tellus)[ .][^`\n]+)`", outside)
    found = [line for block in fenced for line in block.replace("\\\n", " ").splitlines()]
    return [line.strip() for line in [*found, *indented, *inline] if line.strip()]


def commands(program: str) -> list[tuple[str, str]]:
    """Page and command, for every line that calls this program, however it is wrapped."""
    called = [
        (page.name, line[re.search(program, line).start() :])
        for page in PAGES
        for line in lines(page)
        if re.match(rf"(\S+=\S+ |mpirun -n \d+ |torchrun \S+ \d+ (?=-m ))*(-m )?{program}", line)
    ]
    return sorted(set(called))


def words(line: str) -> list[str]:
    """Arguments of a command, optional ones included; the first where there is a choice."""
    plain = re.sub(r"[\[\]]|\.\.\.$|\.\.\.(?=[\s\]])", " ", line)
    chosen = [word if "://" in word else word.split("|")[0] for word in shlex.split(plain, True)]
    return [NUMBERS.get(word, word) for word in chosen]


def execute(block: str, page: Path, names: dict[str, Any]) -> None:
    """Run a block: there may be no GPU here, grid and times are small; all else as it stands."""
    for text, less in SMALLER.items():
        block = block.replace(text, less)
    exec(compile(block, page.name, "exec"), names)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets under the names that the pages use."""
    root = tmp_path_factory.mktemp("pages")
    for name, grid in DATA_SETS.items():
        write_dataset(root / name, grid, pairs_of_snapshots(grid, SPLITS))
    pack(root / "paper-128x32", root / "paper-128x32.npz")
    return root


@pytest.fixture
def workplace(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the data sets, and the quickstart on their grid."""
    quickstart = (ROOT / "examples" / "quickstart.toml").read_text()
    for length, less in (("nx = 256", "nx = 64"), ("ny = 64", "ny = 16")):
        assert length in quickstart
        quickstart = quickstart.replace(length, less)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "quickstart.toml").write_text(quickstart)
    (tmp_path / "data").symlink_to(data)
    (tmp_path / "paper-128x32.npz").symlink_to(data / "paper-128x32.npz")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda p: p.name)
def test_python_runs_as_the_page_has_it(page: Path, workplace: None) -> None:
    names: dict[str, Any] = {}
    exec(GIVEN.get(page.name, ""), names)
    # What a page adds to the kinds of models is nobody else's.
    with patch.dict(KINDS):
        for block in blocks(page):
            execute(block, page, names)


TRAININGS = [(page, block) for page in PAGES for block in blocks(page) if "train(" in block]


@pytest.mark.parametrize(("page", "block"), TRAININGS, ids=lambda value: getattr(value, "name", ""))
def test_a_training_needs_its_data_alone(page: Path, block: str, workplace: None) -> None:
    """Whoever comes for a network of their own has not typed what stands before."""
    with patch.dict(KINDS):
        execute(block, page, {})


def test_every_block_is_found() -> None:
    """A fence of another spelling would slip through unnoticed."""
    for page in PAGES:
        assert page.read_text().count("```python") == len(blocks(page)), page
        assert not re.search(r"```(py|python3|bash|shell|console)\n", page.read_text()), page


@cache
def parser() -> click.Command:
    """Of the command line."""
    return typer.main.get_command(app)


@pytest.mark.parametrize(("page", "line"), commands("tellus "))
def test_commands_parse(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = words(line)[1:]
    command = parser()
    context: click.Context | None = None
    options: dict[str, Any] = {}
    while isinstance(command, click.Group):
        context = command.make_context(command.name, given[:1] or ["--help"], parent=context)
        assert given, f"{page}: {line!r} names no command"
        _, found, given = command.resolve_command(context, given)
        assert found is not None, f"{page}: {line!r}"
        command = found
    # A command that a sentence only names has no arguments to check.
    if given:
        options = command.make_context(command.name, given, parent=context).params
    for name in _solvers(options):
        check_name(name)
    for path in re.findall(r"\b(?:examples|experiments)/[\w*./-]+", line):
        assert list(ROOT.glob(path)) or "NAME" in path, f"{page}: there is no {path}"
    config = str(options.get("config") or "")
    if config.startswith("examples/") and (ROOT / config).is_file():
        load = {"run": load_config, "dataset": load_dataset_config}.get(str(command.name))
        if load is not None:
            load(Path(config), [s for s in options.get("set") or [] if "weights" not in s])


def _solvers(options: dict[str, Any]) -> list[str]:
    given = [str(options[key]) for key in ("stokes", "solvers") if options.get(key)]
    return [name for text in given for name in text.split(",") if name not in ("all", "NAME")]


@pytest.mark.parametrize(("page", "line"), commands("make "))
def test_targets_are_in_the_makefile(page: str, line: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    asked = list(takewhile(lambda word: "=" not in word, words(line)[1:]))
    assert asked, f"{page}: {line!r}"
    assert set(asked) <= set(targets), page


@cache
def help_of(module: str) -> str:
    """What a module prints with --help."""
    printed = StringIO()
    with (
        patch.object(sys, "argv", [module, "--help"]),
        redirect_stdout(printed),
        pytest.raises(SystemExit) as end,
    ):
        runpy.run_module(module, run_name="__main__")
    assert not end.value.code
    return printed.getvalue()


@pytest.mark.parametrize(("page", "line"), commands(r"python -m tellus\.benchmarks"))
def test_modules_know_the_options(page: str, line: str) -> None:
    _, _, module, *given = words(line)
    told = help_of(module)
    options = [word for word in given if word.startswith("--")]
    assert [option for option in options if option not in told] == [], f"{page}: {line!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_it_names_are_there(page: Path) -> None:
    named = re.findall(r"\{src\}`([^`]+)`", page.read_text("utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]
