"""Reports for the page at its largest, and text that tries to be more than text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import report_examples as examples
from report_stories import Story, answered, report

LETTER = (
    "the refund of your order was approved and reaches the card within five working days please keep this "
    "message we are sorry for the delay a colleague looks at the account today write to help@example.org "
    "or call +49 30 901820 when nothing has happened by friday the label is attached to this answer"
)
WORDS = LETTER.split(" ")

ATTACKS = (
    "</script><script>window.owned = 1</script>",
    "</style></title></textarea></noscript></svg><img class=owned src=https://evil.example/a onerror=owned=1>",
    "<!--<script>owned = 1</script>--!><b class=owned>",
    "]]><svg class=owned onload=owned=1><image href=https://evil.example/b />",
    "<template><iframe class=owned src=https://evil.example/c></iframe></template>",
    '"><a class=owned href=https://evil.example/d ping=https://evil.example/e autofocus onfocus=owned=1>',
    "<link rel=stylesheet href=https://evil.example/f><style>*{background:url(https://evil.example/g)}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/h'><base href=https://evil.example/>",
    "<form class=owned action=javascript:owned=1><input name=attributes><button form=filters>",
    "{{ 7 * 7 }}{% raw %}${owned = 1}`${owned = 1}`",
    "javascript:owned=1//\u2028owned=1\u2029*/owned=1",
    "\u202eevil\u2066\x00\x1b[31m\ud800\u200b\U000e0041\ufeff",
    "__proto__ constructor toString &lt;b class=owned&gt; &#60;i class=owned&#62;",
)


def many_cases(cases: int = 5_000, words: int = 40) -> dict[str, Any]:
    """A report whose answers are letters of about `words` words, no two alike."""
    made = report(Story(answered(cases, 0.72, lambda _, ok: 0.94 if ok else 0.45)))
    draw = random.Random(11)  # noqa: S311
    for case in made["cases"]:
        expected = _letter(draw, words)
        case["expected"] = expected
        for arm, score in case["scores"].items():
            changed = expected if score else _with_other_words(draw, expected)
            case["outputs"][arm] = changed + ("." if score and draw.random() < 0.5 else "")
    return made


def _letter(draw: random.Random, words: int) -> str:
    return f"Ticket {draw.randrange(10**9)}: " + " ".join(draw.choices(WORDS, k=words))


def _with_other_words(draw: random.Random, letter: str) -> str:
    words = letter.split(" ")
    place = draw.randrange(2, len(words) - 6)
    return " ".join([*words[:place], *draw.choices(WORDS, k=6), *words[place + 5 :]])


def hostile(attacks: Sequence[str] = ATTACKS) -> dict[str, Any]:
    """A whole report in which every text that somebody else writes is an attack, a different one in each case."""
    made = examples.with_text(examples.blocked_by_safety(), " ".join(attacks))
    for number, case in enumerate(made["cases"]):
        attack = attacks[number % len(attacks)]
        case["case_id"] = f"case-{number} {attack}"
        case["buckets"] = {attack: attack, "__proto__": "constructor"}
        case["outputs"] = {arm: f"{attack} {place}" for place, arm in enumerate(case["outputs"])}
    return made


HARMLESS = tuple(f"word-{number}" for number in range(len(ATTACKS)))
