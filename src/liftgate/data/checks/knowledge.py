"""Knowledge: answers that teach facts which will have changed before the model is retired."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from liftgate.data.answers import trained_messages
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Message, Row, text_of
from liftgate.data.scan import matches
from liftgate.data.volume import LEAST
from liftgate.findings import Finding
from liftgate.policy import more_than

_LOOKED_AT: Final = 5_000
_NAMED: Final = 3
_CIRCLE: Final = 1 << 32
_GOLDEN_STEP: Final = 0x9E3779B1
_MONTH: Final = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|januar|februar|märz|mai|juni|juli|oktober|dezember)"
)
_YEAR: Final = r"(?:19|20)[0-9][0-9]"
_AMOUNT: Final = r"[0-9][0-9.,]*"
_DATE: Final = "dates"
_PRICE: Final = "prices"
_KINDS: Final = {
    _DATE: rf"\b{_YEAR}-[0-9][0-9]-[0-9][0-9]\b"
    rf"|\b[0-9]{{1,2}}[./][0-9]{{1,2}}[./](?:19|20)?[0-9][0-9]\b"
    rf"|\b[0-9]{{1,2}}(?:\.|st|nd|rd|th)? (?:de |of )?{_MONTH}\b(?: (?:de |del )?{_YEAR}\b)?"
    rf"|\b{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?\b(?:, {_YEAR}\b)?"
    rf"|\b{_MONTH} (?:de |del )?{_YEAR}\b",
    _PRICE: rf"[$€£] ?{_AMOUNT}|\b{_AMOUNT} ?(?:[€£]|(?:eur|usd|gbp|dollars?|euros?|pounds?|dólares)\b)",
    "opening hours": r"\b[0-9]{1,2}(?::[0-9][0-9])? ?(?:am|pm|a\.m\.|p\.m\.)"
    r"|\b[0-9]{1,2}[:.][0-9][0-9] ?(?:-|–|to|until|bis|a|hasta) ?[0-9]{1,2}[:.][0-9][0-9]\b"
    r"|\b[0-9]{1,2}(?:[:.][0-9][0-9])? uhr\b|\b24/7\b",
    "numbers of policies, clauses or versions": r"(?:\b(?:policy|clause|section|article|version|cláusula|artículo"
    r"|sección|versión|póliza|klausel|abschnitt|artikel|richtlinie|paragraph)"
    r"|§) ?(?:no\. ?|number |nr\. ?|núm\. ?)?[a-z]{0,4}-?[0-9][0-9a-z.\-]*|\bv[0-9]+\.[0-9][0-9.]*",
    "words such as 'currently'": r"\b(?:currently|as of|latest|this year|right now|at the moment|nowadays"
    r"|actualmente|a partir de|este año|hoy en día|derzeit|aktuell|momentan|zurzeit|dieses jahr|ab sofort)\b",
}
_CANDIDATE: Final = f"(?i){'|'.join(_KINDS.values())}"
_PATTERNS: Final = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}
_NUMBER: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)*")


def mutable_fact(context: Context) -> Iterator[Finding]:
    """More answers than the policy allows (`data.max_mutable_fact_share`) state facts that change.

    Counted are the answers that are trained on, when they name dates, prices, opening hours, numbers of
    policies, clauses or versions, or say "currently", "as of", "latest", "this year" (also in Spanish and
    German). A fact that the row's own prompt, context or tool result holds is copied, not known, and does not
    count; nor does a date or a price when the user or a tool names another one to reckon from. Of a long file
    about 5,000 rows, spread evenly, are looked at.
    Why: facts belong in retrieval: never fine-tune for knowledge alone. A price learnt by heart is wrong the day
    it changes, said with the same confidence, and cannot be deleted.
    Fix: put the fact into the prompt of the row, as retrieval will at run time, or leave the row out.
    """
    if context.is_validation or len(context.rows) < LEAST:
        return
    rows = _spread(context.rows)
    stated: dict[int, str] = {}
    for match in matches(rows, _CANDIDATE, _trained_text):
        if match.row.line in stated:
            continue
        kind = next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(match.text)), None)
        if kind and not _is_given(kind, match.text, match.row):
            stated[match.row.line] = kind
    if not more_than(len(stated), context.thresholds.max_mutable_fact_share, len(rows)):
        return
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in Counter(stated.values()).most_common())
    looked = " looked at" if len(rows) < len(context.rows) else ""
    lines = ", ".join(map(str, [*stated][:_NAMED]))
    message = (
        f"{len(stated):,} of {len(rows):,} answers{looked} ({len(stated) / len(rows):.0%}) state what changes and "
        f"is not in their prompt ({kinds}; first on lines {lines}): facts belong in retrieval, "
        "never fine-tune for knowledge alone"
    )
    yield context.finding("mutable-fact", message, warn=True)


def _spread(rows: Sequence[Row]) -> Sequence[Row]:
    # Steps of the golden ratio fall evenly and in time with no pattern of the file, such as two rows in turns.
    bound = _LOOKED_AT / len(rows) * _CIRCLE
    if bound >= _CIRCLE:
        return rows
    return [row for at, row in enumerate(rows) if at * _GOLDEN_STEP % _CIRCLE < bound]


def _trained_text(row: Row) -> bytes:
    said = [text_of(message) for message in trained_messages(row)]
    return "\n".join([*said, ""]).encode("utf-8", "replace")


def _is_given(kind: str, fact: str, row: Row) -> bool:
    trained = list(map(id, trained_messages(row)))
    given: list[Message] = [message for message in row.messages if id(message) not in trained]
    text = "\n".join(map(text_of, given))
    if fact.lower() in text.lower():
        return True
    if (numbers := _numbers(fact)) and numbers <= _numbers(text):
        return True
    told = "\n".join(text_of(m) for m in given if m["role"] in {"user", "tool"})
    return kind in {_DATE, _PRICE} and bool(_PATTERNS[kind].search(told))


def _numbers(text: str) -> set[float]:
    """The numbers of a text by value, whichever of comma and point parts the decimals."""
    found: set[float] = set()
    for number in _NUMBER.findall(text):
        whole, _, rest = number.replace(",", ".").rpartition(".")
        digits = whole.replace(".", "")
        found.add(float(f"{digits}.{rest}" if whole and len(rest) < 3 else f"{digits}{rest}"))
    return found
