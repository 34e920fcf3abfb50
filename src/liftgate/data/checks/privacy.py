"""Privacy: personal data in a training file. Patterns find candidates, check digits confirm them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.scan import Match, matches
from liftgate.findings import Finding

_EMAIL: Final = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
# "john [at] example (dot) com". Without brackets these are words that stand in any sentence.
_SPELLED: Final = (
    r"[A-Za-z0-9._%+\-]+ ?[\[({] ?(?i:at) ?[\])}] ?[A-Za-z0-9\-]+"
    r"(?:(?:\.| ?[\[({] ?(?i:dot) ?[\])}] ?)[A-Za-z0-9\-]+)*(?:\.| ?[\[({] ?(?i:dot) ?[\])}] ?)[A-Za-z]{2,}"
)
_IBAN: Final = r"\b[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]{4}){2,7}(?:[ \-]?[A-Za-z0-9]{1,3})?\b"
_NATIONAL: Final = (
    r"(?:^|[^0-9A-Za-z_])(?:[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]"
    r"|[XYZ]?[0-9]{7,8}-?[A-Z]|[A-Z]{2}[0-9]{6}[A-D])\b"
)
_IPV6: Final = r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
# Not behind a letter, digit or hyphen: most digits in a dataset are the tails of ids.
_NUMBER: Final = r"[^0-9A-Za-z_#.\-][+(]?[0-9](?:[ ()./\-]{0,2}[0-9]){6,22}"
CANDIDATE: Final = "|".join((_EMAIL, _SPELLED, _IBAN, _NATIONAL, _IPV6, _NUMBER))

_SPELLED_WHOLE: Final = re.compile(_SPELLED)
_CARD_IN_GROUPS: Final = re.compile(r"\d{4}([ ./-])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}")
_CARD: Final = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(0[0-5]|[689]\d)\d{11}|(6011|64[4-9]\d|65\d\d)\d{12,15}|35\d{14,17}|(2131|1800)\d{11}"
    r"|(5018|5020|5038|5[678]\d\d|6304|6759|676[1-3])\d{8,15}"
)
_SSN: Final = re.compile(r"\d{3}-\d{2}-\d{4}")
_DATE: Final = re.compile(r"(19|20)\d\d[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.](19|20)\d\d")
_PHONE: Final = re.compile(
    r"\+\d[\d ()./-]{6,}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
    r"|\(?0\d{1,4}\)?([ ./-]\d{2,4}){2,5}|\(\d{2,4}\) ?\d{3,4}[ -]\d{4}|0[1-9]\d{1,3}[-/]\d{6,8}"
)
_PHONE_WORDS: Final = re.compile(
    r"(?i)\b(phone|call|calls|called|tel|telephone|mobile|cell|fax|text(?!\")|texts|whatsapp|sms|reach|ring|dial"
    r"|messages? (?:to|on|at|from)|telefon|handy|rufnummer|mobil|teléfono|móvil|llamar|llámame|téléphone"
    r"|portable|appeler)\b"
)
_NAMED_NUMBER: Final = re.compile(
    r"(?i)\b(order|invoice|ticket|tracking|ref|reference|case|parcel|shipment|serial)\b[^.]*$"
)


def pii(context: Context) -> Iterator[Finding]:
    """A row holds personal data: e-mail address, card number, IBAN, national id, IP address or phone number.

    Check digits are verified, so an order number is not taken for a card. Phone numbers cannot be verified and
    are warnings. Full-width letters, invisible ones, odd spaces and dashes, "[at]" for "@" hide nothing; "john at
    example dot com" in plain words does. Names of people and street addresses cannot be found without a language
    model: review those.
    Why: a model repeats what it was trained on, and a training file is copied to providers and caches.
    Fix: `liftgate data scrub` puts consistent placeholders in their place.
    """
    found: dict[int, dict[str, Row]] = {}
    for match in matches(context.dataset.rows, CANDIDATE):
        for part in confirmed(match):
            found.setdefault(match.row.line, {})[part.kind] = match.row
    for kinds in found.values():
        certain = sorted(kind for kind in kinds if kind != PHONE)
        named = [*certain, PHONE] if PHONE in kinds else certain
        row = next(iter(kinds.values()))
        yield context.finding("pii", f"holds {' and '.join(named)}", row, warn=not certain)


PHONE: Final = "a phone number"
CARD: Final = "a card number"
_STAND_OUT: Final = frozenset({"an IBAN", "a national id", "an IP address"})
_LONG_CARD: Final = 15
_WORD: Final = re.compile(r"[^ ]*[0-9A-Za-z]")


class Part(NamedTuple):
    """A stretch of a candidate that is personal data."""

    kind: str
    start: int
    end: int


def confirmed(match: Match) -> Iterator[Part]:
    """What a candidate holds: itself as a rule, one or two of its words when it took neighbours along.

    Nothing when check digits or surroundings say that it only looks like personal data.
    """
    text = match.text
    first = 0 if "@" in text or text[0].isalnum() else 1
    yield from _parts(match, [(w.start(), w.end()) for w in _WORD.finditer(text, first)])


def _parts(match: Match, words: list[tuple[int, int]]) -> Iterator[Part]:
    if not words:
        return
    start, end = words[0][0], words[-1][1]
    if kind := _kind(match, start, end):
        yield Part(kind, start, end)
        return
    for size in range(len(words) - 1, 0, -1):
        for at in range(len(words) - size + 1):
            start, end = words[at][0], words[at + size - 1][1]
            kind = _kind(match, start, end)
            # Chance confirms short runs of a longer number too often; these kinds are long or oddly formed.
            if kind in _STAND_OUT or (kind == CARD and end - start >= _LONG_CARD):
                yield from _parts(match, words[:at])
                yield Part(kind, start, end)
                yield from _parts(match, words[at + size :])
                return


def _kind(match: Match, start: int, end: int) -> str | None:
    part = Match(match.row, match.text[start:end], match.before + match.text[:start])
    return next((kind for kind, is_kind in _KINDS.items() if is_kind(part)), None)


def _is_email(match: Match) -> bool:
    return "@" in match.text or _SPELLED_WHOLE.fullmatch(match.text) is not None


def _is_iban(match: Match) -> bool:
    if not match.text[:2].isalpha():
        return False
    from stdnum import iban

    return bool(iban.is_valid(match.text))


def _is_card(match: Match) -> bool:
    in_groups = _CARD_IN_GROUPS.fullmatch(match.text) is not None
    digits = re.sub(r"[ ./-]" if in_groups else r"[ -]", "", match.text)
    if (
        not digits.isdigit()
        or not _CARD.fullmatch(digits)
        or match.before[-1:].isalnum()
        or match.before[-1:] in "-_#"
    ):
        return False
    from stdnum import luhn

    # The number of an order can pass the check by chance, but is not written in the groups of a card.
    return bool(luhn.is_valid(digits)) and (in_groups or not _NAMED_NUMBER.search(match.before))


def _is_national_id(match: Match) -> bool:
    if _SSN.fullmatch(match.text):
        from stdnum.us import ssn

        return bool(ssn.is_valid(match.text))
    if not re.search(r"[A-Z]", match.text):
        return False
    from stdnum.es import dni, nie
    from stdnum.it import codicefiscale

    british = re.fullmatch(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", match.text)
    return bool(british) or any(checked.is_valid(match.text) for checked in (dni, nie, codicefiscale))


def _is_ip(match: Match) -> bool:
    try:
        address = ipaddress.ip_address(match.text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _is_phone(match: Match) -> bool:
    digits = sum(letter.isdigit() for letter in match.text)
    if (
        not 7 <= digits <= 15
        or _DATE.search(match.text)
        or match.before[-1:].isalnum()
        or match.before[-1:] in "-_#/"
    ):
        return False
    if _PHONE.fullmatch(match.text) and not _SSN.fullmatch(match.text):
        return True
    if re.search(r"[A-Za-z@:]", match.text) or _NAMED_NUMBER.search(match.before):
        return False
    return bool(_PHONE_WORDS.search(match.before))


_KINDS: Final[dict[str, Callable[[Match], bool]]] = {
    "an e-mail address": _is_email,
    "an IBAN": _is_iban,
    "a national id": _is_national_id,
    "an IP address": _is_ip,
    CARD: _is_card,
    PHONE: _is_phone,
}
