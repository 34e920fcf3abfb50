"""A document that a person or a step wrote, held against its JSON Schema: all problems at once, with lines.

YAML is read without anchors and aliases (an alias can unfold a small file into gigabytes) and without
duplicate keys (the last one would win silently).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from liftgate.errors import InputError, Problem

SCHEMA_DIR = Path(__file__).parent / "schemas"
MAX_DOCUMENT_BYTES = 5_000_000
MAX_DEPTH = 40
_MOST_BITS = 4_096
_UNREADABLE = ("a value that cannot be read",)

Key = tuple[str | int, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """Parsed data and the 1-based line of every key and item in it."""

    path: str
    data: Any
    lines: Mapping[Key, int] = field(default_factory=dict)

    def line(self, key: Key) -> int:
        """Line of the nearest enclosing node whose place is known."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def place(self, key: Key) -> str:
        """`path:line $.a.b[0]`."""
        return f"{self.path}:{self.line(key)} {json_path(key)}"


def json_path(key: Key) -> str:
    """JSONPath-like form of a key: `$.models['support-intent'].variants[0]`."""
    parts = ["$"]
    for step in key:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
            parts.append(f".{step}")
        else:
            parts.append(f"[{step!r}]")
    return "".join(parts)


@cache
def schema(name: str) -> Mapping[str, Any]:
    """The JSON Schema called `name`, from the package."""
    loaded: Mapping[str, Any] = json.loads((SCHEMA_DIR / f"{name}.schema.json").read_text("utf-8"))
    return loaded


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean 'default'?`, or an empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def parse_yaml(text: str | bytes, path: str) -> Document:
    """Parse one YAML (or JSON) document. Raises `InputError` with the line of every problem found."""
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise InputError(
            f"{path} is larger than {MAX_DOCUMENT_BYTES:,} bytes", hint="this is not a configuration file"
        )
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from None
    lines: dict[Key, int] = {}
    problems: list[Problem] = []
    try:
        data = _build(
            yaml.compose(_without_aliases(decoded, path), Loader=_Loader), (), lines, problems, path
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else path
        raise InputError(f"{where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply to be a configuration file") from None
    if problems:
        raise InputError(headline_of(path, len(problems)), problems=problems)
    if data is None:
        raise InputError(f"{path}: the file is empty", hint="see docs/files.md for its form")
    return Document(path, data, lines)


def check(document: Document, schema_name: str) -> list[Problem]:
    """Every way in which the document departs from its schema."""
    return departures(document, schema(schema_name))


def departures(document: Document, form: Mapping[str, Any]) -> list[Problem]:
    """Every way in which the document departs from this schema."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(form)
    errors = sorted(validator.iter_errors(document.data), key=lambda e: list(map(str, e.absolute_path)))
    return [problem for error in errors for problem in _problems(error, document)]


def load(text: str | bytes, path: str, schema_name: str) -> Document:
    """Parse and check; raises one `InputError` that carries every problem."""
    document = parse_yaml(text, path)
    problems = check(document, schema_name)
    if problems:
        raise InputError(headline_of(path, len(problems)), problems=problems)
    return document


def headline_of(path: str, count: int) -> str:
    """`evals/policy.yaml has 2 problems`."""
    return f"{path} has {count} problem{'s' if count != 1 else ''}"


def _without_aliases(text: str, path: str) -> str:
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InputError(
                f"{path}:{line}: YAML anchors and aliases are not supported", hint="write the value out"
            )
    return text


def _build(node: Any, key: Key, lines: dict[Key, int], problems: list[Problem], path: str) -> Any:
    if node is None:
        return None
    lines.setdefault(key, node.start_mark.line + 1)
    if len(key) > MAX_DEPTH:
        raise RecursionError
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = _scalar(key_node)
            line = key_node.start_mark.line + 1
            if not isinstance(name, str):
                problems.append(
                    Problem(f"{path}:{line} {json_path(key)}", f"the key {name!r} is not text; quote it")
                )
                continue
            if name in built:
                problems.append(
                    Problem(f"{path}:{line} {json_path(key)}", f"the key {name!r} stands here twice")
                )
                continue
            lines[(*key, name)] = line
            built[name] = _build(value_node, (*key, name), lines, problems, path)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*key, i), lines, problems, path) for i, item in enumerate(node.value)]
    value = _scalar(node)
    if value is _UNREADABLE:
        place = f"{path}:{node.start_mark.line + 1} {json_path(key)}"
        problems.append(Problem(place, "is not a value that can be read"))
    return value


def _scalar(node: Any) -> Any:
    # Dates stay text: JSON Schema has no date type and our formats are RFC 3339 strings.
    if not isinstance(node, yaml.ScalarNode):
        return repr(node.tag)
    if node.tag in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:str"}:
        return node.value
    # As in YAML 1.2: `off` is a severity and `no` a language, neither is false.
    if node.tag == "tag:yaml.org,2002:bool" and node.value.lower() not in {"true", "false"}:
        return node.value
    constructor = yaml.SafeLoader("")
    try:
        value = constructor.construct_object(node)
        # A whole number of thousands of digits can be made, and then not be written into a message.
        return _UNREADABLE if isinstance(value, int) and value.bit_length() > _MOST_BITS else value
    except (ValueError, ArithmeticError, LookupError):
        return _UNREADABLE
    finally:
        constructor.dispose()


def _problems(error: Any, document: Document) -> Iterator[Problem]:
    key: Key = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        patterns = list(error.schema.get("patternProperties", {}))
        for name in error.instance:
            if name not in known and not any(re.search(p, name) for p in patterns):
                suggestion = did_you_mean(name, known)
                yield Problem(document.place((*key, name)), f"{name!r} is not a key here{suggestion}")
        return
    if error.validator == "enum" and isinstance(error.instance, str):
        allowed = [str(value) for value in error.validator_value]
        message = (
            f"{error.instance!r} is not one of {', '.join(allowed)}{did_you_mean(error.instance, allowed)}"
        )
        yield Problem(document.place(key), message)
        return
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        if missing and missing[0] in error.message:
            first = next(name for name in missing if f"'{name}'" in error.message)
            yield Problem(document.place(key), f"the key {first!r} is missing")
            return
    if error.validator in {"oneOf", "anyOf"} and error.schema.get("description"):
        yield Problem(document.place(key), f"expected {error.schema['description']}")
        return
    yield Problem(document.place(key), _sentence(error))


def _sentence(error: Any) -> str:
    shown = json.dumps(error.instance, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    match error.validator:
        case "type":
            expected = error.validator_value
            names = expected if isinstance(expected, str) else " or ".join(expected)
            return f"expected {names}, found {shown}"
        case "const":
            return f"expected {json.dumps(error.validator_value)}, found {shown}"
        case "pattern":
            return (
                f"{shown} does not have the form {error.schema.get('description') or error.validator_value}"
            )
        case "not" if error.schema.get("description"):
            return f"{shown} is refused here: {error.schema['description']}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            word = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
            return f"{shown} must be {word.get(error.validator, 'less than')} {error.validator_value}"
        case "minItems" | "minLength" | "minProperties":
            return (
                "must not be empty"
                if error.validator_value == 1
                else f"needs at least {error.validator_value}"
            )
        case "maxItems" | "maxLength" | "maxProperties":
            unit = {"maxItems": "items", "maxLength": "characters"}.get(error.validator, "keys")
            return f"has {len(error.instance):,} {unit}, at most {error.validator_value:,} are read"
        case _:
            message: str = error.message
            return message if len(message) <= 200 else message[:197] + "..."
