"""The configurations that come with Tellus, and files to begin with made of them."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tellus.errors import InputError

from .fields import FieldRow, Section, paths, rows
from .paths import PATH
from .purposes import MODELS, purpose_of

FOLDER = Path(__file__).parents[1] / "examples"


def examples() -> dict[str, str]:
    """The first sentence of every example's comment, by its name."""
    files = sorted(FOLDER.rglob("*.toml"))
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): _sentence(path) for path in files}


def example(name: str) -> Path:
    """The file of an example; InputError where there is none of that name."""
    known, stem = examples(), name.removeprefix("examples/").removesuffix(".toml")
    if stem not in known:
        near = get_close_matches(stem, known, n=1, cutoff=0.0)[0]
        raise InputError(
            f'there is no example "{name}"; did you mean "{near}"? `tellus init --list` names all.'
        )
    return FOLDER / f"{stem}.toml"


def to_begin_with(path: Path, out: Path) -> dict[Path, str]:
    """Contents of the files of an example at another place: its own, first, and what it reads."""
    text = _text(path)
    tables = tomllib.loads(text)
    models = MODELS[purpose_of(tables)]
    model = models.get(tables.get("model", {}).get("kind"), next(iter(models.values())))
    named = (key.split(".") for key, kind in paths(model) if kind == PATH)
    read = [path.parent / tables.get(section, {}).get(key, "") for section, key in named]
    moved = text.replace(path.relative_to(FOLDER.parent).as_posix(), str(out))
    written = {out: "\n\n".join(_blocks(moved, tables, model)) + "\n"}
    return written | {out.with_name(file.name): _text(file) for file in read if file.is_file()}


def _blocks(text: str, tables: Mapping[str, Any], model: type[Section]) -> Iterator[str]:
    """The head and every section: what the example says, every other key as a comment."""
    head, *said = re.split(r"^(?=\[\w+\])", text, flags=re.MULTILINE)
    yield head.rstrip()
    blocks = {block[1 : block.index("]")]: block.rstrip() for block in said}
    others = [[*row.key.split("."), _comment(row)] for row in rows(model)]
    for section in [*blocks, *(name for name in model.model_fields if name not in blocks)]:
        lines = [blocks.get(section, f"[{section}]")]
        kept = tables.get(section, {})
        yield "\n".join(
            lines + [c for name, key, c in others if name == section and key not in kept]
        )


def _comment(row: FieldRow) -> str:
    """A key with its default, what it means, its unit and range."""
    key = row.key.partition(".")[2]
    default = f'"{row.default}"' if row.type == "string" else row.default
    within = "; ".join(said for said in (row.unit, row.range) if said != "-")
    given = row.default != "none" or "none" in row.range
    value = default if given else ""
    return f"# {key} = {value}  # {row.meaning}" + (f" ({within})" if within else "")


def _sentence(path: Path) -> str:
    paragraph = re.split(r"^#?$", _text(path), maxsplit=1, flags=re.MULTILINE)[0]
    words = " ".join(paragraph.replace("#", " ").split())
    return re.split(r"(?<=[.:]) (?=[A-Z])", words, maxsplit=1)[0].rstrip(".:")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
