"""Write docs/policy.md: every key of evals/policy.yaml, its default by the code, what it does and what rests on it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from liftgate.policy import Policy

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "src" / "liftgate" / "schemas" / "policy.schema.json"
TARGET = ROOT / "docs" / "policy.md"
_INTRO = """\
Generated from `src/liftgate/schemas/policy.schema.json` and `src/liftgate/policy.py` by `make docs`; `make check` holds
them together. Every key may be left out; its default is the code's. Ratios and shares are 0 to 1, money is US dollars.

The policy is part of the ruler: a pull request is judged by the policy of its base, and one that changes the policy
together with data or models is blocked. Before a change lands, try it on answers that are there, with no model asked:

```
liftgate gate --run .liftgate/support-intent --policy evals/policy.yaml
```

A verdict is bound to the policy that it was made by. `report`, `rollout`, `watch` and `modes`, `label` and `approvers`
of `approval` are left out of that, so a change of them keeps old verdicts; after any other change data are judged anew.

A policy that contradicts itself is refused with every line at once: a `block_ratio` below `accept_ratio`, rollout steps
that do not rise from 0 to 100, a number of safety runs that can never reach its level, and so on."""


def document() -> str:
    """The whole page. Exits with the keys that nobody has explained, or whose defaults differ."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    policy = Policy()
    top = [name for name, said in schema["properties"].items() if "properties" not in said]
    lines = ["# The policy", "", _INTRO, "", "## At the top", "", *_table(schema, policy, top)]
    silent = [name for name in top if not schema["properties"][name].get("description")]
    for name, said in schema["properties"].items():
        if "properties" not in said:
            continue
        silent += [
            f"{name}.{key}" for key, inner in said["properties"].items() if not inner.get("description")
        ]
        group = getattr(policy, name)
        lines += ["", f"## {name}", "", said.get("description") or _first(type(group)), ""]
        lines += _table(said, group, list(said["properties"]))
    if silent or (odd := list(_differing(schema, policy.to_dict()))):
        sys.exit(f"policy.schema.json: no description of {silent}" if silent else f"defaults differ: {odd}")
    return "\n".join(lines) + "\n"


def _table(said: Mapping[str, Any], values: Any, names: list[str]) -> list[str]:
    rows = ["| key | default | takes | what it does |", "|---|---|---|---|"]
    for name in names:
        one = said["properties"][name]
        meaning = str(one.get("description", "")).replace("|", "\\|")
        rows.append(f"| `{name}` | {_default(values, name)} | {_takes(one)} | {meaning} |")
    return rows


def _default(values: Any, name: str) -> str:
    whole = Policy().to_dict()
    value = whole[name] if isinstance(values, Policy) else whole[_group_of(values)][name]
    return "none" if value is None or value == {} else f"`{json.dumps(value)}`"


def _group_of(values: Any) -> str:
    policy = Policy()
    return next(each.name for each in fields(policy) if type(getattr(policy, each.name)) is type(values))


def _takes(said: Mapping[str, Any]) -> str:
    if "const" in said:
        return f"`{said['const']}`"
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    if "oneOf" in said:
        return " or ".join(_takes(form) for form in said["oneOf"])
    kinds = said["type"] if isinstance(said["type"], list) else [said["type"]]
    return " or ".join(f"{kind}{_range(said) if kind in ('number', 'integer') else ''}" for kind in kinds)


def _range(said: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {said[key]:g}" for key, sign in signs.items() if key in said)


def _differing(schema: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, said in schema["properties"].items():
        if "properties" in said:
            yield from _differing(said, values[name], f"{name}.")
        elif "default" in said and said["default"] != values[name]:
            yield f"{prefix}{name}"


def _first(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    text = document()
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text("utf-8") == text else "docs/policy.md is out of step: run make docs")
    TARGET.write_text(text, "utf-8")
