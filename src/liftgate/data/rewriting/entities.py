"""What in a question could as well be another: ids, amounts, dates, names, cities, addresses, numbers.

Every kind has its finder here and its replacement in `stand_ins`. What is not understood for sure is no entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from liftgate.data.rewriting.spans import spans

_ID_WORDS: Final = (
    r"order|orders|ticket|invoice|tracking|parcel|shipment|reference|ref|case|booking|customer|account|contract|policy"
    r"|bestellung|bestellnummer|auftrag|rechnung|sendung|kunde|kundennummer|vertrag|pedido|factura|envío|cliente"
    r"|commande|facture|colis|client|nr|no|number|nummer|número|numéro"
)
_MARKED_ID: Final = re.compile(r"(?<![\w.-])[A-Z]{2,5}-\d{4,}(?:-\d+)*(?![\w-])")
_NAMED_ID: Final = re.compile(
    rf"(?i)\b(?:{_ID_WORDS})\b[ .:#]{{0,3}}(?:(?:id|nr|no|number|nummer|número|is|ist)\b[ .:#]{{0,3}})?"
    r"(?P<id>[A-Z]{0,4}\d{4,14})(?![\w-]|[.,]\d)|#(?P<hash>\d{4,14})(?![\w-])"
)
_NUMBER: Final = r"(?:\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{2})?)"
_AMOUNT: Final = re.compile(
    rf"[€$£] ?(?P<a>{_NUMBER})(?![\d.,]*\d)"
    rf"|(?<![\d.,])(?P<b>{_NUMBER}) ?(?:[€$£]|(?:EUR|USD|GBP|euros?|dollars?|pounds?)\b)",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"(?<![\w.-])(?:(\d{4})-(\d\d)-(\d\d)|(\d{1,2})\.(\d{1,2})\.(\d{4}))(?![\w-]|\.\d)")
_MONTHS: Final = (
    "january|february|march|april|june|july|august|september|october|november|december"
    "|januar|februar|märz|mai|juni|juli|oktober|dezember"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre"
)
OTHER_DATE: Final = re.compile(
    rf"(?i)\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b\d{{1,2}}\.\d{{1,2}}\.(?!\d)|\b(?:{_MONTHS})\b"
)
"""Dates in forms that are not swapped, where a swapped one may hide."""

NAMES: Final = {
    "en": (
        ("Emma", "Olivia", "Sarah", "Emily", "Hannah", "Laura", "Julia", "Alice", "Lucy", "Megan"),
        ("James", "Oliver", "Thomas", "Daniel", "Michael", "Peter", "Andrew", "Henry", "Simon", "Robert"),
    ),
    "de": (
        ("Anna", "Sabine", "Petra", "Katrin", "Monika", "Heike", "Birgit", "Claudia", "Laura", "Julia"),
        ("Stefan", "Jürgen", "Klaus", "Uwe", "Matthias", "Dieter", "Florian", "Lukas", "Thomas", "Peter"),
    ),
    "es": (
        ("María", "Carmen", "Lucía", "Elena", "Isabel", "Marta", "Paula", "Raquel"),
        ("Javier", "Carlos", "Miguel", "Pablo", "Diego", "Sergio", "Alejandro", "Fernando"),
    ),
    "fr": (
        ("Sophie", "Chloé", "Juliette", "Manon", "Nathalie", "Céline", "Aurélie"),
        ("Pierre", "Julien", "Nicolas", "Antoine", "Mathieu", "Laurent", "Philippe"),
    ),
}
"""Language → (women's, men's) first names, so that the words around a name go on agreeing with it."""

CITIES: Final = (
    ("Berlin", "Hamburg", "München", "Köln", "Stuttgart", "Leipzig", "Dresden", "Bremen", "Hannover"),
    ("London", "Manchester", "Leeds", "Bristol", "Liverpool", "Sheffield", "Glasgow"),
    ("Chicago", "Boston", "Seattle", "Denver", "Houston", "Atlanta"),
    ("Madrid", "Barcelona", "Valencia", "Sevilla", "Málaga", "Bilbao"),
    ("Paris", "Lyon", "Marseille", "Toulouse", "Nantes", "Bordeaux"),
)
"""Cities of one country a group, so that what is said of the country stays true."""

_CITY: Final = re.compile(
    rf"(?<![\w-])(?<!\d )(?:{'|'.join(city for group in CITIES for city in group)})(?![\w-]| \d{{4,5}}\b)"
)


class Entity(NamedTuple):
    """A value as it is spelled in the question."""

    kind: str
    text: str


def entities(text: str, locale: str) -> list[Entity]:
    """The entities of a text, each spelling once. Personal data comes under the kinds that scrubbing knows."""
    kept: list[tuple[int, int, Entity]] = []
    for start, end, kind in _found(text, locale):
        if start < end and all(end <= s or start >= e for s, e, _ in kept):
            kept.append((start, end, Entity(kind, text[start:end])))
    return list(dict.fromkeys(entity for _, _, entity in sorted(kept)))


def day_of(text: str) -> date | None:
    """The day that a date in one of the swapped forms names."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    parts = found.group(1, 2, 3) if found.group(1) else found.group(6, 5, 4)
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def dates_in(text: str) -> list[str]:
    """Every date in a form that `day_of` reads."""
    return [found.group() for found in _DATE.finditer(text) if day_of(found.group())]


def _found(text: str, locale: str) -> Iterator[tuple[int, int, str]]:
    for found in _DATE.finditer(text):
        if day_of(found.group()):
            yield (*found.span(), "DATE")
    for span in spans(text, '"'):
        if span.kind:
            yield span.start, span.end, span.kind
    for found in _AMOUNT.finditer(text):
        yield (*found.span("a" if found["a"] else "b"), "AMOUNT")
    for found in _MARKED_ID.finditer(text):
        yield (*found.span(), "ID")
    for found in _NAMED_ID.finditer(text):
        yield (*found.span("id" if found["id"] else "hash"), "ID")
    for found in _CITY.finditer(text):
        yield (*found.span(), "CITY")
    names = "|".join(name for group in NAMES.get(locale[:2], NAMES["en"]) for name in group)
    for found in re.finditer(rf"(?<![\w-])(?:{names})(?![\w-])", text):
        yield (*found.span(), "NAME")
