"""Write docs/files.md from the schemas: every key a person can write, with type, default and meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "src" / "liftgate" / "schemas"
TARGET = ROOT / "docs" / "files.md"
WRITTEN_BY_PEOPLE = (
    "row",
    "case",
    "card",
    "suite",
    "prompt",
    "judge",
    "policy",
    "prices",
    "sunsets",
    "models",
    "decision",
    "waivers",
    "request-log",
)


def document() -> str:
    """The whole page."""
    lines = [
        "# Files people write",
        "",
        "Generated from `src/liftgate/schemas/` by `make docs`; a test holds the two together.",
    ]
    for name in WRITTEN_BY_PEOPLE:
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
        lines += ["", f"## {schema.get('title', name)}", "", schema.get("description", ""), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(cells)} |" for cells in _rows(schema, schema, "")]
    return "\n".join(lines) + "\n"


def _rows(
    schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str, depth: int = 0
) -> Iterator[list[str]]:
    if "properties" not in schema:
        for form in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            yield from _rows(_resolved(form, root), root, prefix, depth)
    required = set(schema.get("required", ()))
    named = {
        **schema.get("properties", {}),
        **{f"<{_key(p)}>": s for p, s in schema.get("patternProperties", {}).items()},
    }
    for key, raw in named.items():
        item = _resolved(raw, root)
        path = f"{prefix}{key}"
        default = "required" if key in required else _code(item["default"]) if "default" in item else ""
        meaning = item.get("description") or raw.get("description") or ""
        yield [f"`{path}`", _type(item), default, _cell(meaning)]
        if depth < 4:
            inner = _resolved(item.get("items", {}), root) if item.get("type") == "array" else item
            if isinstance(inner, dict) and (inner.get("properties") or inner.get("patternProperties")):
                yield from _rows(inner, root, f"{path}{'[]' if inner is not item else ''}.", depth + 1)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _key(pattern: str) -> str:
    return "name" if "a-z" in pattern else "key"


def _type(item: Mapping[str, Any]) -> str:
    if "enum" in item:
        return ", ".join(_code(value) for value in item["enum"])
    if "const" in item:
        return _code(item["const"])
    kind = item.get("type")
    if kind is None:
        return "one of several forms" if "oneOf" in item or "anyOf" in item else "any"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _code(value: Any) -> str:
    return "`" + json.dumps(value, ensure_ascii=False).replace("|", "\\|") + "`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    if "--check" in sys.argv:
        sys.exit(
            0 if TARGET.read_text("utf-8") == document() else "docs/files.md is out of step: run make docs"
        )
    TARGET.write_text(document(), "utf-8")
