"""What the pages take from the code, so that it cannot drift: keys, solvers, names, examples.

Directives write Markdown and let MyST parse it:

- ``{keys} run boundaries.* time.scheme``: table of configuration keys, shell patterns allowed;
  of `tellus train` by model.kind, ``{keys} train-time-unet model.*``;
- ``{examples} rheology.kind=arrhenius model.core_capacity``: the files in examples/ that set any
  of these keys (to that value, where one is named);
- ``{example-files}``: all of them, in full;
- ``{gallery}``: those that are runs, as `make gallery` drew them;
- ``{house}``: the rooms and their imports;
- ``{solvers}``: the names that --stokes takes;
- ``{public-names}``: autodoc of every name that `tellus` exports;
- ``{verification} blankenbach-*``: measured beside published, from benchmarks/results.

The role ``{src}`names/a/file``` says at the end of a build which of the files are not there.
"""

import json
import re
import runpy
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import networkx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

import tellus
from tellus.config import TRAININGS, Config, DatasetConfig, TrainingConfig
from tellus.config.examples import examples
from tellus.config.fields import Section, rows
from tellus.coupling.solvers.names import listing

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
GALLERY = ROOT / "docs" / "gallery"
RESULTS = ROOT / "benchmarks" / "results"
MODELS: dict[str, type[Section]] = {
    "run": Config,
    "dataset": DatasetConfig,
    "train": TrainingConfig,
    **{f"train-{kind}": model for kind, model in TRAININGS.items()},
}

log = logging.getLogger(__name__)


class Generated(SphinxDirective):
    """A directive whose content is Markdown made by `lines`."""

    optional_arguments = 1000

    def lines(self) -> Iterable[str]:
        """The Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse it where the directive stands."""
        return self.parse_text_to_nodes("\n".join(self.lines()), allow_section_headings=True)


class Keys(Generated):
    """Table of configuration keys: the command, then patterns of keys."""

    def lines(self) -> Iterator[str]:
        command, *patterns = self.arguments
        found = list(rows(MODELS[command]))
        for pattern in patterns:
            if not any(fnmatchcase(row.key, pattern) for row in found):
                raise self.error(f"there is no key {pattern} of tellus {command}")
        if patterns:
            found = [row for row in found if any(fnmatchcase(row.key, p) for p in patterns)]
        yield from table(
            ("key", "default", "range", "unit", "meaning"),
            [
                (
                    code(row.key),
                    code(row.default),
                    escaped(row.range if row.range != "-" else row.type),
                    escaped(row.unit if row.unit != "-" else ""),
                    escaped(row.meaning),
                )
                for row in found
            ],
        )


class Examples(Generated):
    """The example files that set any of the keys named."""

    def lines(self) -> Iterator[str]:
        found = [
            f"[`{path.name}`](#{anchor(path)})"
            for path in sorted(EXAMPLES.glob("*.toml"))
            if any(sets(path, wanted) for wanted in self.arguments)
        ]
        yield "Examples: " + (", ".join(found) if found else "none that sets these keys.")


class ExampleFiles(Generated):
    """Every example file in full, under its name."""

    def lines(self) -> Iterator[str]:
        for path in sorted(EXAMPLES.glob("*.toml")):
            text = path.read_text(encoding="utf-8")
            said = escaped(examples()[path.stem])
            yield from (f"({anchor(path)})=", f"## {path.stem}", "", f"{said}.", "")
            yield from ("````{code-block} toml", text.rstrip(), "````", "")


class Gallery(Generated):
    """The pictures in docs/gallery, each with what its run came to."""

    def lines(self) -> Iterator[str]:
        numbers = json.loads((GALLERY / "numbers.json").read_text(encoding="utf-8"))
        said = examples()
        yield "`````{container} gallery"
        for name, run in numbers.items():
            path = EXAMPLES / f"{name}.toml"
            # Paths are those of a page in docs/use.
            yield from ("````{container} card", f"![T of {name}](../gallery/{name}.webp)", "")
            yield from (f"**[{name}](#{anchor(path)})** {escaped(said[name])}", "")
            yield f"Nu {run['nusselt_top']:.4g}, Vrms {run['vrms']:.4g} at t = {run['time']:.3g}, "
            yield from (f"{run['grid']} cells", "````")
        yield "`````"


class House(SphinxDirective):
    """The figure of `make house`, drawn as SVG."""

    def run(self) -> list[nodes.Node]:
        """Boxes in rows, whoever imports above whom it imports."""
        rooms = runpy.run_path(str(ROOT / "scripts" / "house.py"))["rooms"]
        return [nodes.raw("", drawing(*rooms()), format="html")]


class Solvers(Generated):
    """What `tellus solvers` prints."""

    def lines(self) -> Iterator[str]:
        yield from table(
            ("name", "what", "requirements"),
            [(code(name), escaped(what), escaped(needs)) for name, what, needs in listing()],
        )


class PublicNames(Generated):
    """Autodoc of all that `tellus` exports."""

    def lines(self) -> Iterator[str]:
        yield "```{eval-rst}"
        for name in tellus.__all__:
            thing = getattr(tellus, name)
            if isinstance(thing, type) and issubclass(thing, Exception):
                yield f".. autoexception:: tellus.{name}\n"
            elif isinstance(thing, type):
                # What pydantic adds to a model is no interface of ours.
                members = "" if thing is Config else "   :members:\n"
                yield f".. autoclass:: tellus.{name}\n{members}"
            elif callable(thing):
                yield f".. autofunction:: tellus.{name}\n"
        yield "```"


class Verification(Generated):
    """What `tellus bench verification` measured and stored, by patterns of cases."""

    def lines(self) -> Iterator[str]:
        patterns = self.arguments or ["*"]
        stored = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(RESULTS.glob("verification*.json"))
        ]
        for result in stored:
            from tellus.benchmarks.verification import markdown

            result["results"] = [
                row
                for row in result["results"]
                if any(fnmatchcase(row["case"], pattern) for pattern in patterns)
            ]
            if result["results"]:
                yield from (*markdown(result).splitlines(), "")
        if not any(result["results"] for result in stored):
            yield "No measured values of these cases are stored in `benchmarks/results/`."


class Source(SphinxRole):
    """A file of the repository; those that are missing are named in the build's output."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The path as code."""
        if not (ROOT / self.text).exists():
            log.info("%s names %s, which is not in this checkout", self.env.docname, self.text)
        return [nodes.literal(self.rawtext, self.text)], []


def sets(path: Path, wanted: str) -> bool:
    """Whether a TOML file sets `section.key`, or `section.key=value`; patterns are allowed."""
    pattern, _, value = wanted.partition("=")
    tables: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return any(
        fnmatchcase(f"{section}.{key}", pattern) and (not value or str(content) == value)
        for section, keys in tables.items()
        if isinstance(keys, dict)
        for key, content in keys.items()
    )


def drawing(folders: Mapping[str, list[str]], imports: networkx.DiGraph) -> str:
    """Rooms as SVG: each row imports from the rows below it."""
    width, line, gap = 150, 15, 40
    depth = dict.fromkeys(imports, 0)
    for name in networkx.topological_sort(imports):
        for below in imports.successors(name):
            depth[below] = max(depth[below], depth[name] + 1)
    rows = [[n for n in folders if depth[n] == d] for d in range(max(depth.values()) + 1)]
    places: dict[str, tuple[int, int, int]] = {}
    across, y = max(map(len, rows)) * (width + gap), 5
    for row in rows:
        for k, name in enumerate(row):
            x = round((k + 0.5) * across / len(row) - width / 2)
            places[name] = (x, y, line * (len(folders[name]) + 2))
        y += max(places[name][2] for name in row) + gap
    parts = [
        f"<svg class='house' width='{across}' viewBox='0 0 {across} {y - gap + 5}' role='img'>"
    ]
    for above, below in imports.edges:
        (x1, y1, h1), (x2, y2, _) = places[above], places[below]
        parts.append(
            f"<line x1='{x1 + width // 2}' y1='{y1 + h1}' x2='{x2 + width // 2}' y2='{y2}'/>"
        )
    for name, (x, top, height) in places.items():
        parts.append(f"<rect x='{x}' y='{top}' width='{width}' height='{height}' rx='4'/>")
        for k, text in enumerate([name, *(f"{folder}/" for folder in folders[name])]):
            look = " font-weight='bold'" if k == 0 else ""
            parts.append(
                f"<text x='{x + width // 2}' y='{top + line * (k + 1.3)}'{look}>{text}</text>"
            )
    return "\n".join([*parts, "</svg>"])


def anchor(path: Path) -> str:
    """Where an example stands."""
    return f"example-{path.stem.lower()}"


def table(head: Iterable[str], body: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table."""
    titles = list(head)
    for cells in (titles, ["---"] * len(titles), *body):
        yield f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """A code span, or nothing."""
    return f"`{text}`" if text else ""


def escaped(text: str) -> str:
    """`text` as Markdown that shows it as it is."""
    return re.sub(r"([\\|<>*_`\[\]$#{}])", r"\\\1", text)


def all_pages(app: Sphinx, env: Any, *changes: set[str]) -> set[str]:
    """Read every page at every build: what they show of the code may have changed."""
    found: set[str] = env.found_docs
    return found


def short_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """The defaults of a whole configuration are a table of their own."""
    return ("(**sections)", returns) if thing is Config else None


def without_substitutions(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Bars in docstrings are absolute values; to reStructuredText they would be substitutions."""
    for number, line in enumerate(lines):
        pieces = re.split(r"(`+[^`]*`+)", line)
        pieces[::2] = [piece.replace("|", r"\|").replace("*", r"\*") for piece in pieces[::2]]
        lines[number] = "".join(pieces)


def live(app: Sphinx, exception: Exception | None) -> None:
    """Put the page of the browser beside those of the site."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(ROOT / "web", Path(app.outdir) / "live", dirs_exist_ok=True)


def offline(app: Sphinx, failure: Exception | None) -> None:
    """Warn of what a built page would ask other machines for; links for people may lead there."""
    asks = re.compile(
        r'<(?:script|img|link|iframe|source|video)\b[^>]*?(?:src|href)="(?:https?:)?//'
    )
    for page in sorted(Path(app.outdir).rglob("*.html")) if failure is None else ():
        if found := asks.search(page.read_text(encoding="utf-8")):
            log.warning("%s asks another machine: %s", page.name, found[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("keys", Keys)
    app.add_directive("examples", Examples)
    app.add_directive("example-files", ExampleFiles)
    app.add_directive("gallery", Gallery)
    app.add_directive("house", House)
    app.add_directive("solvers", Solvers)
    app.add_directive("public-names", PublicNames)
    app.add_directive("verification", Verification)
    app.add_role("src", Source())
    app.connect("build-finished", offline)
    app.connect("build-finished", live)
    app.connect("env-get-outdated", all_pages)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("autodoc-process-docstring", without_substitutions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
