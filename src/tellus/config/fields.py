"""The base of every configuration section, and what is said about its fields.

A field is declared once, with `quantity`; the sentence that refuses a bad
value and the table of `tellus config --help-fields` are both derived from
that declaration.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tellus.io.shown import facts_table

from .own_class import GRAMMAR, OwnClass, is_handed_in

SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
WORDS = {">= ": "at least ", "<= ": "at most ", "> ": "above ", "< ": "below ", ", ": " and "}
KINDS = {
    "integer": "an integer",
    "number": "a finite number",
    "string": "a string",
    "boolean": "true or false",
    "[low, high]": "two finite numbers [low, high]",
    "integers": "a list of one or more integers",
    "numbers": "a list of finite numbers",
}
"""What a type is called where something else was found."""


class Section(BaseModel):
    """Frozen, no unknown keys, no coercion (except integers where a number is asked), no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def _repr_html_(self) -> str:
        """The section as a table, for notebooks."""
        facts = {name: getattr(self, name) for name in type(self).model_fields}
        return facts_table(type(self).__name__, {k: v for k, v in facts.items() if v is not None})


class Kinds:
    """Values of a string field: some names, a class of one's own, or `own:` for an object."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": [*self.names, GRAMMAR]}

    def _checked(self, value: str) -> str:
        if value in self.names or is_handed_in(value) or OwnClass.parse(value):
            return value
        raise PydanticCustomError("kind", "no kind")


def quantity(
    default: Any,
    meaning: str,
    unit: str = "-",
    path: str | None = None,
    kinds: Sequence[str] = (),
    **limits: Any,
) -> Any:
    """Declare a field of a section.

    Parameters
    ----------
    default : object
    meaning : str
        One line.
    unit : str
        "-" if none.
    path : str, optional
        What kind of path it holds; see `paths`.
    kinds : sequence of str
        Of the section's `kind`, those by which the field is read; empty: by all.
    **limits : float
        ge, gt, le and lt, of a number.
    """
    extra: dict[str, Any] = {"unit": unit, "path": path, "kinds": [*kinds]}
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
        kind, limits, choices = _described(field)
        yield FieldRow(
            key=key,
            type=kind,
            default=_shown_default(field.default),
            unit=str(_extra(field).get("unit", "-")),
            range=", ".join(choices) or limits or "-",
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


def kinds_of(field: FieldInfo) -> list[str]:
    """The kinds of its section that read a field; none where all of them do."""
    kinds: list[str] = _extra(field).get("kinds", [])
    return kinds


def read_by(section: type[BaseModel]) -> dict[str, list[str]]:
    """The kinds that read a key of a section, by key, for keys that not all kinds read."""
    found = {key: kinds_of(field) for key, field in section.model_fields.items()}
    return {key: kinds for key, kinds in found.items() if kinds}


def allowed(field: FieldInfo) -> str:
    """What a field takes, as the words that follow "must be"."""
    kind, limits, choices = _described(field)
    if choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        return f"a list of {listed}" if kind == "strings" else f"one of {listed}"
    for sign, words in WORDS.items():
        limits = limits.replace(sign, words)
    return f"{KINDS[kind]}, {limits}" if limits else KINDS[kind]


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _described(field: FieldInfo) -> tuple[str, str, list[str]]:
    """Type, limits and choices of a field, or of each item of a list, by its JSON schema."""
    schema = TypeAdapter(field.rebuild_annotation()).json_schema()
    # None aside, which no table of TOML can hold.
    schema = next((s for s in schema.get("anyOf", []) if s.get("type") != "null"), schema)
    pair = "prefixItems" in schema
    item = schema["prefixItems"][0] if pair else schema.get("items", schema)
    name = "[low, high]" if pair else item["type"] + ("s" if "items" in schema else "")
    limits = [f"{sign} {_number(item[key])}" for key, sign in SIGNS.items() if key in item]
    choices = item.get("enum", [item["const"]] if "const" in item else [])
    return name, ", ".join(limits), choices


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
