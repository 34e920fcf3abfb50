"""Regressions asked again, decisions of reviewers about them, and a report that can be made again offline."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from liftgate.cli import main
from liftgate.commands.judging.evidence import rebuild
from liftgate.digests import digest, pretty
from liftgate.report.differences import differences
from liftgate.report.reviews import to_decide
from liftgate.report.seal import seal
from openai_server import Body, OpenAIServer
from toy_project import git, make_project

FLAKY = "refund-0"


class Router:
    """A hosted base that is right, but for one case, in which it is right only when it is asked first."""

    def __init__(self, root: Path) -> None:
        cases = map(json.loads, (root / "evals" / "toy" / "golden.jsonl").read_text().splitlines())
        self.by_prompt = {case["messages"][0]["content"]: case for case in cases}
        self.asked: dict[str, int] = {}

    def __call__(self, body: Body) -> str:
        case = self.by_prompt.get(str(body["messages"][-1]["content"]))
        if case is None:
            return "I will not."
        self.asked[case["id"]] = self.asked.get(case["id"], 0) + 1
        if case["id"] == FLAKY and self.asked[FLAKY] > 1:
            return "no idea"
        return json.dumps(case["expected"])


def run(root: Path, *more: str) -> int:
    return main(["run", "--root", str(root), "--out", str(root / ".liftgate"), *(more or ("--alias", "toy"))])


@pytest.fixture(scope="module")
def reviewed(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Iterator[tuple[Path, OpenAIServer]]:
    root = make_project(tmp_path_factory.mktemp("reviewed"), tiny_model)
    with pytest.MonkeyPatch.context() as patch, OpenAIServer(Router(root)) as server:
        patch.setenv("OPENAI_API_KEY", "sk-planted")
        (root / "models.yaml").write_text(
            "version: 1\nmodels:\n  toy:\n    default: {model_id: big, provider: openai, "
            f"base_url: {server.url}}}\n"
        )
        assert run(root) in {10, 11}
        yield root, server


def report_of(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    return found


def test_the_listed_regressions_are_asked_again_and_labelled(reviewed: tuple[Path, OpenAIServer]) -> None:
    root, server = reviewed
    report, folder = report_of(root), root / ".liftgate" / "toy"
    labels = {each["case_id"]: each["label"] for each in report["regressions"]}
    assert len(labels) == 12
    assert labels.pop(FLAKY) == "flaky 0/3"
    assert set(labels.values()) == {"3/3 reproduces"}
    lines = (folder / "runs" / "candidate" / "regressions.jsonl").read_text().splitlines()
    assert [json.loads(line)["case_id"] for line in lines] == sorted([*labels, FLAKY])
    assert "| asked again |" in (folder / "comment.md").read_text()
    assert "flaky 0/3" in (folder / "report.html").read_text()
    before = server.count
    run(root)
    assert server.count == before, "fresh answers are paid for once, too"


def test_fresh_answers_join_no_run_and_move_no_lift(reviewed: tuple[Path, OpenAIServer]) -> None:
    root, _ = reviewed
    for arm in ("base", "candidate"):
        lines = (root / ".liftgate" / "toy" / "runs" / arm / "results.jsonl").read_text().splitlines()
        assert {row["repeat"] for row in map(json.loads, lines) if row["suite"] == "quality"} == {0}
    report = report_of(root)
    assert report["comparison"]["lift"]["mean"] == -1.0
    assert report["comparison"]["counts"]["regressions"] == 12


def test_models_that_answer_the_same_way_every_time_are_not_asked_again(
    tmp_path: Path, tiny_model: Path
) -> None:
    root = make_project(tmp_path, tiny_model)
    # Whatever base answers to the first question is right from now on, and the candidate says something else.
    assert run(root) in {10, 11}
    lines = (root / ".liftgate" / "toy" / "runs" / "base" / "results.jsonl").read_text().splitlines()
    said = next(row["output"] for row in map(json.loads, lines) if row["suite"] == "quality")
    suite, golden = root / "evals" / "toy" / "suite.yaml", root / "evals" / "toy" / "golden.jsonl"
    suite.write_text(
        suite.read_text().replace("scorers: [exact_match, json_valid]", "scorers: [exact_match]")
    )
    cases = [json.loads(line) for line in golden.read_text().splitlines()]
    cases[0]["expected"] = said
    golden.write_text("".join(json.dumps(case) + "\n" for case in cases))
    assert run(root) in {10, 11}
    assert {each["label"] for each in report_of(root)["regressions"]} <= {"deterministic"}


def filled_in(report: dict[str, Any], **said: str) -> dict[str, Any]:
    """The lines that the comment offers, as somebody would fill them in."""
    entries = yaml.safe_load(to_decide(report) or "")["decisions"]
    for entry in entries:
        entry.update(
            {"decision": "accept", "owner": "ana", "reason": "fine", "decided": "2020-01-01", **said}
        )
        entry.setdefault("expires", "2999-01-01")
        entry["expires"] = entry["expires"] or "2999-01-01"
    return {"version": 1, "decisions": entries}


def test_what_the_comment_offers_to_paste_is_a_decision_once_a_person_fills_it_in(
    reviewed: tuple[Path, OpenAIServer], capsys: pytest.CaptureFixture[str]
) -> None:
    root, server = reviewed
    waivers = root / "evals" / "toy" / "waivers.yaml"
    offered = re.search(
        "```yaml\n(decisions:.*?)```", (root / ".liftgate/toy/comment.md").read_text(), re.DOTALL
    )
    assert offered and offered[1].strip() == to_decide(report_of(root))
    try:
        waivers.write_text(f"version: 1\n{offered[1]}")
        assert run(root) == 2
        assert re.search(r"evals/toy/waivers\.yaml:\d+ \$\.decisions\[0\]\.decision", capsys.readouterr().err)
        waivers.write_text(yaml.safe_dump(filled_in(report_of(root))))
        before = server.count
        assert run(root) == 10, "nobody signs for a lift"
        assert server.count == before
        report = report_of(root)
        assert [each["status"] for each in report["comparison"]["decisions"]] == ["accepted"] * 12
        assert report["comparison"]["lift"]["mean"] == -1.0
        assert report["decisions_on"] is not None
        assert to_decide(report) is None
        assert main(["registry", "verify", "--report", str(root / ".liftgate/toy/report.json")]) == 0
        waivers.write_text(
            yaml.safe_dump(
                filled_in(
                    {**report, "comparison": {**report["comparison"], "decisions": []}}, expires="2020-01-02"
                )
            )
        )
        run(root)
        found = report_of(root)["findings"]
        assert [f["path"] for f in found if f["rule"] == "decision-expired"] == [
            "evals/toy/waivers.yaml"
        ] * 12
    finally:
        waivers.unlink()
        run(root)


def test_a_decision_that_cannot_be_meant_is_told_before_anything_is_trained(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path, tiny_model)
    (root / "evals/toy/waivers.yaml").write_text(
        "version: 1\ndecisions:\n  - {case: a, outputs: ['0123456789abcdef'], decision: accept, owner: ana, "
        "reason: r, decided: 2026-02-30, expires: 2026-03-01}\n"
    )
    assert run(root) == 2
    said = capsys.readouterr().err
    assert "waivers.yaml:3 $.decisions[0].decided: 2026-02-30 is not a day" in said
    assert "estimate" not in said


def test_the_entries_can_be_printed_with_the_day(
    reviewed: tuple[Path, OpenAIServer], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = reviewed[0] / ".liftgate" / "toy"
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    capsys.readouterr()
    assert main(["gate", "--run", str(folder), "--to-decide"]) == 0
    offered = yaml.safe_load(capsys.readouterr().out)
    assert (offered["version"], len(offered["decisions"])) == (1, 12)
    assert all(str(each["decided"]) >= "2026" and each["owner"] is None for each in offered["decisions"])
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == before


def test_compare_takes_decisions_too(reviewed: tuple[Path, OpenAIServer], tmp_path: Path) -> None:
    root, _ = reviewed
    runs = root / ".liftgate" / "toy" / "runs"
    decisions = filled_in(report_of(root))
    decisions["decisions"][0]["decision"] = "fix"
    (tmp_path / "waivers.yaml").write_text(yaml.safe_dump(decisions))
    sides = ["--base", str(runs / "base"), "--candidate", str(runs / "candidate"), "--out", str(tmp_path)]
    assert main(["compare", *sides, "--waivers", str(tmp_path / "waivers.yaml")]) == 10
    made = json.loads((tmp_path / "comparison.json").read_bytes())
    assert [each["status"] for each in made["decisions"]] == ["to-fix", *["accepted"] * 11]


def test_a_decision_that_the_change_itself_brings_has_no_effect(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "evals", "models.yaml", "datasets")
    git(root, "commit", "-q", "-m", "all")
    git(root, "switch", "-q", "-c", "change")
    decision = {
        "case": "refund-0",
        "outputs": ["0123456789abcdef"],
        "decision": "accept",
        "owner": "mallory",
        "reason": "mine",
        "decided": "2020-01-01",
        "expires": "2999-01-01",
    }
    (root / "evals/toy/waivers.yaml").write_text(yaml.safe_dump({"version": 1, "decisions": [decision]}))
    git(root, "add", "evals")
    git(root, "commit", "-q", "-m", "decision")
    run(root, "--base", "main")
    report = report_of(root)
    assert report["comparison"]["decisions"] == []
    assert (report["lineage"]["waivers_sha256"], report["decisions_on"]) == (None, None)


@pytest.fixture(scope="module")
def folder(reviewed: tuple[Path, OpenAIServer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder by itself, with decisions in it."""
    root, _ = reviewed
    waivers = root / "evals" / "toy" / "waivers.yaml"
    decisions = filled_in(report_of(root))
    decisions["decisions"][0]["decision"] = "bad-label"
    waivers.write_text(yaml.safe_dump(decisions))
    run(root)
    target = tmp_path_factory.mktemp("alone") / "toy"
    shutil.copytree(root / ".liftgate" / "toy", target, ignore=shutil.ignore_patterns("ruler"))
    waivers.unlink()
    return target


def verify(folder: Path, *more: str) -> int:
    return main(["registry", "verify", "--report", str(folder / "report.json"), "--run", str(folder), *more])


def test_a_report_is_verified_with_no_key_and_no_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("verification reaches for the network")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert verify(folder, "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "schema_version": 1,
        "verified": True,
        "verdict": "block",
        "differences": 0,
        "first": None,
    }
    assert "verified, made again from" in told.err


def leaves(value: Any, key: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, (*key, name))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*key, place))
    else:
        yield key


def tampered(document: dict[str, Any], key: tuple[str | int, ...]) -> dict[str, Any]:
    changed: dict[str, Any] = orjson.loads(orjson.dumps(document))
    inner: Any = changed
    for step in key[:-1]:
        inner = inner[step]
    value = inner[key[-1]]
    inner[key[-1]] = (
        not value if isinstance(value, bool) else value + 1 if isinstance(value, (int, float)) else "x"
    )
    return changed


def test_every_field_of_a_report_is_named_when_it_is_changed_and_sealed_again(folder: Path) -> None:
    written = json.loads((folder / "report.json").read_bytes())
    found = json.loads(pretty(rebuild(folder).report))
    assert list(differences(written, found)) == []
    keys = [key for key in leaves(written) if key != ("report_sha256",)]
    assert len(keys) > 400
    for key in keys:
        named = [each.key for each in differences(seal(tampered(written, key)), found)]
        assert named == [key, ("report_sha256",)], key
    for name in written:
        removed = {key: value for key, value in written.items() if key != name}
        assert [each.key for each in differences(removed, found)] == [(name,)]
    assert [each.key for each in differences({**written, "new": 1}, found)] == [("new",)]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("verdict", "pass", "$.verdict is pass in the report and block by the stored answers"),
        ("comparison", {"lift": {"mean": 0.5}}, "$.comparison.lift.mean is 0.5 in the report and -1.0 by the stored"),
        ("lineage", {"policy_sha256": "0" * 64}, "$.lineage.policy_sha256 is not what the stored answers give"),
        ("attempts", {"number": 1_000}, "$.attempts.number is 1000 in the report"),
        ("road", {"reasons": ["x"]}, "$.road.reasons[0] is not what the stored answers give"),
        ("road", {"matrix": "rag"}, "$.road.matrix is rag in the report and null by the stored answers"),
        ("headline", "Pass, may be merged.", "$.headline is not what the stored answers give"),
        ("tool_version", "9.9.9", "$.tool_version is not"),
        ("report_sha256", "0" * 64, "$.report_sha256 is not what"),
    ],
)  # fmt: skip
def test_the_command_names_the_first_difference(
    folder: Path, tmp_path: Path, key: str, value: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads((folder / "report.json").read_bytes())
    if isinstance(value, dict):
        inner = copy.deepcopy(written[key]) or {}
        for name, item in value.items():
            inner[name] = {**inner[name], **item} if isinstance(item, dict) else item
        value = inner
    changed = {**written, key: value}
    report = tmp_path / "report.json"
    report.write_bytes(pretty(changed if key == "report_sha256" else seal(changed)))
    code = main(["registry", "verify", "--report", str(report), "--run", str(folder)])
    assert code == (2 if key == "tool_version" else 10)
    assert said in capsys.readouterr().err


def test_another_form_of_the_same_report_is_not_verified(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps(json.loads((folder / "report.json").read_bytes())))
    assert main(["registry", "verify", "--report", str(report), "--run", str(folder)]) == 10


Change = Callable[[dict[str, Any]], None]
ROWS: dict[str, Change] = {
    "case_id": lambda row: row.update(case_id="another"),
    "repeat": lambda row: row.update(repeat=7),
    "suite": lambda row: row.update(suite="safety"),
    "buckets": lambda row: row.update(buckets={"intent": "other"}),
    "scores": lambda row: row["scores"].update(exact_match=1.0 - row["scores"]["exact_match"]),
    "unscored": lambda row: row["scores"].update(exact_match=None),
    "output": lambda row: row.update(output="something else"),
    "latency_ms": lambda row: row.update(latency_ms=1.0),
    "input_tokens": lambda row: row.update(input_tokens=1),
    "output_tokens": lambda row: row.update(output_tokens=1),
    "error": lambda row: row.update(error={"kind": "timeout", "message": ""}),
    "cluster_id": lambda row: row.update(cluster_id="x"),
}


def resealed(folder: Path, arm: str, change: Change, line: int = 0) -> None:
    """Change one row of an arm's results, and run.json with it, as somebody who knows the format would."""
    results = folder / "runs" / arm / "results.jsonl"
    rows = [json.loads(text) for text in results.read_text().splitlines()]
    change(rows[line])
    results.write_text("".join(json.dumps(row) + "\n" for row in rows))
    described = folder / "runs" / arm / "run.json"
    meta = json.loads(described.read_bytes())
    described.write_bytes(
        pretty({**meta, "results_sha256": hashlib.sha256(results.read_bytes()).hexdigest()})
    )


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("arm", ["base", "candidate"])
def test_every_field_of_an_answer_is_named_when_it_is_changed(
    folder: Path, tmp_path: Path, name: str, arm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    resealed(copied, arm, ROWS[name])
    assert verify(copied) != 0
    said = capsys.readouterr().err
    assert f"$.lineage.runs.{arm} is not what the stored answers give" in said or "different buckets" in said
    # Without run.json the file itself is named.
    shutil.copyfile(folder / "runs" / arm / "run.json", copied / "runs" / arm / "run.json")
    assert verify(copied) == 2
    assert "results.jsonl" in capsys.readouterr().err


def run_json(key: str, value: Any) -> Change:
    return lambda meta: meta.update({key: value})


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("runs/base/run.json", run_json("model", "another"), "$.arms[0].model"),
        ("runs/base/run.json", run_json("golden_sha256", "0" * 64), "answered different cases"),
        ("runs/candidate/run.json", run_json("prompt_sha256", "0" * 64), "$.lineage.prompts.candidate"),
        ("runs/candidate/run.json", run_json("identity", {"model": "x"}), "$.lineage.models.candidate"),
        ("runs/candidate/run.json", run_json("scorers", {"exact_match": 9}), "$.verdict_key"),
        ("evidence.json", run_json("dataset", None), "evidence.json was altered"),
        ("findings.json", run_json("findings", []), "findings.json was altered"),
    ],
)
def test_every_other_file_of_the_folder_is_held_against_the_report(
    folder: Path, tmp_path: Path, file: str, change: Change, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    document = json.loads((copied / file).read_bytes())
    change(document)
    (copied / file).write_bytes(pretty(document))
    assert verify(copied) != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("policy", {"min_lift": 0.0}, "$.lineage.policy_fingerprint"),
        ("dataset", {"train_rows": 1_000_000}, "$.dataset.train_rows"),
        ("attempts", {"number": 1}, "$.attempts.number"),
        ("training", {"adapter_sha256": "0" * 64}, "$.training.adapter_sha256"),
        ("road", {"document": "rag"}, "$.road.document"),
        ("expected", {"refund-0": "x"}, "$.cases["),
    ],
)
def test_evidence_that_was_changed_and_sealed_again_is_named_by_the_report(
    folder: Path,
    tmp_path: Path,
    key: str,
    value: dict[str, Any],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    body = json.loads((copied / "evidence.json").read_bytes())
    del body["evidence_sha256"]
    inner = {**body[key], **value}
    if key == "attempts":
        inner["number"] = body[key]["number"] + 1
    body[key] = inner
    (copied / "evidence.json").write_bytes(pretty({**body, "evidence_sha256": digest(body)}))
    assert verify(copied) == 10
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "key", ["dataset", "estimate", "training", "attempts", "power", "road", "waived", "arm_about", "arms"]
)
@pytest.mark.parametrize("value", [{}, [1], "x", 1, [{}]], ids=repr)
def test_evidence_of_a_strange_form_is_one_clear_error(
    folder: Path, tmp_path: Path, key: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    body = {**json.loads((copied / "evidence.json").read_bytes()), key: value}
    del body["evidence_sha256"]
    (copied / "evidence.json").write_bytes(pretty({**body, "evidence_sha256": digest(body)}))
    assert verify(copied) in {2, 10}
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_from_before_decisions_were_kept_is_verified(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    for name, of, seal_ in (
        ("evidence.json", "evidence_sha256", digest),
        ("report.json", "report_sha256", None),
    ):
        body = json.loads((copied / name).read_bytes())
        del body[of], body["road"]
        made = seal(body) if seal_ is None else {**body, of: seal_(body)}
        (copied / name).write_bytes(pretty(made))
    assert verify(copied) == 0


@pytest.mark.parametrize("name", ["waivers.yaml", "runs/candidate/regressions.jsonl", "evidence.json"])
def test_a_file_that_is_gone_or_cut_short_is_never_a_pass(folder: Path, tmp_path: Path, name: str) -> None:
    copied = tmp_path / "toy"
    shutil.copytree(folder, copied)
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(whole[: len(whole) // 2])
    assert verify(copied) != 0
    (copied / name).unlink()
    assert verify(copied) != 0


def test_the_policy_that_a_report_rests_on_can_be_given(
    reviewed: tuple[Path, OpenAIServer], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = reviewed[0] / "evals" / "policy.yaml"
    assert verify(folder, "--policy", str(policy)) == 0
    other = tmp_path / "policy.yaml"
    other.write_text(policy.read_text() + "min_lift: 0.01\n")
    assert verify(folder, "--policy", str(other)) == 10
    assert "$.lineage.policy_fingerprint" in capsys.readouterr().err


def test_no_answer_stands_in_what_verify_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads((folder / "report.json").read_bytes())
    written["cases"][0]["outputs"]["candidate"] = "sekrit answer"
    report = tmp_path / "report.json"
    report.write_bytes(pretty(seal(written)))
    main(["registry", "verify", "--report", str(report), "--run", str(folder)])
    said = capsys.readouterr().err
    assert "$.cases[0].outputs.candidate (case" in said
    assert "sekrit" not in said
