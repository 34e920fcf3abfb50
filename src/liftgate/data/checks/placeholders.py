"""Placeholders: what stands in place of personal data must look the same in training and in evaluation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import orjson

from liftgate.data.checks.context import Context
from liftgate.data.checks.privacy import CANDIDATE, confirmed
from liftgate.data.dataset import Row
from liftgate.data.scan import matches
from liftgate.findings import Finding

_WORDS: Final = {
    "EMAIL": "e-?mail(?:_address)?",
    "PHONE": "(?:tele)?phone(?:_number)?",
    "CARD": "(?:credit_)?card(?:_number)?",
    "IBAN": "iban(?:_code)?",
    "NATIONAL_ID": "national_id|ssn",
    "IP": "ip(?:_address)?",
    "SECRET": "secret|password|api_key",
    "NAME": "(?:first_|last_|full_|customer_)?name|person",
    "ADDRESS": "(?:street_)?address",
}
_WORD: Final = "|".join(f"(?P<{kind}>{words})" for kind, words in _WORDS.items())
# In angle and single curly brackets only capitals count: the others are tags and format strings.
_PLACEHOLDER: Final = re.compile(
    rf"(?P<open><|\[\[?|\{{\{{?) ?(?P<word>(?i:{_WORD}))(?P<number>[ _-]?\d+)? ?(?:>|\]\]?(?!\()|\}}\}}?)"
)
_SCRUBBED: Final = re.compile(r"<[A-Z]+(?:_[A-Z]+)?_\d+>")
_CLOSING: Final = {"<": ">", "[": "]", "[[": "]]", "{": "}", "{{": "}}"}
_RAW: Final = {
    "an e-mail address": "EMAIL",
    "a card number": "CARD",
    "an IBAN": "IBAN",
    "a national id": "NATIONAL_ID",
    "an IP address": "IP",
}


class _Form(NamedTuple):
    """A kind of value and how its placeholder is written, as a general form that no row's text enters."""

    kind: str
    shape: str


def inconsistent_placeholder(context: Context) -> Iterator[Finding]:
    """Training rows write a placeholder in one form, the cases or the other half of the split in another.

    `<EMAIL_1>`, `[EMAIL]` and `{{email}}` are three forms; so is the address itself where rows were scrubbed
    and cases were not. Also named: rows in a rarer form than the file's own, and answers with a scrubber's
    placeholder that nothing before them holds (warnings).
    Why: the model is trained on one language and asked in another, and a placeholder out of nowhere is invented.
    Fix: scrub rows and cases with one `liftgate data scrub --mapping` file.
    """
    forms = _forms_of_rows(context)
    usual = {
        kind: max(sorted(shapes), key=lambda shape: len(shapes[shape])) for kind, shapes in forms.items()
    }
    for kind, shapes in forms.items():
        for shape, indices in shapes.items():
            if shape != usual[kind]:
                for index in indices:
                    message = f"holds {shape} where the file's other rows hold {usual[kind]}"
                    yield context.finding("inconsistent-placeholder", message, context.rows[index], warn=True)
    if forms:
        for form, place in _foreign(context, forms):
            row = context.rows[forms[form.kind][usual[form.kind]][0]]
            message = f"rows hold {usual[form.kind]}, but {form.shape} stands at {place}"
            yield context.finding("inconsistent-placeholder", message, row)
    for row in context.rows:
        last = row.messages[-1]
        content = last.get("content")
        if (type(content) is not str or "<" in content or "tool_calls" in last) and _invents(row):
            message = "the answer holds a placeholder that stands nowhere before it"
            yield context.finding("inconsistent-placeholder", message, row, warn=True)


def _forms_of_rows(context: Context) -> dict[str, dict[str, list[int]]]:
    """Kind → shape → indices of rows."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, prompt in enumerate(context.prompts):
        if "<" in prompt or "[" in prompt or "{" in prompt:
            for form in _forms(prompt):
                found[form.kind][form.shape].append(index)
    return found


def _foreign(context: Context, forms: dict[str, dict[str, list[int]]]) -> Iterator[tuple[_Form, str]]:
    """Forms of the cases and of the sibling that the rows never show, each once, with its first place."""
    told: set[_Form] = set()
    for form, place in (*_forms_of_cases(context), *_forms_of_sibling(context)):
        if form.kind in forms and form.shape not in forms[form.kind] and form not in told:
            told.add(form)
            yield form, place


def _forms_of_cases(context: Context) -> Iterator[tuple[_Form, str]]:
    for cases, case in context.asked_cases:
        place = f"{cases.path}:{case.line}"
        yield from ((form, place) for form in _forms(case.prompt))
        asked = Row(case.line, {"messages": list(case.messages)})
        for match in matches([asked], CANDIDATE):
            for part in confirmed(match):
                if part.kind in _RAW:
                    yield _Form(_RAW[part.kind], part.kind), place


def _forms_of_sibling(context: Context) -> Iterator[tuple[_Form, str]]:
    if context.sibling is None:
        return
    for row in context.sibling.rows:
        prompt = row.prompt
        if "<" in prompt or "[" in prompt or "{" in prompt:
            yield from ((form, f"{context.sibling.path}:{row.line}") for form in _forms(prompt))


def _forms(text: str) -> Iterable[_Form]:
    counted: Counter[_Form] = Counter()
    for found in _PLACEHOLDER.finditer(text):
        word, opening = found["word"], found["open"]
        if opening in {"<", "{"} and not word.isupper():
            continue
        kind = next(kind for kind in _WORDS if found[kind] is not None)
        shown = kind if word.isupper() else kind.lower()
        number = "_1" if found["number"] else ""
        counted[_Form(kind, f"{opening}{shown}{number}{_CLOSING[opening]}")] += 1
    return counted


def _invents(row: Row) -> bool:
    named = set(_SCRUBBED.findall(orjson.dumps(row.messages[-1]).decode()))
    before = orjson.dumps(list(row.messages[:-1])).decode() if named else ""
    return row.messages[-1]["role"] == "assistant" and any(each not in before for each in named)
