"""TOML and `section.key=value` overrides in, a checked configuration or one sentence out."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tellus.errors import InputError
from tellus.io.recognised import CONFIGURATION, unexpected

from .fields import allowed, fields, paths
from .paths import ABSOLUTE

Model = TypeVar("Model", bound=BaseModel)
Tables = dict[str, Any]


def read(
    model: type[Model],
    path: Path | str | None,
    overrides: Sequence[str] = (),
    lacking: Tables | None = None,
) -> Model:
    """The configuration in `path` (None: all defaults) with `section.key=value` overrides.

    `lacking` holds what keys that the file lacks mean, by section, in place of their defaults.

    Relative paths in the file begin where the file lies, those of overrides in the working
    directory; both come back absolute.

    Raises
    ------
    InputError
        The file is missing or is not TOML, a key is unknown, a value is of the
        wrong type or out of range, or two values contradict each other.
    """
    tables, changed = _tables(path, overrides, lacking)
    return _checked(model, tables, path, changed)


def completed(tables: Tables, lacking: Tables) -> Tables:
    """Sections with the keys that they lack, in place."""
    for section, values in lacking.items():
        own = tables.setdefault(section, {})
        if isinstance(own, dict):  # else the model refuses it
            tables[section] = values | own
    return tables


def read_kind(
    models: Mapping[str, type[Model]], path: Path | str | None, overrides: Sequence[str] = ()
) -> Model:
    """Read a configuration by the model that `model.kind` names, the first by default."""
    tables, changed = _tables(path, overrides)
    if len(models) == 1:
        (only,) = models.values()
        return _checked(only, tables, path, changed)
    section = tables.get("model", {})
    kind = section.get("kind") if isinstance(section, dict) else None
    if kind is None:
        kind = next(iter(models))
    if not isinstance(kind, str) or kind not in models:
        source = "--set" if "model.kind" in changed else path
        known = ", ".join(f'"{name}"' for name in models)
        raise InputError(f"{source}: model.kind must be one of {known}, not {_shown(kind)}.")
    return _checked(models[kind], tables, path, changed)


def _tables(
    path: Path | str | None, overrides: Sequence[str], lacking: Tables | None = None
) -> tuple[Tables, set[str]]:
    """What the file says with the overrides written over it, and which keys those were."""
    if not (path is None or isinstance(path, str | Path)):
        raise InputError(f"a configuration is read from the path of a file, not from {path!r}.")
    if isinstance(overrides, str):
        raise InputError(
            f'overrides are a list of settings, such as ["time.end=0.2"], not "{overrides}".'
        )
    tables = completed({} if path is None else toml(Path(path)), lacking or {})
    return tables, {_override(tables, text) for text in overrides}


def _checked(
    model: type[Model], tables: Tables, path: Path | str | None, changed: set[str]
) -> Model:
    _hold_anywhere(model, tables, path, changed)
    try:
        return model.model_validate(tables)
    except ValidationError as failure:
        errors = failure.errors(include_url=False)
    key, sentence = _sentence(model, errors[0])
    # A complaint is about a key, a section or everything ("").
    by_set = any(name == key or not key or name.startswith(f"{key}.") for name in changed)
    source = "--set" if path is None or by_set else path
    more = f" ({len(errors) - 1} more to mend)" if len(errors) > 1 else ""
    raise InputError(f"{source}: {sentence}{more}.")


def _hold_anywhere(
    model: type[Model], tables: Tables, path: Path | str | None, changed: set[str]
) -> None:
    """Make every path in `tables` absolute."""
    beside = "" if path is None else Path(path).parent
    for name, kind in paths(model):
        section, _, key = name.partition(".")
        table = tables.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(value, str):
            if "\0" in value:
                source = "--set" if path is None or name in changed else path
                raise InputError(f"{source}: {name} holds a NUL, which no path has.")
            table[key] = ABSOLUTE[kind](value, "" if name in changed else beside)


def changed(config: Model, overrides: Sequence[str]) -> Model:
    """The configuration with other settings, as `read` takes and refuses them."""
    tables = config.model_dump(exclude_none=True)
    names = {_override(tables, text) for text in overrides}
    return _checked(type(config), tables, None, names)


def dump(config: BaseModel) -> str:
    """The complete configuration as TOML; what is None is left out, which means the same."""
    return tomli_w.dumps(config.model_dump(exclude_none=True))


def toml(path: Path) -> Tables:
    """The tables of a file; InputError where there is none, or it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise unexpected(path, CONFIGURATION) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a TOML file: it is not UTF-8 text.") from None
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}.") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as failure:
        raise InputError(f"{path} is not valid TOML: {failure}.") from None


def _override(tables: Tables, text: str) -> str:
    """Write one `section.key=value` into `tables`; returns "section.key"."""
    name, equals, written = text.partition("=")
    parts = [part.strip() for part in name.split(".")]
    if not equals or len(parts) != 2 or not all(parts):
        raise InputError(f'--set takes section.key=value, such as time.end=0.2, not "{text}".')
    section, key = parts
    table = tables.setdefault(section, {})
    if not isinstance(table, dict):
        raise InputError(f"--set {text}: {section} is not a section.")
    if written.strip() == "none":
        table.pop(key, None)
    else:
        table[key] = value(written)
    return f"{section}.{key}"


def value(text: str) -> Any:
    """A TOML value; what is not one is a bare string, so that shells need no quotes."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _sentence(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    """("section.key", what is wrong with it) of one pydantic error."""
    known = dict(fields(model))
    key = ".".join(str(part) for part in error["loc"][:2])
    if error["type"] == "extra_forbidden":
        kind = "section" if key in error["loc"] and isinstance(error["input"], dict) else "key"
        return key, f"unknown {kind} {key} (the nearest is {_nearest(key, model)})"
    if error["type"] == "value_error":
        return key, str(error["ctx"]["error"])
    if key in known:
        return key, f"{key} must be {allowed(known[key])}, not {_shown(error['input'])}"
    return key, f"{key} must be a section, [{key}], not {_shown(error['input'])}"


def _nearest(key: str, model: type[BaseModel]) -> str:
    """The valid key or section closest to a mistyped one; the same key elsewhere comes first."""
    section, _, leaf = key.rpartition(".")
    keys = [name for name, _ in fields(model)]
    same_leaf = [name for name in keys if name.lower().endswith(f".{leaf.lower()}")]
    if same_leaf:
        return next((name for name in same_leaf if name.startswith(f"{section}.")), same_leaf[0])
    if not section:
        candidates = list(model.model_fields)
    else:
        candidates = [name for name in keys if name.startswith(f"{section}.")] or keys
    return difflib.get_close_matches(key, candidates, n=1, cutoff=0.0)[0]


def _shown(value: object) -> str:
    """A value as TOML writes it, cut when it is long."""
    if isinstance(value, list | tuple):
        text = "[" + ", ".join(_shown(item) for item in value[:10]) + "]"
    elif isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        text = "a section"
    else:
        text = _digits(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _digits(value: object) -> str:
    """str(value), also of an integer too long for Python to print."""
    try:
        return str(value)
    except ValueError:
        return "an integer of thousands of digits"
