"""Augmenting: prompt and answer in step, forms kept, and a refusal wherever swapping cannot follow."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from liftgate.data.dataset import Row
from liftgate.data.rewriting.augment import Augmentation, augmented
from liftgate.data.rewriting.entities import Entity, day_of, entities
from liftgate.data.rewriting.stand_ins import stand_in


def row(asked: str, answered: Any, *, line: int = 1, system: str = "", **metadata: Any) -> Row:
    answer = answered if isinstance(answered, str) else json.dumps(answered, ensure_ascii=False)
    turns = [("system", system)] if system else []
    turns += [("user", asked), ("assistant", answer)]
    messages = [{"role": role, "content": content} for role, content in turns]
    about = {"id": f"r{line}", "source": "human", "reviewed": True, "label": "x", **metadata}
    return Row(line, {"messages": messages, "metadata": about})


def one(each: Row, per_row: int = 1) -> Augmentation:
    return augmented([each], per_row=per_row, seed=3)


def said(data: dict[str, Any]) -> tuple[str, str]:
    return data["messages"][-2]["content"], data["messages"][-1]["content"]


def test_a_value_is_swapped_in_the_prompt_the_answer_its_json_and_the_tool_arguments() -> None:
    data = {
        "messages": [
            {"role": "user", "content": "Where is order HH-48213 for Anna in Hamburg? It cost 49,90 EUR."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "find", "arguments": '{"order": "HH-48213", "who": ["Anna"]}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": '{"order":"HH-48213","city":"Hamburg"}'},
            {"role": "assistant", "content": "Anna, HH-48213 (49,90 EUR) is in Hamburg."},
        ],
        "metadata": {
            "id": "a",
            "source": "prod_sample",
            "reviewed": True,
            "label": "x",
            "locale": "de",
            "n": "HH-48213",
        },
    }
    (new,) = one(Row(1, data)).rows
    asked, answered = new["messages"][0]["content"], new["messages"][3]["content"]
    found = re.fullmatch(r"Where is order (HH-\d{5}) for (\w+) in (\w+)\? It cost (4\d,\d\d) EUR\.", asked)
    assert found is not None
    order, name, city, amount = found.groups()
    assert answered == f"{name}, {order} ({amount} EUR) is in {city}."
    arguments = new["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert arguments == f'{{"order": "{order}", "who": ["{name}"]}}'
    assert new["messages"][2]["content"] == f'{{"order":"{order}","city":"{city}"}}'
    assert new["metadata"] == {
        "id": "a-aug-1",
        "source": "synthetic",
        "reviewed": False,
        "label": "x",
        "locale": "de",
        "n": order,
        "augmented_from": "a",
    }
    assert not {"HH-48213", "Anna", "Hamburg", "49,90"} & {order, name, city, amount}


def test_a_number_in_the_answers_json_stays_a_number() -> None:
    (new,) = one(row("order 48213 please", {"order_id": 48213})).rows
    assert isinstance(json.loads(said(new)[1])["order_id"], int)


def test_dates_move_together_by_whole_weeks() -> None:
    (new,) = one(row("Ordered on 2026-03-05, due 12.3.2026", {"due": "12.3.2026"})).rows
    first, second = re.findall(r"[\d.-]{8,}", said(new)[0])
    one_day, other = day_of(first), day_of(second)
    assert one_day and other and (other - one_day).days == 7
    assert one_day.weekday() == 3
    assert one_day.year == 2026
    assert json.loads(said(new)[1]) == {"due": second}


@pytest.mark.parametrize(
    ("asked", "answered", "reason"),
    [
        ("Where is my parcel?", "x", "nothing-to-swap"),
        ("I paid 49,90 EUR", {"amount": 49.9}, "other-form"),
        ("I paid 20 EUR twice", "That makes 40 EUR", "derived-value"),
        ("order HH-48213", "Your order 48213 is late", "other-form"),
        ("order HH-48213-77", "Order 48213 is late", "partial-mention"),
        ("card 4539 5787 6362 1486", "the card ending in 1486", "partial-mention"),
        ("card 4539 5787 6362 1486", "4539578763621486 is blocked", "other-form"),
        ("I am sue.hague@rhyta.com", "Dear Ms Hague", "partial-mention"),
        ("Ordered 2026-03-05", {"due": "2026-03-19"}, "derived-value"),
        ("Ordered 2026-03-05", {"ordered": "05.03.2026"}, "other-form"),
        ("Ordered 2026-03-05", "It is 14 days late", "derived-value"),
        ("Emma here, EMMA again", "x", "other-form"),
        ("Hamburg is nice", "The Hamburger office", "other-form"),
        ("ssn 514-69-0360", "x", "personal-data"),
        ("call 0699 868 88 55", "x", "unsupported-form"),
    ],
)
def test_a_row_that_swapping_cannot_follow_is_refused_with_its_reason(
    asked: str, answered: Any, reason: str
) -> None:
    found = one(row(asked, answered, line=7))
    assert found.rows == []
    assert {str(key): lines for key, lines in found.refused.items()} == {reason: [7]}


@pytest.mark.parametrize(
    ("asked", "system"),
    [
        ("Ordered on 3 March 2026, or 2026-03-05", ""),
        ("Was it 2026-03-05?", "Today is 2026-03-09."),
        ("In the cart 129 EUR, charged 141", ""),
        ("A fee of 1 euro", ""),
        ("Is Berlin open?", "You answer for Berlin."),
        ("10115 Berlin", ""),
    ],
)
def test_values_that_hang_together_or_are_fixed_elsewhere_are_left_alone(asked: str, system: str) -> None:
    assert one(row(asked, "x", system=system)).refused == {"nothing-to-swap": [1]}


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("4539 5787 6362 1486", r"\d{4} \d{4} \d{4} \d{4}"),
        ("GB82 WEST 1234 5698 7654 32", r"GB\d\d TEST \d{4} \d{4} \d{4} \d\d"),
        ("DE89370400440532013000", r"DE\d\d0000\d{14}"),
        ("sue.hague@rhyta.com", r"user\d+@example\.com"),
        ("SUE@RHYTA.COM", r"USER\d+@EXAMPLE\.COM"),
        ("(212) 664-7665", r"\(212\) 555-01\d\d"),
        ("+1 212 664 7665", r"\+1 212 555 01\d\d"),
        ("+44 7911 123456", r"\+44 7700 900\d{3}"),
        ("106.31.73.20", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+"),
        ("2001:4860:4860::8888", r"2001:db8::[0-9a-f]{4}"),
    ],
)
def test_personal_values_become_reserved_ones_of_the_same_form(text: str, form: str) -> None:
    (entity,) = entities(f"it is {text} today", "en")
    for seed in range(30):
        made = stand_in(entity, "en", random.Random(seed))  # noqa: S311
        assert made and re.fullmatch(form, made)
        assert entity.kind != "CARD" or luhn.is_valid(made.replace(" ", ""))
        assert entity.kind != "IBAN" or iban.is_valid(made)


def test_a_name_keeps_its_language_and_gender_and_a_city_its_country() -> None:
    for seed in range(30):
        chance = random.Random(seed)  # noqa: S311
        assert stand_in(Entity("NAME", "Jürgen"), "de-AT", chance) in {
            "Stefan", "Klaus", "Uwe", "Matthias", "Dieter", "Florian", "Lukas", "Thomas", "Peter",
        }  # fmt: skip
        assert stand_in(Entity("CITY", "Lyon"), "fr", chance) in {
            "Paris",
            "Marseille",
            "Toulouse",
            "Nantes",
            "Bordeaux",
        }


def test_the_same_seed_gives_the_same_rows_another_seed_others_and_no_prompt_twice() -> None:
    rows = [row(f"Where is order HH-4821{n}?", "x", line=n) for n in range(1, 9)]
    made = [augmented(rows, per_row=3, seed=seed).rows for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    prompts = [said(new)[0] for new in made[0]]
    assert len(set(prompts)) == 24
    assert not set(prompts) & {said(dict(each.data))[0] for each in rows}
    assert len({new["metadata"]["id"] for new in made[0]}) == 24


orders = st.from_regex(r"[A-Z]{2,4}-[1-9][0-9]{4,6}", fullmatch=True)
amounts = st.from_regex(r"[1-9][0-9]{1,3}[,.][0-9]{2}", fullmatch=True).map(lambda number: f"{number} EUR")
people = st.sampled_from(["Emma", "James", "Lucy"])
places = st.sampled_from(["London", "Chicago", "Paris"])
mails = st.from_regex(r"[a-z]{3,8}\.[a-z]{3,8}@[a-z]{3,8}\.(com|de)", fullmatch=True)


@settings(deadline=None, max_examples=200)
@given(orders, amounts, people, places, mails, st.integers(0, 99))
def test_prompt_and_answer_stay_in_step(
    order: str, amount: str, name: str, city: str, mail: str, seed: int
) -> None:
    values = {"order": order, "amount": amount, "name": name, "city": city, "mail": mail}
    template = "I am {name} of {city}, {mail}. Order {order} for {amount} is late."
    answer = {key: [value, {"note": f"({value})"}] for key, value in values.items()}
    found = augmented([row(template.format(**values), answer)], per_row=1, seed=seed)
    assume(found.rows)
    asked, answered = said(found.rows[0])
    new = {key: value[0] for key, value in json.loads(answered).items()}
    assert asked == template.format(**new)
    assert json.loads(answered) == {key: [value, {"note": f"({value})"}] for key, value in new.items()}
    assert all(new[key] != values[key] for key in values)
