"""The base of every configuration section, and what is said about its fields.

A field is declared once, with `quantity`; the sentence that refuses a bad
value and the table of `tellus config --help-fields` are both derived from
that declaration.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Frozen, no unknown keys, no coercion (except integers where a number is asked), no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def quantity(
    default: Any, meaning: str, unit: str = "-", path: str | None = None, **limits: Any
) -> Any:
    """Declare a field: its default, one-line meaning, unit ("-" if none) and ge/gt/le limits.

    `path` says what kind of path it holds; see `paths`.
    """
    extra: dict[str, Any] = {"unit": unit, "path": path}
    return Field(default=default, description=meaning, json_schema_extra=extra, **limits)


class FieldRow(NamedTuple):
    """One line of `tellus config --help-fields`."""

    key: str
    type: str
    default: str
    unit: str
    range: str
    meaning: str


def rows(model: type[BaseModel]) -> Iterator[FieldRow]:
    """Every field of a configuration, in the order of its file."""
    for key, field in fields(model):
        yield FieldRow(
            key=key,
            type=_type_name(field),
            default=_shown_default(field.default),
            unit=str(_extra(field).get("unit", "-")),
            range=_range(field) or "-",
            meaning=field.description or "",
        )


def fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """("section.key", field) of every field."""
    for section, holder in model.model_fields.items():
        if isinstance(holder.annotation, type) and issubclass(holder.annotation, BaseModel):
            for key, field in holder.annotation.model_fields.items():
                yield f"{section}.{key}", field


def paths(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """("section.key", kind of path) of every field that holds a path."""
    for key, field in fields(model):
        if kind := _extra(field).get("path"):
            yield key, str(kind)


def allowed(field: FieldInfo) -> str:
    """What a field takes, as the words that follow "must be"."""
    if choices := _choices(field):
        listed = ", ".join(f'"{choice}"' for choice in choices)
        return f"a list of {listed}" if _type_name(field) == "strings" else f"one of {listed}"
    kind = {
        "integer": "an integer",
        "number": "a finite number",
        "string": "a string",
        "boolean": "true or false",
        "[low, high]": "two finite numbers [low, high]",
        "integers": "a list of one or more integers",
        "numbers": "a list of finite numbers",
    }[_type_name(field)]
    limits = _range(field).replace(">= ", "at least ").replace("<= ", "at most ")
    limits = limits.replace("> ", "above ").replace("< ", "below ").replace(", ", " and ")
    return f"{kind}, {limits}" if limits else kind


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _plain(field: FieldInfo) -> Any:
    """The annotation without None."""
    annotation: Any = field.annotation
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation


def _choices(field: FieldInfo) -> tuple[str, ...]:
    """What a Literal, or each item of a list of them, may be."""
    annotation = _item(field) or _plain(field)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _item(field: FieldInfo) -> Any:
    """What a list holds, without its limits; None where the field is no list."""
    annotation = _plain(field)
    if get_origin(annotation) is not tuple:
        return None
    return FieldInfo.from_annotation(get_args(annotation)[0]).annotation


def _type_name(field: FieldInfo) -> str:
    annotation = _plain(field)
    if get_origin(annotation) is tuple and Ellipsis not in get_args(annotation):
        return "[low, high]"
    item = _item(field)
    kind = item or annotation
    names = {int: "integer", float: "number", str: "string", bool: "boolean"}
    name = "string" if get_origin(kind) is Literal else names[kind]
    return f"{name}s" if item else name


def _range(field: FieldInfo) -> str:
    if choices := _choices(field):
        return ", ".join(choices)
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {_number(getattr(limit, name))}"
        for limit in _limits(field)
        for name, sign in signs.items()
        if hasattr(limit, name)
    )


def _limits(field: FieldInfo) -> list[Any]:
    """The ge/gt/le limits of a field, or of each number of a list."""
    annotation = _plain(field)
    if get_origin(annotation) is not tuple:
        return field.metadata
    item = FieldInfo.from_annotation(get_args(annotation)[0])
    return item.metadata


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _shown_default(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_number(item) for item in value) + "]"
    return _number(value) if isinstance(value, int | float) else str(value)
