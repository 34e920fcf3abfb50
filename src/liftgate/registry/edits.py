"""One value of models.yaml changed in its text: every comment and every other byte stays as it was. Pure.

The value is found by the marks of the YAML parser, and the result is parsed again: it differs from what was read in
exactly the intended values, or the edit is refused with a sentence.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any, Final

import yaml

from liftgate.config import json_path, parse_yaml
from liftgate.digests import canonical
from liftgate.errors import InputError, LiftgateError
from liftgate.registry.models import Alias, Models
from liftgate.registry.proposal import scalar

_BY_HAND: Final = "edit the file by hand, one key a line"


def with_dials(text: str, alias: str, percents: Mapping[str, int], *, path: str = "models.yaml") -> str:
    """The registry's text with another `rollout_percent` of variants of an alias. Raises `InputError`."""
    document = parse_yaml(text, path)
    expected = copy.deepcopy(document.data)
    keys = [("models", alias, "variants", name, "rollout_percent") for name in percents]
    spans = []
    for key, percent in zip(keys, percents.values(), strict=True):
        spans.append((*_span(text, key, path), str(percent)))
        _entry(expected, key[:-1])["rollout_percent"] = percent
    made = text
    for start, end, value in sorted(spans, reverse=True):
        made = made[:start] + value + made[end:]
    _hold(made, expected, path, f"{path}:{document.line(keys[0])}: this value cannot be changed by a tool")
    return made


def with_entry_of(text: str, models: Models, old: Alias, *, path: str = "models.yaml") -> str:
    """The registry's text with the entry of an alias as it was in `old`, byte for byte. Raises `InputError`.

    `models` is the registry that `text` holds.
    """
    now = models.aliases[old.name]
    if text.count(now.source) != 1:
        place = f"{path}:{models.document.line(('models', old.name))}"
        raise InputError(f"{place}: the entry of {old.name} shares its lines with others", hint=_BY_HAND)
    lines = old.source.replace("\r\n", "\n")
    made = text.replace(now.source, lines.replace("\n", "\r\n") if "\r\n" in text else lines)
    expected = {**models.document.data, "models": {**models.document.data["models"], old.name: old.entry}}
    _hold(made, expected, path, f"{path}: the entry of {old.name} cannot be put back by a tool")
    return made


def with_papers(
    text: str,
    alias: str,
    variant: str,
    papers: Mapping[str, Mapping[str, Any]],
    *,
    path: str = "models.yaml",
) -> str:
    """The registry's text with these papers of a variant, such as `load_report`, one line each. Raises `InputError`.

    A new one is put before `rollout_percent`; one that is there is written anew where it stands.
    """
    made = text
    key = ("models", alias, "variants", variant)
    for name, paper in papers.items():
        document = parse_yaml(made, path)
        expected = copy.deepcopy(document.data)
        entry = _entry(expected, key)
        old, entry[name] = entry.get(name), dict(paper)
        refusal = f"{path}:{document.line((*key, name))}: `{name}` cannot be written by a tool"
        made = _paper(made, (*key, name), old, paper, path)
        _hold(made, expected, path, refusal)
    return made


def _paper(text: str, key: tuple[str, ...], old: Any, paper: Mapping[str, Any], path: str) -> str:
    written = ", ".join(f"{name}: {scalar(value)}" for name, value in paper.items())
    if old is None:
        start = _name_mark(text, (*key[:-1], "rollout_percent"), path)
        before = text[text.rfind("\n", 0, start) + 1 : start]
        # In a flow mapping the next key stands on the same line.
        line_end = "\r\n" if "\r\n" in text else "\n"
        end = ", " if before.strip() else f"{line_end}{before}"
        return f"{text[:start]}{key[-1]}: {{{written}}}{end}{text[start:]}"
    made = text
    node = _node(text, key, path)
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        return f"{text[: node.start_mark.index]}{{{written}}}{text[node.end_mark.index :]}"
    spans = [(*_span(text, (*key, name), path), scalar(value)) for name, value in paper.items()]
    for start, stop, value in sorted(spans, reverse=True):
        made = made[:start] + value + made[stop:]
    return made


def changed_lines(before: str, after: str) -> tuple[int, int]:
    """How many lines an edit takes out and puts in."""
    told = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return sum(line.startswith("- ") for line in told), sum(line.startswith("+ ") for line in told)


def _span(text: str, key: tuple[str, ...], path: str) -> tuple[int, int]:
    node = _node(text, key, path)
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{path}: there is no {json_path(key)}", hint=_BY_HAND)
    return node.start_mark.index, node.end_mark.index


def _node(text: str, key: tuple[str, ...], path: str) -> yaml.Node:
    return _pair(text, key, path)[1]


def _name_mark(text: str, key: tuple[str, ...], path: str) -> int:
    """Where the name of a key begins."""
    return int(_pair(text, key, path)[0].start_mark.index)


def _pair(text: str, key: tuple[str, ...], path: str) -> tuple[yaml.Node, yaml.Node]:
    # The parser in Python, not that of libyaml: its marks count characters of the text as it is.
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    pair = None
    for step in key:
        values = node.value if isinstance(node, yaml.MappingNode) else ()
        pair = next(((name, value) for name, value in values if name.value == step), None)
        node = pair[1] if pair else None
    if pair is None:
        raise InputError(f"{path}: there is no {json_path(key)}", hint=_BY_HAND)
    return pair


def _entry(data: Any, key: tuple[str, ...]) -> dict[str, Any]:
    for step in key:
        data = data[step]
    found: dict[str, Any] = data
    return found


def _hold(made: str, expected: Any, path: str, refusal: str) -> None:
    try:
        # In canonical JSON, because to Python 1, 1.0 and True are one.
        holds = canonical(parse_yaml(made, path).data) == canonical(expected)
    except LiftgateError:
        holds = False
    if not holds:
        raise InputError(refusal, hint=_BY_HAND)
