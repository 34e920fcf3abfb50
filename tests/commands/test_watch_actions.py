"""`liftgate watch shadow`, `sample` and `canary`, each from files to files."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import write_run
from liftgate.evaluation.runs import EvalRun
from liftgate.registry.evidence import Candidate, RegistryEvidence
from liftgate.registry.models import read_models
from liftgate.registry.readiness import shadow
from log_world import MODELS, NOW
from watch_world import make_watched

SHADOWED = MODELS.replace("rollout_percent: 25", "rollout_percent: 0\n        shadow_percent: 5")
TUNED = "ft:plain-model:acme:support:a1"


def row(number: int, *, tuned: bool, **more: Any) -> dict[str, Any]:
    at = NOW - datetime.timedelta(hours=30) + datetime.timedelta(seconds=number)
    return {
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "id": f"r{number}",
        "alias": "support",
        "model": TUNED if tuned else "plain-model",
        "status": "ok",
        "latency_ms": 200.0 + number % 50,
        **({"shadow": True} if tuned else {}),
        **more,
    }


def mirrored(pairs: int, worse: float, seed: int = 1) -> list[dict[str, Any]]:
    """Default answers and, among them, mirrored ones of which `worse` more would have been escalated."""
    chance = random.Random(seed)  # noqa: S311
    rows = []
    for number in range(pairs):
        bad = chance.random() < 0.1
        rows.append(row(number, tuned=False, escalated=bad, output=f"answer {number}"))
        also = bad or chance.random() < worse
        rows.append(
            row(number, tuned=True, escalated=also, output=f"{'other' if also else 'answer'} {number}")
        )
    chance.shuffle(rows)
    return rows


def write_log(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def test_mirrored_requests_become_the_evidence_that_the_next_step_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy", SHADOWED)
    log = write_log(tmp_path / "log.jsonl", mirrored(400, 0.0))
    words = ["watch", "shadow", "support", "v1.1.0", "--root", str(root), "--log", str(log)]
    assert main([*words, "--comparison", str(tmp_path / "comparison.json")]) == 0
    path = root / "evals/reports/support/v1.1.0.shadow.json"
    report = json.loads(path.read_bytes())
    assert report == {
        "schema_version": 1,
        "alias": "support",
        "variant": "v1.1.0",
        "model_id": TUNED,
        "rollout_percent": 0,
        "from": "2026-11-24T06:00:00Z",
        "to": "2026-11-24T06:06:39Z",
        "requests": 400,
        "errors": 0,
        "p95_ms": 247.0,
        "default_p95_ms": 247.0,
        "agreement": report["agreement"],
        "source": "liftgate watch shadow",
    }
    assert 0.85 < report["agreement"] < 0.95
    assert "400 pairs, by not-escalated:" in capsys.readouterr().err
    assert json.loads((tmp_path / "comparison.json").read_bytes())["lift"]["n"] == 400
    assert problems(report, path.read_bytes()) == []


def problems(report: Mapping[str, Any], data: bytes) -> list[str]:
    """What `registry check` says of the report at the step from 0%."""
    import hashlib

    from liftgate import Policy

    pin = f"shadow_report: {{path: s.json, sha256: {hashlib.sha256(data).hexdigest()}}}"
    after = read_models(SHADOWED.replace("rollout_percent: 0", f"rollout_percent: 5\n        {pin}"))
    before = read_models(SHADOWED).aliases["support"].variants["v1.1.0"]
    variant = after.aliases["support"].variants["v1.1.0"]
    candidate = Candidate("support", variant, after, RegistryEvidence(files={"s.json": data}), Policy(), NOW)
    return [finding.message for finding in shadow(candidate, before)]


def test_a_variant_that_does_worse_in_the_shadow_is_blocked(tmp_path: Path) -> None:
    root = make_watched(tmp_path / "toy", SHADOWED)
    rows = mirrored(400, 0.2)
    log = write_log(tmp_path / "log.jsonl", rows)
    assert main(["watch", "shadow", "support", "v1.1.0", "--root", str(root), "--log", str(log)]) == 10
    report = json.loads((root / "evals/reports/support/v1.1.0.shadow.json").read_bytes())
    escalated = [
        {each["id"] for each in rows if each["escalated"] and bool(each.get("shadow")) is s}
        for s in (True, False)
    ]
    told = [each["request_id"] for each in report["regressions"]]
    assert set(told) == escalated[0] - escalated[1]
    assert len(told) == len(set(told)) > 50


def test_lines_that_cannot_be_used_are_told_with_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy", SHADOWED)
    words = ["watch", "shadow", "support", "v1.1.0", "--root", str(root), "--log"]
    wrong = [row(n, tuned=False, scores={"solved": True}) for n in range(3)]
    wrong.append({**row(4, tuned=True), "at": "yesterday"})
    log = write_log(tmp_path / "log.jsonl", [*wrong, *(row(n, tuned=True) for n in range(9))])
    assert main([*words, str(log)]) == 11
    told = "4 lines could not be used (3: scores are not numbers from 0 to 1; 1: at is no time with a zone)\n"
    assert told in capsys.readouterr().err
    assert main([*words, str(write_log(tmp_path / "wrong.jsonl", wrong))]) == 2
    assert f"no request of support v1.1.0 in this time; {told}" in capsys.readouterr().err


def test_what_cannot_be_paired_or_is_not_there_is_no_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy", SHADOWED)
    words = ["watch", "shadow", "support", "v1.1.0", "--root", str(root), "--log"]
    alone = write_log(tmp_path / "alone.jsonl", [row(n, tuned=True) for n in range(9)])
    assert main([*words, str(alone)]) == 11
    none = write_log(tmp_path / "none.jsonl", [row(n, tuned=False) for n in range(9)])
    assert main([*words, str(none)]) == 2
    assert main([*words, str(alone), "--from", "tomorrow"]) == 2
    pairs = write_log(tmp_path / "pairs.jsonl", mirrored(20, 0.0))
    assert main([*words, str(pairs), "--metric", "charm"]) == 2
    assert "not every pair has the score charm" in capsys.readouterr().err
    assert main([*words, str(pairs), "--from", "2026-11-26T00:00:00Z"]) == 2
    assert main(["watch", "shadow", "support", "v9", "--root", str(root), "--log", str(pairs)]) == 2


def asked(number: int, text: str, **more: Any) -> dict[str, Any]:
    return row(number, tuned=False, messages=[{"role": "user", "content": text}], output="Soon.", **more)


def test_a_sample_is_the_same_whoever_draws_it_and_holds_no_personal_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy")
    rows = [asked(n, f"write to anna{n}@example.org please") for n in range(2_000)]
    del rows[0]["id"], rows[1]["output"]
    log, turned = (
        write_log(tmp_path / name, each) for name, each in (("a.jsonl", rows), ("b.jsonl", rows[::-1]))
    )
    out, again = tmp_path / "sample.jsonl", tmp_path / "again.jsonl"
    words = ["watch", "sample", "--root", str(root), "--alias", "support"]
    assert main([*words, "--log", str(log), "--share", "0.05", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert main([*words, "--log", str(turned), "--share", "0.05", "--out", str(again)]) == 0
    assert out.read_bytes() == again.read_bytes()
    drawn = [json.loads(line) for line in out.read_text().splitlines()]
    assert 60 < len(drawn) < 140
    assert "@" not in out.read_text() and "<EMAIL_" in out.read_text()
    assert {each["metadata"]["source"] for each in drawn} == {"prod_sample"}
    assert not any(each["metadata"]["reviewed"] for each in drawn)
    assert "2,000 answered requests; left out: 1 without an id" in said and "EMAIL" in said
    few = tmp_path / "few.jsonl"
    assert main([*words, "--log", str(log), "--share", "0.05", "--most", "7", "--out", str(few)]) == 0
    kept = [json.loads(line)["metadata"]["id"] for line in few.read_text().splitlines()]
    assert kept == sorted(each["metadata"]["id"] for each in drawn)[:7]


def test_a_log_without_texts_makes_no_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_watched(tmp_path / "toy")
    log = write_log(tmp_path / "log.jsonl", [row(n, tuned=False) for n in range(50)])
    out = tmp_path / "sample.jsonl"
    assert (
        main(["watch", "sample", "--root", str(root), "--log", str(log), "--share", "1", "--out", str(out)])
        == 2
    )
    assert "50 drawn without their text" in capsys.readouterr().err
    assert not out.exists()


def canary_run(folder: Path, changed: int, *, cached: int = 0, repeats: int = 3) -> Path:
    rows: list[dict[str, Any]] = [
        {
            "case_id": f"c{n}", "repeat": repeat, "suite": "quality", "buckets": {}, "scores": {},
            "output": f"{'new' if n < changed else 'old'} answer {n}", "latency_ms": None, "input_tokens": None,
            "output_tokens": None, "cached": False, "error": None,
        }
        for n in range(12) for repeat in range(repeats)
    ]  # fmt: skip
    folder.mkdir()
    write_run(folder, EvalRun.from_rows(rows, model=TUNED, usage={"cached": cached}))
    return folder


def test_weights_that_change_under_their_id_are_told_until_they_are_evaluated_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(
        tmp_path / "toy", MODELS.replace('evaluated_at: "2026-11-20', 'evaluated_at: "2020-11-20')
    )

    def look(name: str, changed: int, **more: int) -> int:
        run = canary_run(tmp_path / name, changed, **more)
        return main(["watch", "canary", "support", "--run", str(run), "--root", str(root)])

    assert look("first", 0) == 0
    assert look("same", 0) == 0
    kept = root / "evals/support/canary.jsonl"
    assert len(kept.read_text().splitlines()) == 1
    assert look("changed", 9) == 10
    assert len(kept.read_text().splitlines()) == 2
    assert "answer" not in kept.read_text().replace("answers", "")
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    for line, at in zip(lines, ("2026-11-16T09:00:00Z", "2026-11-23T09:00:00Z"), strict=True):
        line["at"] = at
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    words = [
        "watch",
        "--root",
        str(root),
        "--today",
        "2026-11-25",
        "--ledger",
        str(tmp_path / "none"),
        "--json",
    ]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)["subjects"]["support/v1.1.0"]
    assert [finding["severity"] for finding in told if finding["rule"] == "silent-weights"] == ["error"]
    (root / "models.yaml").write_text(MODELS.replace("2026-11-20", "2026-11-24"))
    assert main(words) == 0
    [known] = json.loads(capsys.readouterr().out)["subjects"]["support/v1.1.0"]
    assert (known["rule"], known["severity"]) == ("silent-weights", "warning")
    assert "it was evaluated again on 2026-11-24" in known["message"]
    words[words.index("2026-11-25")] = "2026-12-02"
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["subjects"]["support/v1.1.0"] == []


def test_a_look_at_stored_answers_or_at_one_answer_each_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy")
    words = ["watch", "canary", "support", "--root", str(root), "--run"]
    assert main([*words, str(canary_run(tmp_path / "a", 0, cached=3))]) == 2
    assert main([*words, str(canary_run(tmp_path / "b", 0, repeats=1))]) == 2
    assert "its noise is not known" in capsys.readouterr().err
    (root / "evals/support").mkdir()
    (root / "evals/support/canary.jsonl").write_text('{"schema_version":1,"at":"x"}\n')
    assert main([*words, str(canary_run(tmp_path / "c", 0))]) == 2
    assert "canary.jsonl:1: no look of this version" in capsys.readouterr().err
