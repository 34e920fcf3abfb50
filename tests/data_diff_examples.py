"""Data diffs as the gate makes them, from rows that were drawn once with a fixed seed."""

from __future__ import annotations

import json
import random
from typing import Any

import report_stories as stories
from liftgate.data.dataset import read_rows
from liftgate.data.diff import Side, diff

FOLDER = "datasets/support-intent"
_SYSTEM = "Route the ticket."
_WORDS = ["parcel", "lamp", "invoice", "refund", "late", "broken", "blue", "account", "card", "phone", "shop"]


def rows(count: int, seed: int = 3) -> list[dict[str, Any]]:
    """So many tickets, all different, in three languages."""
    draw = random.Random(seed)  # noqa: S311
    return [
        {
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": f"{n}: {' '.join(draw.choices(_WORDS, k=9))}"},
                {"role": "assistant", "content": stories.INTENTS[n % 8]},
            ],
            "metadata": {
                "id": f"t{n}",
                "source": "human",
                "reviewed": True,
                "label": stories.INTENTS[n % 8],
                "locale": stories.LOCALES[n % 3],
            },
        }
        for n in range(count)
    ]


def changed_rows() -> list[dict[str, Any]]:
    """Ten rows out, thirty in (four of them near copies), five relabelled, two reworded, three not reviewed."""
    made = rows(400)[10:]
    for each in made[:5]:
        each["metadata"]["label"] = "refund"
        each["messages"][2]["content"] = "refund"
    for each in made[5:7]:
        each["messages"][1]["content"] += " please"
    for each in made[7:10]:
        each["metadata"]["reviewed"] = False
    new = rows(30, seed=9)
    for n, each in enumerate(new):
        each["metadata"].update(id=f"n{n}", source="synthetic", label="refund", locale="de")
        each["messages"][1]["content"] = f"new {each['messages'][1]['content']}"
    for each, known in zip(new[:4], made[20:], strict=False):
        each["messages"][1]["content"] = known["messages"][1]["content"] + " today"
    new[5]["metadata"]["label"] = "A | sentence, not a `label`"
    new[6]["messages"][0]["content"] = "Another instruction."
    return [*new[:10], *made, *new[10:]]


def side(version: str, train: list[dict[str, Any]]) -> Side:
    """A release of one file and forty validation rows that never change."""
    halves = {"train": train, "validation": rows(40, seed=5)}
    for each in halves["validation"]:
        each["metadata"]["id"] = f"v{each['metadata']['id']}"
    return Side(
        version,
        tuple(
            read_rows(
                "".join(json.dumps(each) + "\n" for each in found).encode(),
                f"{FOLDER}/v{version}.{half}.jsonl",
            )
            for half, found in halves.items()
        ),
    )


def changed() -> dict[str, Any]:
    """A release with a bit of everything."""
    return diff(side("1.0.0", rows(400)), side("1.1.0", changed_rows())).to_dict()


def first_release() -> dict[str, Any]:
    """Nothing before it."""
    return diff(None, side("1.0.0", rows(400))).to_dict()


def unchanged() -> dict[str, Any]:
    """The base holds it already."""
    return diff(side("1.0.0", rows(400)), side("1.0.0", rows(400))).to_dict()


def many_labels() -> dict[str, Any]:
    """Ten thousand classes, each with a sentence for a name."""
    made = rows(10_000)
    for n, each in enumerate(made):
        each["metadata"].update(label=f"label number {n} | @all", locale=f"l{n % 700}", source=f"s{n}")
    return diff(side("1.0.0", made[:5_000]), side("1.1.0", made)).to_dict()


DIFFS = {"changed": changed, "first-release": first_release, "unchanged": unchanged}
