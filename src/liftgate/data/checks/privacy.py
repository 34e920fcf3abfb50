"""Privacy: personal data in a training file. Patterns find candidates, check digits confirm them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.scan import Match, matches
from liftgate.findings import Finding

_EMAIL: Final = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
_IBAN: Final = r"\b[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b"
_NATIONAL: Final = (
    r"(?:^|[^0-9A-Za-z_])(?:[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]"
    r"|[XYZ]?[0-9]{7,8}-?[A-Z]|[A-Z]{2}[0-9]{6}[A-D])\b"
)
_IPV6: Final = r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
# Not behind a letter, digit or hyphen: most digits in a dataset are the tails of ids.
_NUMBER: Final = r"[^0-9A-Za-z_#.\-][+(]?[0-9](?:[ ()./\-]{0,2}[0-9]){6,22}"
CANDIDATE: Final = "|".join((_EMAIL, _IBAN, _NATIONAL, _IPV6, _NUMBER))

_CARD: Final = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(0[0-5]|[689]\d)\d{11}|(6011|64[4-9]\d|65\d\d)\d{12,15}|35\d{14,17}|(2131|1800)\d{11}"
    r"|(5018|5020|5038|5[678]\d\d|6304|6759|676[1-3])\d{8,15}"
)
_SSN: Final = re.compile(r"\d{3}-\d{2}-\d{4}")
_DATE: Final = re.compile(r"(19|20)\d\d[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.](19|20)\d\d")
_PHONE: Final = re.compile(
    r"\+\d[\d ()./-]{6,}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
    r"|\(?0\d{1,4}\)?([ ./-]\d{2,4}){2,5}|\(\d{2,4}\) ?\d{3,4}[ -]\d{4}"
)
_PHONE_WORDS: Final = re.compile(
    r"(?i)\b(phone|call|calls|called|tel|telephone|mobile|cell|fax|text|whatsapp|sms|reach)\b"
)
_NOT_A_CARD: Final = re.compile(
    r"(?i)\b(order|invoice|ticket|tracking|ref|reference|case|parcel|shipment|serial)\b[^.]*$"
)


def pii(context: Context) -> Iterator[Finding]:
    """A row holds personal data: e-mail address, card number, IBAN, national id, IP address or phone number.

    Check digits are verified, so an order number is not taken for a card. Phone numbers cannot be verified and
    are warnings. Names of people and street addresses cannot be found without a language model: review those.
    Why: a model repeats what it was trained on, and a training file is copied to providers and caches.
    Fix: `liftgate data scrub` puts consistent placeholders in their place.
    """
    found: dict[int, dict[str, Row]] = {}
    for match in matches(context.rows, CANDIDATE):
        if kind := kind_of(match):
            found.setdefault(match.row.line, {})[kind] = match.row
    for kinds in found.values():
        certain = sorted(kind for kind in kinds if kind != PHONE)
        named = [*certain, PHONE] if PHONE in kinds else certain
        row = next(iter(kinds.values()))
        yield context.finding("pii", f"holds {' and '.join(named)}", row, warn=not certain)


PHONE: Final = "a phone number"


def kind_of(match: Match) -> str | None:
    """What a candidate is, or None when its check digits or its surroundings say that it is nothing."""
    if "@" not in match.text and not match.text[0].isalnum():
        match = match._replace(text=match.text[1:], before=match.before + match.text[0])
    return next((kind for kind, confirmed in _KINDS.items() if confirmed(match)), None)


def _is_email(match: Match) -> bool:
    return "@" in match.text


def _is_iban(match: Match) -> bool:
    if not match.text[:2].isalpha():
        return False
    from stdnum import iban

    return bool(iban.is_valid(match.text))


def _is_card(match: Match) -> bool:
    digits = re.sub(r"[ -]", "", match.text)
    if (
        not digits.isdigit()
        or not _CARD.fullmatch(digits)
        or match.before[-1:].isalnum()
        or match.before[-1:] in "-_#"
    ):
        return False
    from stdnum import luhn

    return bool(luhn.is_valid(digits)) and not _NOT_A_CARD.search(match.before)


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
    return bool(_PHONE_WORDS.search(match.before)) and not re.search(r"[A-Za-z@:]", match.text)


_KINDS: Final[dict[str, Callable[[Match], bool]]] = {
    "an e-mail address": _is_email,
    "an IBAN": _is_iban,
    "a national id": _is_national_id,
    "an IP address": _is_ip,
    "a card number": _is_card,
    PHONE: _is_phone,
}
