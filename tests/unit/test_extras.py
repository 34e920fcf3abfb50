"""Dearer checks: what each extra adds, and the one sentence when its package is absent."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.commands.validate import validate_files
from liftgate.errors import ExitCode, InputError

PACKAGES = {"secrets": "kingfisher_sdk", "pii": "presidio_analyzer", "labels": "cleanlab"}
BANK = Path(__file__).parents[3] / "shared/data/banking77/train.chat.jsonl"


def needs(extra: str) -> pytest.MarkDecorator:
    absent = importlib.util.find_spec(PACKAGES[extra]) is None
    return pytest.mark.skipif(absent, reason=f"the extra [{extra}] is not installed")


def rows(path: Path, *texts: str, labels: list[str] | None = None) -> Path:
    lines = [
        {
            "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}],
            "metadata": {"id": f"r{n}", "source": "human", "reviewed": True, "label": label},
        }
        for n, (text, label) in enumerate(zip(texts, labels or ["x"] * len(texts), strict=True))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def lines_of(report: dict[str, Any], rule: str) -> list[int]:
    return [finding["line"] for finding in report["findings"] if finding["rule"] == rule]


@needs("secrets")
def test_more_issuers_are_known_and_no_line_is_told_twice(
    tmp_path: Path,
) -> None:
    key = "HOruNAb7SOiCdshU8algkrq7FDsNSLAa_55e2f8be"
    file = rows(
        tmp_path / "rows.jsonl",
        "Why was I charged twice?",
        f"my settings are glsa_{key}",
        "and ghp_" + "a1B2" * 9,
        json.dumps({"k": f"glsa_{key}"}),
    )
    assert lines_of(validate_files(file), "secret") == [3]
    report = validate_files(file, extras=["secrets"])
    assert sorted(lines_of(report, "secret")) == [2, 3, 4]
    assert report["outcome"] == "block"
    assert key not in json.dumps(report)


@needs("pii")
def test_identifiers_of_more_countries_are_warnings_and_order_numbers_are_not(tmp_path: Path) -> None:
    file = rows(
        tmp_path / "rows.jsonl",
        "my NHS number is 943 476 5919",
        "order 9434765919 is late",
        "send it to 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ",
        "the PESEL is 44051401359",
    )
    report = validate_files(file, extras=["pii"])
    assert set(lines_of(report, "pii")) == {1, 3, 4}
    assert {finding["severity"] for finding in report["findings"] if finding["rule"] == "pii"} == {"warning"}
    assert "5919" not in json.dumps(report)


@needs("labels")
@pytest.mark.skipif(not BANK.exists(), reason="the shared data folder is not here")
def test_planted_false_labels_are_among_the_doubts(tmp_path: Path) -> None:
    read = [json.loads(line)["messages"] for line in BANK.read_text().splitlines()]
    chosen = sorted({messages[-1]["content"] for messages in read})[:8]
    pairs = [(m[-2]["content"], m[-1]["content"]) for m in read if m[-1]["content"] in chosen]
    chance = random.Random(1)  # noqa: S311
    false = set(chance.sample(range(len(pairs)), len(pairs) // 30))
    labels = [
        chance.choice([other for other in chosen if other != label]) if n in false else label
        for n, (_, label) in enumerate(pairs)
    ]
    file = rows(tmp_path / "rows.jsonl", *(text for text, _ in pairs), labels=labels)
    doubted = {line - 1 for line in lines_of(validate_files(file, extras=["labels"]), "label-noise")}
    assert len(doubted & false) >= 0.75 * len(false)
    assert len(doubted & false) >= 0.75 * len(doubted)


@needs("labels")
def test_a_classifier_that_knows_too_little_keeps_its_doubts_to_itself(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311
    texts = [" ".join(chance.choices("abcdefgh", k=6)) for _ in range(100)]
    labels = [chance.choice(["one", "two"]) for _ in texts]
    report = validate_files(rows(tmp_path / "rows.jsonl", *texts, labels=labels), extras=["labels"])
    (finding,) = [finding for finding in report["findings"] if finding["rule"] == "label-noise"]
    assert finding["line"] is None
    assert finding["severity"] == "warning"
    assert finding["message"].startswith("not judged: ")


@pytest.mark.parametrize("extra", PACKAGES)
def test_an_absent_package_is_one_sentence_with_its_install_command(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from liftgate.data.extras import credentials, personal

    credentials._scanner.cache_clear()
    personal._analyser.cache_clear()
    monkeypatch.setitem(sys.modules, PACKAGES[extra], None)
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    file = rows(tmp_path / "rows.jsonl", *(f"question {n}" for n in range(12)), labels=["a", "b"] * 6)
    assert main(["validate", str(file), "--with", extra]) == ExitCode.MISSING_EXTRA
    said = capsys.readouterr().err
    assert said.endswith(f"hint: pip install 'liftgate[{extra}]'\n")
    assert said.count("\n") == 2


def test_an_unknown_extra_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'everything' is not an extra check"):
        validate_files(rows(tmp_path / "rows.jsonl", "Why?"), extras=["everything"])
