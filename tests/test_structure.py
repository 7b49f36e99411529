"""Imports: `make lint` holds the directions between rooms; here, that none goes in a circle."""

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
