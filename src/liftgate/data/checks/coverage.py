"""Coverage: fields never left empty, tools never left alone. What no row shows, no model learns."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.data.answers import json_of, tool_names, trained_messages
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.text import shown
from liftgate.data.volume import LEAST
from liftgate.findings import Finding

_NAMED: Final = 5
_EXPECTED: Final = 5  # by chance alone, this many rows are missing in all once in 150


def field_coverage(context: Context) -> Iterator[Finding]:
    """In extraction, an optional field is never empty, always empty, or two are never empty together.

    Looks at the keys of the JSON answers; a field is empty when it is null or left out. Which fields are
    optional is said by the suite's `json_schema`, else by the rows themselves: without a schema it is told when
    no answer leaves any field empty. Two fields count as never empty together when that would have been expected
    in five rows or more and happens in none.
    Why: a model that never saw an empty field invents a value for it.
    Fix: add rows in which the source does not say it, alone and together with the other gaps.
    """
    if context.task != "extraction" or context.is_validation:
        return
    answers = [found for row in context.rows if isinstance(found := json_of(row.answer), dict)]
    if len(answers) < LEAST:
        return
    of_schema = _optional(context.answer_schema)
    seen = dict.fromkeys(name for answer in answers for name in answer)
    fields = [*dict.fromkeys((*seen, *of_schema))]
    empty = [sum(1 << at for at, name in enumerate(fields) if a.get(name) is None) for a in answers]
    gaps = {name: sum(row >> at & 1 for row in empty) for at, name in enumerate(fields)}
    count = len(answers)
    if filled := [name for name in of_schema if gaps[name] == 0]:
        message = f"never empty in {count} answers though optional: {_listed(filled)}"
        yield context.finding("field-coverage", message, warn=True)
    elif not of_schema and not any(gaps.values()):
        message = f"none of {count} answers leaves a field empty, so the model never learns to"
        yield context.finding("field-coverage", message, warn=True)
    if unused := [name for name in fields if gaps[name] == count]:
        message = f"empty in all of {count} answers: {_listed(unused)}"
        yield context.finding("field-coverage", message, warn=True)
    if apart := list(_never_together(fields, empty, gaps)):
        message = f"never empty together in {count} answers: {_listed(apart)}"
        yield context.finding("field-coverage", message, warn=True)


def no_abstention(context: Context) -> Iterator[Finding]:
    """Rows offer tools, and the model calls one whenever it may: none shows a plain answer instead.

    A message that reports a tool's result is no such answer, since the call came before it.
    Why: the tuned model calls a tool for "hello" and for what it should refuse or ask back.
    Fix: add rows with the same tools whose right answer is words.
    """
    if context.is_validation:
        return
    calls = Counter(bool(message.get("tool_calls")) for row in context.with_tools for message in _turns(row))
    if calls[True] >= LEAST and not calls[False]:
        message = f"all {calls[True]} turns that may call a tool do; none answers in words"
        yield context.finding("no-abstention", message, warn=True)


def uncalled_tool(context: Context) -> Iterator[Finding]:
    """A tool is offered in ten rows or more, and no row calls it.

    Why: the model learns that the tool is never the answer, while its definition is paid for in every row.
    Fix: add rows that call it, or take the tool out.
    """
    if context.is_validation:
        return
    offered = Counter(name for row in context.with_tools for tool in row.tools for name in _defined(tool))
    called = {
        name
        for row in context.with_tools
        for message in trained_messages(row)
        for name in tool_names(message)
    }
    never = [name for name, count in offered.items() if count >= LEAST and name not in called]
    if never:
        message = f"never called by any row: {_listed(never)} ({len(never)} of {len(offered)} tools)"
        yield context.finding("uncalled-tool", message, warn=True)


def _defined(tool: Mapping[str, Any]) -> Iterator[str]:
    function = tool.get("function")
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        yield function["name"]


def _turns(row: Row) -> Iterator[Mapping[str, Any]]:
    """Trained assistant messages that may call a tool or not: those that do not follow a tool's result."""
    trained = list(map(id, trained_messages(row)))
    for before, message in itertools.pairwise([{"role": "user"}, *row.messages]):
        if id(message) in trained and before["role"] != "tool":
            yield message


def _optional(schema: Mapping[str, Any] | None) -> Sequence[str]:
    """Properties of a JSON Schema that may be left out or null."""
    found = (schema or {}).get("properties")
    properties: Mapping[str, Any] = found if isinstance(found, dict) else {}
    required = (schema or {}).get("required") or ()
    return [name for name, about in properties.items() if name not in required or _nullable(about)]


def _nullable(about: Any) -> bool:
    if not isinstance(about, dict):
        return False
    forms = [*(about.get("anyOf") or ()), *(about.get("oneOf") or ())]
    types = about.get("type")
    listed = types if isinstance(types, list) else [types]
    return "null" in listed or None in (about.get("enum") or ()) or any(map(_nullable, forms))


def _never_together(fields: Sequence[str], empty: Sequence[int], gaps: Mapping[str, int]) -> Iterator[str]:
    total = len(empty)
    some = [(at, name) for at, name in enumerate(fields) if 0 < gaps[name] < total]
    for (one, first), (other, second) in itertools.combinations(some, 2):
        if gaps[first] * gaps[second] < _EXPECTED * total:
            continue
        if not any(row >> one & row >> other & 1 for row in empty):
            yield f"{_name(first)} with {_name(second)}"


def _listed(names: Iterable[str]) -> str:
    all_names = [name if "'" in name else _name(name) for name in names]
    more = f" and {len(all_names) - _NAMED} more" if len(all_names) > _NAMED else ""
    return ", ".join(all_names[:_NAMED]) + more


def _name(name: str) -> str:
    return shown(name, "one with a long name")
