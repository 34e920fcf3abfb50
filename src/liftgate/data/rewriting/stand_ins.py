"""Another value of the same form: same length, spacing and check digits, out of ranges that belong to nobody."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from typing import Final

from liftgate.data.rewriting.entities import CITIES, NAMES, Entity

# Numbers that card networks publish for testing; they pass the check and are issued to nobody.
_CARDS: Final = (
    "4242424242424242",
    "4111111111111111",
    "4012888888881881",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
    "30569309025904",
)
_TRIES: Final = 200


def stand_in(entity: Entity, locale: str, chance: random.Random) -> str | None:
    """A value to take the entity's place, None when none of its form can be made. Dates move by `moved`."""
    match entity.kind:
        case "EMAIL":
            return _cased(f"user{chance.randrange(1000, 100_000)}@example.com", entity.text)
        case "IP" if ":" in entity.text:
            return f"2001:db8::{chance.randrange(0x1000, 0x10000):x}"
        case "IP":
            return f"{chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{chance.randrange(1, 255)}"
        case "CARD":
            return _card(entity.text, chance)
        case "IBAN":
            return _iban(entity.text, chance)
        case "PHONE":
            return _phone(entity.text, chance)
        case "AMOUNT":
            return _amount(entity.text, chance)
        case "ID":
            return _digits(entity.text, chance)
        case "CITY":
            return _other(next(group for group in CITIES if entity.text in group), entity.text, chance)
        case "NAME":
            groups = NAMES.get(locale[:2], NAMES["en"])
            return _other(next(group for group in groups if entity.text in group), entity.text, chance)
        case _:
            return None


def moved(days: list[date], chance: random.Random) -> timedelta | None:
    """Whole weeks that keep every day in its year: weekdays and the time between two dates stay true."""
    for _ in range(_TRIES):
        by = timedelta(weeks=chance.choice([*range(-26, 0), *range(1, 27)]))
        if all((day + by).year == day.year for day in days):
            return by
    return None


def written_like(day: date, text: str) -> str:
    """A day in the form of another date."""
    if "-" in text:
        return day.isoformat()
    first, second, _ = text.split(".")
    width = 1 if len(first) == 1 or len(second) == 1 else 2
    return f"{day.day:0{width}}.{day.month:0{width}}.{day.year}"


def _other(group: tuple[str, ...], text: str, chance: random.Random) -> str:
    return chance.choice([name for name in group if name != text])


def _cased(text: str, like: str) -> str:
    return text.upper() if like.isupper() else text


def _filled(template: str, signs: str) -> str:
    """The letters and digits of a template replaced one after the other, everything between them kept."""
    left = iter(signs)
    return "".join(next(left) if letter.isalnum() else letter for letter in template)


def _card(text: str, chance: random.Random) -> str | None:
    digits = re.sub(r"\D", "", text)
    same = [card for card in _CARDS if len(card) == len(digits) and card[0] == digits[0] and card != digits]
    return _filled(text, chance.choice(same)) if same else None


def _iban(text: str, chance: random.Random) -> str | None:
    from stdnum import iban

    compact = re.sub(r"[^0-9A-Za-z]", "", text).upper()
    for _ in range(_TRIES):
        # No bank has the code 0000, and TEST is the bank of the standard's own examples.
        bank = "TEST" if compact[4:8].isalpha() else "0000"
        rest = "".join(str(chance.randrange(10)) if sign.isdigit() else sign for sign in compact[8:])
        made = compact[:2] + "00" + bank + rest
        made = made[:2] + str(iban.calc_check_digits(made)) + made[4:]
        if iban.is_valid(made) and made != compact:
            return _filled(text, made.lower() if text.islower() else made)
    return None


def _phone(text: str, chance: random.Random) -> str | None:
    digits = re.sub(r"\D", "", text)
    national = digits[-10:]
    if re.fullmatch(r"1?[2-9]\d{2}[2-9]\d{6}", digits) and not text.startswith("+") | text.startswith("00"):
        return _filled(text, f"{digits[:-10]}{national[:3]}55501{chance.randrange(100):02}")
    if digits.startswith("1") and len(digits) == 11 and text.startswith("+"):
        return _filled(text, f"1{national[:3]}55501{chance.randrange(100):02}")
    if digits.startswith("44") and len(digits) == 12 and text.startswith("+"):
        return _filled(text, f"447700900{chance.randrange(1000):03}")
    return None


def _amount(text: str, chance: random.Random) -> str:
    """The first digit stays, so that a large sum stays large and a small one small; round cents stay round."""
    cents = re.search(r"[.,]\d{2}$", text)
    whole, tail = (text[: cents.start()], text[cents.start() :]) if cents else (text, "")
    digits = re.sub(r"\D", "", whole)
    made = digits[0] + "".join(str(chance.randrange(10)) for _ in digits[1:])
    if tail and tail[1:] not in {"00", "99"}:
        tail = f"{tail[0]}{chance.randrange(1, 99):02}"
    if len(digits) == 1 and (not tail or tail[1:] in {"00", "99"}):
        made = str(chance.randrange(1, 10))
    return _filled(whole, made) + tail


def _digits(text: str, chance: random.Random) -> str:
    """Other digits; a group that reads as a year stays, and so do leading zeros."""

    def other(found: re.Match[str]) -> str:
        group = found.group()
        if re.fullmatch(r"(?:19|20)\d\d", group) and group != text:
            return group
        zeros = len(group) - len(group.lstrip("0"))
        rest = len(group) - zeros
        return "0" * zeros + (str(chance.randrange(10 ** (rest - 1), 10**rest)) if rest else "")

    return re.sub(r"\d+", other, text)
