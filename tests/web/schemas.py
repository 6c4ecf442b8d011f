"""A small judge of JSON Schema, for what our OpenAPI document uses of it; a keyword it does not know is an error, not a pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "null": (type(None),),
}  # fmt: skip
_SILENT = {"title", "description", "default", "examples", "format", "contentMediaType", "$ref", "anyOf", "type"}


def faults(schema: Any, value: Any, document: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What is wrong with a value, one sentence each with its place."""
    if schema is True or schema == {}:
        return
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from faults(target, value, document, at)
    if "anyOf" in schema and all(any(faults(one, value, document, at)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} fits none of {len(schema['anyOf'])} schemas"
    if "type" in schema and (not isinstance(value, _TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    for keyword, bound in schema.items():
        if keyword not in _SILENT:
            yield from _JUDGES[keyword](bound, value, schema, document, at)


def _properties(bound: Any, value: Any, schema: Any, document: dict[str, Any], at: str) -> Iterator[str]:
    for name, inner in bound.items():
        if name in value:
            yield from faults(inner, value[name], document, f"{at}.{name}")


def _additional(bound: Any, value: Any, schema: Any, document: dict[str, Any], at: str) -> Iterator[str]:
    for name in set(value) - set(schema.get("properties", {})):
        if bound is False:
            yield f"{at}: {name} is not foreseen"
        else:
            yield from faults(bound, value[name], document, f"{at}.{name}")


def _items(bound: Any, value: Any, schema: Any, document: dict[str, Any], at: str) -> Iterator[str]:
    for place, one in enumerate(value[len(schema.get("prefixItems", ())) :]):
        yield from faults(bound, one, document, f"{at}[{place}]")


def _prefix(bound: Any, value: Any, schema: Any, document: dict[str, Any], at: str) -> Iterator[str]:
    for place, (inner, one) in enumerate(zip(bound, value, strict=False)):
        yield from faults(inner, one, document, f"{at}[{place}]")


def _said(holds: Any) -> Any:
    def judge(bound: Any, value: Any, schema: Any, document: dict[str, Any], at: str) -> Iterator[str]:
        if not holds(bound, value):
            yield f"{at}: {value!r} against {bound!r}"

    return judge


_JUDGES: dict[str, Any] = {
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "prefixItems": _prefix,
    "required": _said(lambda names, value: set(names) <= set(value)),
    "enum": _said(lambda allowed, value: value in allowed),
    "const": _said(lambda allowed, value: value == allowed),
    "minLength": _said(lambda bound, value: len(value) >= bound),
    "maxLength": _said(lambda bound, value: len(value) <= bound),
    "minItems": _said(lambda bound, value: len(value) >= bound),
    "maxItems": _said(lambda bound, value: len(value) <= bound),
    "maxProperties": _said(lambda bound, value: len(value) <= bound),
    "propertyNames": lambda bound, value, schema, document, at: (
        one for name in value for one in faults(bound, name, document, f"{at} key")
    ),
    "minimum": _said(lambda bound, value: not math.isnan(value) and value >= bound),
    "exclusiveMinimum": _said(lambda bound, value: not math.isnan(value) and value > bound),
    "maximum": _said(lambda bound, value: not math.isnan(value) and value <= bound),
    "pattern": _said(lambda bound, value: re.search(bound, value) is not None),
}
