"""What the house looks like: its figure, docstrings that stand by themselves."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import grimp
import networkx
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["src/tellus", "solver", "surrogate", "coupling", "benchmarks"]


def test_no_module_imports_itself_on_any_way() -> None:
    """Not by way of its package either, where import-linter sees only what stands side by side."""
    graph = grimp.build_graph("tellus")
    imports = networkx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    assert imports.has_edge("tellus.solver.direct", "tellus.solver.factor.cached")
    circles = [sorted(c) for c in networkx.strongly_connected_components(imports) if len(c) > 1]
    assert circles == []


def test_the_figure_in_contributing_shows_the_house_as_it_is() -> None:
    script = ROOT / "scripts/house.py"
    house = runpy.run_path(str(script))
    page = house["PAGE"].read_text()
    assert "surrogate --> io" in page
    assert house["drawn"](page) == page, "`make house` draws it anew"


def functions(body: list[ast.stmt], doc: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    """Public functions and methods with their docstrings; of `__init__` that of its class."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from functions(node.body, ast.get_docstring(node) or "")
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            yield node, doc
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, ast.get_docstring(node) or ""


def arguments(function: ast.FunctionDef) -> set[str]:
    """Names of all, `*` and `**` left out."""
    every = function.args
    several = [each for each in (every.vararg, every.kwarg) if each]
    named = [*every.posonlyargs, *every.args, *every.kwonlyargs, *several]
    return {argument.arg for argument in named} - {"self", "cls"}


def described(doc: str) -> set[str]:
    """Names that a numpydoc section of parameters has."""
    _, _, section = doc.partition("Parameters\n----------\n")
    heads = re.findall(r"^([*\w]+(?:, [*\w]+)*)(?: : .*)?$", section, re.MULTILINE)
    return {name.lstrip("*") for head in heads for name in head.split(", ")}


@pytest.mark.parametrize("room", ROOMS)
def test_public_functions_of_five_or_more_arguments_describe_each(room: str) -> None:
    """Commands apart, whose options say what they are."""
    lacking = [
        f"{file.relative_to(ROOT)}: {function.name}: {', '.join(missing)}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for function, doc in functions(ast.parse(file.read_text()).body)
        if len(arguments(function)) >= 5 and "Annotated[" not in ast.unparse(function.args)
        if (missing := sorted(arguments(function) - described(doc)))
    ]
    assert lacking == []


OPENINGS = re.compile(
    r"(The (same|others?|latter|former)|Those|That|Its?|Likewise|As above|Of|By|And)\b|See `"
)
"""How a docstring opens that needs the sentence before it."""


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each, and of the strings below constants and fields."""
    for node in ast.walk(ast.parse(file.read_text())):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            match each:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield each.lineno, text


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_stand_by_themselves(room: str) -> None:
    leaning = [
        f'{file.relative_to(ROOT)}:{line}: "{text.strip():.50}" needs the sentence before it: '
        "say what the thing is."
        for file in sorted((ROOT / room).rglob("*.py"))
        for line, text in docstrings(file)
        if OPENINGS.match(text.strip())
    ]
    assert not leaning, "\n".join(leaning)


def type_names(file: Path) -> Iterator[str]:
    """Names of the classes of a module, and of its aliases of types, written LikeThis."""
    tree = ast.parse(file.read_text())
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if re.match(
                "[A-Z][a-z]", name
            ) and "TypeVar(" not in ast.unparse(value):
                yield name


def test_the_name_of_a_class_or_of_a_type_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for name in type_names(file):
                places.setdefault(name, []).append(str(file.relative_to(ROOT)))
    several = [
        f"{name} is the name of a thing in each of {', '.join(where)}: rename or share it."
        for name, where in places.items()
        if len(where) > 1
    ]
    assert not several, "\n".join(several)
