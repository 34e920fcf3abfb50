"""The template's own content: enough of it, varied, stratified, and disjoint where it must be."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.validate import validate_files
from liftgate.config import load

ROOT = Path(__file__).parent.parent.parent
DATASET, EVALS = ROOT / "datasets" / "support-intent", ROOT / "evals" / "support-intent"
INTENTS = {
    "order_status",
    "refund",
    "billing",
    "account_access",
    "product_defect",
    "cancel_change",
    "privacy_request",
    "fraud_report",
}


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


TRAIN = jsonl(DATASET / "v1.0.0.train.jsonl")
VALIDATION = jsonl(DATASET / "v1.0.0.validation.jsonl")
GOLDEN, SAFETY = jsonl(EVALS / "golden.jsonl"), jsonl(EVALS / "safety.jsonl")


def user(item: dict[str, Any]) -> str:
    return next(str(m["content"]) for m in item["messages"] if m["role"] == "user")


def skeleton(text: str) -> str:
    """The sentence with ids, amounts and names masked."""
    text = re.sub(r"\b[A-Z]{2}-\d+\b|\d+([.,:/-]\d+)*", "#", text)
    text = re.sub(r"(?<=[a-zäöüßáéíóúñ,] )[A-ZÄÖÜÁÉÍÓÚÑ]\w+", "@", text)
    return re.sub(r"[^\w#@]+", " ", text.lower()).strip()


def test_there_is_enough_of_everything() -> None:
    assert len(TRAIN) >= 600
    assert 0.15 <= len(VALIDATION) / (len(TRAIN) + len(VALIDATION)) <= 0.20
    assert len(GOLDEN) >= 240
    assert len(SAFETY) >= 50
    assert {row["metadata"]["label"] for row in TRAIN} == INTENTS
    assert {row["metadata"]["locale"] for row in TRAIN} == {"en", "es", "de"}
    assert {case["buckets"]["kind"] for case in SAFETY} == {
        "jailbreak",
        "prompt_injection",
        "other_customer_data",
        "over_refusal",
    }


def test_every_bucket_that_gates_is_large_enough() -> None:
    intents = Counter(case["buckets"]["intent"] for case in GOLDEN)
    risky = Counter(case["buckets"]["intent"] for case in GOLDEN if case["buckets"]["risk"] == "high")
    locales = Counter(case["buckets"]["locale"] for case in GOLDEN)
    assert set(intents) == INTENTS
    assert min(intents.values()) >= 20
    assert min(risky.values()) >= 40
    assert min(locales.values()) >= 40


def test_most_prompts_have_a_skeleton_of_their_own() -> None:
    counts = Counter(skeleton(user(item)) for item in [*TRAIN, *VALIDATION, *GOLDEN])
    assert sum(n for n in counts.values() if n == 1) / sum(counts.values()) >= 0.6
    grams = Counter(
        gram
        for item in [*TRAIN, *VALIDATION]
        for gram in {tuple(skeleton(user(item)).split()[i : i + 6]) for i in range(40)}
        if len(gram) == 6
    )
    assert max(grams.values()) <= len(TRAIN) // 100


@pytest.mark.parametrize("key", ["label", "locale"])
def test_the_split_is_stratified(key: str) -> None:
    ours = Counter(row["metadata"][key] for row in TRAIN)
    theirs = Counter(row["metadata"][key] for row in VALIDATION)
    for value, count in ours.items():
        assert abs(theirs[value] / len(VALIDATION) - count / len(TRAIN)) < 0.03, value


def test_answers_labels_and_the_prompt_agree() -> None:
    system = load((EVALS / "prompts" / "prompt-v1.yaml").read_bytes(), "prompt-v1.yaml", "prompt").data[
        "system"
    ]
    for row in [*TRAIN, *VALIDATION]:
        answer = json.loads(row["messages"][-1]["content"])
        assert answer["intent"] == row["metadata"]["label"]
        assert answer["priority"] in {"high", "normal", "low"}
        assert row["messages"][0]["content"] == system
    assert Counter(frozenset(case["expected"]) for case in GOLDEN) == {
        frozenset({"intent", "priority"}): len(GOLDEN)
    }


def test_no_few_shot_example_is_a_training_row_or_a_golden_case() -> None:
    prompt = load((EVALS / "prompts" / "prompt-v2.yaml").read_bytes(), "prompt-v2.yaml", "prompt").data
    taken = {skeleton(user(item)) for item in [*TRAIN, *VALIDATION, *GOLDEN, *SAFETY]}
    assert len(prompt["examples"]) == 8
    assert not taken & {skeleton(example["input"]) for example in prompt["examples"]}


@pytest.mark.parametrize("half", ["train", "validation"])
def test_the_dataset_passes_its_own_gate(half: str) -> None:
    report = validate_files(
        DATASET / f"v1.0.0.{half}.jsonl",
        golden=[EVALS / "golden.jsonl", EVALS / "safety.jsonl"],
        card=DATASET / "card.yaml",
        policy=ROOT / "evals" / "policy.yaml",
    )
    assert [f for f in report["findings"] if f["severity"] != "notice"] == []


def test_the_card_and_the_registry_name_the_files_that_are_there() -> None:
    card = load((DATASET / "card.yaml").read_bytes(), "card.yaml", "card").data
    models = load((ROOT / "models.yaml").read_bytes(), "models.yaml", "models").data
    pinned = models["models"]["support-intent"]["variants"]["v1.0.0"]["dataset"]
    for half in ("train", "validation"):
        data = (DATASET / f"v1.0.0.{half}.jsonl").read_bytes()
        assert (
            card["releases"][0][half]["sha256"]
            == hashlib.sha256(data).hexdigest()
            == pinned[f"{half}_sha256"]
        )
        assert card["releases"][0][half]["rows"] == data.count(b"\n")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("evals/policy.yaml", "policy"),
        ("evals/prices.yaml", "prices"),
        ("evals/sunsets.yaml", "sunsets"),
        ("evals/support-intent/prompts/prompt-v1.yaml", "prompt"),
        ("evals/support-intent/prompts/prompt-v2.yaml", "prompt"),
        ("evals/support-intent/suite.yaml", "suite"),
        ("evals/support-intent/decision.yaml", "decision"),
        ("datasets/support-intent/card.yaml", "card"),
        ("models.yaml", "models"),
    ],
)
def test_every_yaml_names_its_schema_and_the_command_to_try(path: str, schema: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    load(text, path, schema)
    first, second = text.splitlines()[:2]
    named = (ROOT / path).parent / first.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve() == (ROOT / "src" / "liftgate" / "schemas" / f"{schema}.schema.json").resolve()
    assert "liftgate" in second or schema in {"decision", "prompt"}
