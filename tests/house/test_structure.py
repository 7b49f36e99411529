"""Imports: `make lint` holds their directions; here, that none goes in a circle, and the figure."""

import runpy
from pathlib import Path

import grimp
import networkx


def test_no_module_imports_itself_on_any_way() -> None:
    graph = grimp.build_graph("tellus", exclude_type_checking_imports=True)
    imports = networkx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    assert imports.has_edge("tellus.solver.direct", "tellus.solver.factor.cached")
    circles = [sorted(c) for c in networkx.strongly_connected_components(imports) if len(c) > 1]
    assert circles == []


def test_the_figure_in_contributing_shows_the_house_as_it_is() -> None:
    script = Path(__file__).parents[2] / "scripts/house.py"
    house = runpy.run_path(str(script))
    page = house["PAGE"].read_text()
    assert "surrogate --> io" in page
    assert house["drawn"](page) == page, "`make house` draws it anew"
