"""Draw the rooms of the house, as their imports are, into CONTRIBUTING.md (`make house`).

A box is a room with its folders, each above those that it imports; an arrow says that something in
the one imports something in the other. What follows from other arrows is left out, so a direction
that should not be stands out.
"""

from pathlib import Path

import grimp
import networkx

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
BEGIN, END = "<!-- make house: begin -->\n", "<!-- make house: end -->\n"
SPARED = ("tellus", "tellus.__main__")
"""The public names and the start of the command: they only pass on."""
TABLE = "tellus.surrogate.kinds"
"""It names the settings of each kind of model, which lie in folders above it."""


def room(module: str) -> str:
    """What stands after `tellus.` in a module's name."""
    return module.split(".")[1]


def folder(module: str) -> str:
    """The module or folder of its room that a module is, or lies in."""
    return ".".join(module.split(".")[:3])


def rooms() -> tuple[dict[str, list[str]], networkx.DiGraph]:
    """Every room with its folders, each above those that it needs, and which room needs which."""
    graph = grimp.build_graph("tellus")
    modules = sorted(graph.modules - {*SPARED})
    imports, inside = networkx.DiGraph(), networkx.DiGraph()
    imports.add_nodes_from(map(room, modules))
    inside.add_nodes_from(map(folder, modules))
    for module in modules:
        for imported in graph.find_modules_directly_imported_by(module) - {*SPARED}:
            above, below = folder(module), folder(imported)
            if room(module) != room(imported):
                imports.add_edge(room(module), room(imported))
            elif above != below and module != TABLE:
                inside.add_edge(above, below)
    folders: dict[str, list[str]] = {name: [] for name in imports}
    for level in reversed([*networkx.topological_generations(inside.reverse())]):
        for each in sorted(level):
            if each.count(".") == 2 and graph.find_children(each):
                folders[room(each)].append(each.split(".")[2])
    return folders, networkx.transitive_reduction(imports)


def figure() -> str:
    """The rooms in Mermaid's language, which GitHub and GitLab draw."""
    folders, needed = rooms()
    lines = ["```mermaid", "flowchart TD"]
    for name, inside in folders.items():
        shown = "<br>".join([f"<b>{name}</b>", *(f"{folder}/" for folder in inside)])
        lines.append(f'    {name}["{shown}"]')
    lines += [f"    {above} --> {below}" for above, below in sorted(needed.edges)]
    return "\n".join([*lines, "```\n"])


def drawn(page: str) -> str:
    """The page with the figure as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + figure() + END + after


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
