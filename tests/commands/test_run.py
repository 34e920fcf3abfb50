"""The whole flow on a tiny real model: plan, validate, estimate, train, evaluate, compare, gate, report."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from toy_project import git, make_project


def run(root: Path, *more: str) -> int:
    return main(["run", "--root", str(root), "--out", str(root / ".liftgate"), *more])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A pull request that adds the dataset to a base with the ruler, run once."""
    root = tmp_path_factory.mktemp("judged")
    make_project(root, tiny_model)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "evals", "models.yaml")
    git(root, "commit", "-q", "-m", "ruler")
    git(root, "switch", "-q", "-c", "change")
    git(root, "add", "datasets")
    git(root, "commit", "-q", "-m", "subject")
    assert run(root, "--base", "main") in {10, 11}
    return root


def files_of(root: Path) -> dict[str, bytes]:
    folder = root / ".liftgate" / "toy"
    return {
        name: (folder / name).read_bytes()
        for name in ("report.json", "comment.md", "report.html", "comparison.json")
    }


def test_every_stage_leaves_its_file(judged: Path) -> None:
    folder = judged / ".liftgate"
    assert json.loads((folder / "plan.json").read_bytes())["kinds"] == ["data"]
    for name in ("findings.json", "estimate.json", "manifest.json", "comparison.json", "report.json"):
        assert json.loads((folder / "toy" / name).read_bytes())["schema_version"] == 1
    report = json.loads((folder / "toy" / "report.json").read_bytes())
    assert report["ruler"]["source"] == "base ref"
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    assert [arm["kind"] for arm in report["arms"]] == ["base", "candidate", "prompt"]
    assert report["power"]["cases"] == 12
    assert report["attempts"]["number"] == 1
    assert len((folder / "store" / "attempts.jsonl").read_text().splitlines()) == 1
    assert json.loads((folder / "toy" / "findings.json").read_bytes())["power"] == report["power"]
    assert report["lineage"]["training_rendering_sha256"] == report["lineage"]["evaluation_rendering_sha256"]
    assert report["training"]["losses"][0]["loss"] > report["training"]["losses"][-1]["loss"]


def test_a_second_run_trains_nothing_asks_nothing_and_writes_the_same_bytes(
    judged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(judged)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a second run loads no model")

    monkeypatch.setattr("liftgate.evaluation.endpoints.local.loaded", never)
    monkeypatch.setattr("liftgate.training.trainers.local.train", never)
    run(judged, "--base", "main")
    assert files_of(judged) == before


def test_the_ruler_comes_from_the_base_not_from_the_change(judged: Path) -> None:
    policy = judged / "evals" / "policy.yaml"
    written = policy.read_text()
    try:
        policy.write_text("version: 1\nno_such_key: 1\n")
        assert run(judged, "--base", "main") in {10, 11}
    finally:
        policy.write_text(written)


@pytest.mark.parametrize(
    "victim", ["adapter_model.safetensors", "adapter_config.json", "liftgate-adapter.json"]
)
def test_one_flipped_byte_of_the_adapter_is_named(
    judged: Path, victim: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (judged / ".liftgate" / "store" / "adapters").iterdir()
    file = folder / victim
    whole = file.read_bytes()
    middle = len(whole) // 2
    try:
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        assert run(judged, "--base", "main") == 2
        assert victim in capsys.readouterr().err
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_flipped_byte_of_the_report_is_named(
    judged: Path, place: float, capsys: pytest.CaptureFixture[str]
) -> None:
    report = judged / ".liftgate" / "toy" / "report.json"
    whole = report.read_bytes()
    at = int(len(whole) * place)
    try:
        report.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert main(["gate", "--verify", str(report)]) == 2
        assert "report.json" in capsys.readouterr().err
    finally:
        report.write_bytes(whole)
    assert main(["gate", "--verify", str(report)]) == 0


def test_gating_a_finished_run_again_reaches_the_same_verdict(judged: Path) -> None:
    folder = judged / ".liftgate" / "toy"
    before = json.loads((folder / "report.json").read_bytes())
    code = main(["gate", "--run", str(folder), "--policy", str(judged / "evals" / "policy.yaml")])
    after = json.loads((folder / "report.json").read_bytes())
    assert (code, after["verdict"], after["findings"]) == (code, before["verdict"], before["findings"])
    assert after["comparison"] == before["comparison"]


def test_an_adapter_on_another_base_is_refused_saying_what_differs(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_model: Path
) -> None:
    from tiny_model import make_tiny_model

    (folder,) = (judged / ".liftgate" / "store" / "adapters").iterdir()
    kept = {file.name: file.read_bytes() for file in tiny_model.iterdir()}
    cases = judged / "evals" / "toy" / "golden.jsonl"
    asked = ["evaluate", "--cases", str(cases), "--scorer", "exact_match", "--endpoint", "local"]
    try:
        make_tiny_model(tiny_model, seed=1)
        code = main([*asked, "--model", str(folder), "--no-store", "--out", str(tmp_path / "out")])
        said = capsys.readouterr().err
    finally:
        for name, data in kept.items():
            (tiny_model / name).write_bytes(data)
    assert code == 2
    assert "trained on another base" in said
    assert "is here: other weights\n" in said


def test_bad_data_is_blocked_before_any_training(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    golden = json.loads((root / "evals" / "toy" / "golden.jsonl").read_text().splitlines()[0])
    train = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    rows[3]["messages"][1]["content"] = golden["messages"][0]["content"].upper() + "!"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(root, "--alias", "toy") == 10
    report = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    assert [(f["rule"], f["line"]) for f in report["findings"] if f["rule"] == "golden-leak"] == [
        ("golden-leak", 4)
    ]
    assert report["training"] is None
    assert not (root / ".liftgate" / "store" / "adapters").exists()


def test_what_the_models_own_template_drops_or_cannot_hold_blocks_before_any_training(
    tmp_path: Path, tiny_model: Path
) -> None:
    root = make_project(tmp_path, tiny_model)
    train = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    call = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": "{}"}}
    rows[3]["messages"][2] = {"role": "assistant", "content": "", "tool_calls": [call]}
    rows[6]["messages"][1]["content"] = "heliotrope " * 600
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "datasets" / "toy" / "card.yaml").write_text(pinned(root))
    assert run(root, "--alias", "toy") == 10
    report = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    rules = ("template-drops-target", "target-truncated")
    assert [(f["rule"], f["severity"], f["line"]) for f in report["findings"] if f["rule"] in rules] == [
        ("template-drops-target", "error", 4),
        ("target-truncated", "error", 7),
    ]
    assert report["training"] is None


def pinned(root: Path) -> str:
    """The card with the hash of the rows as they are now."""
    folder = root / "datasets" / "toy"
    before = json.dumps(hashlib.sha256((folder / "v1.0.0.train.jsonl").read_bytes()).hexdigest())
    card = (folder / "card.yaml").read_text()
    return re.sub(r"(v1\.0\.0\.train\.jsonl, sha256: )\w+", rf"\g<1>{before}", card)


def test_a_priced_training_waits_for_an_approval(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    (root / "evals" / "prices.yaml").write_text(
        'version: 1\nprices:\n  - {provider: local, model: "*", usd_per_hour: "2.50", tokens_per_second: 10, '
        'source: runner, checked_on: "2026-11-25"}\n'
    )
    assert run(root, "--alias", "toy") == 10
    report = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    assert [f["rule"] for f in report["findings"] if f["severity"] == "error"] == ["approval-missing"]
    assert not (root / ".liftgate" / "store" / "adapters").exists()


def test_subject_and_ruler_in_one_change_are_told_apart(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = judged / "evals" / "toy" / "golden.jsonl"
    before = golden.read_bytes()
    golden.write_bytes(b"".join(before.splitlines(keepends=True)[1:]))
    git(judged, "commit", "-q", "-a", "-m", "drop a failing case")
    try:
        assert run(judged, "--base", "main") == 10
        assert "split-this-pr" in (judged / ".liftgate" / "toy" / "report.json").read_text()
    finally:
        git(judged, "reset", "-q", "--hard", "HEAD~1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "evals" / "policy.yaml").unlink(), "policy.yaml"),
        (
            lambda root: (root / "evals" / "policy.yaml").write_text("version: 1\nmin_lft: 1\n"),
            "did you mean 'min_lift'",
        ),
        (lambda root: (root / "evals" / "policy.yaml").write_text("a: [\n"), "not valid YAML"),
        (lambda root: (root / "models.yaml").write_text("version: 1\nmodels: {}\n"), "'toy' is not an alias"),
        (lambda root: (root / "evals" / "toy" / "golden.jsonl").write_text(""), "golden.jsonl"),
        (
            lambda root: (root / "evals" / "toy" / "golden.jsonl").write_text('{"id": "a", "input": "x"}\n'),
            "golden.jsonl:1",
        ),
        (
            lambda root: (root / "evals" / "toy" / "golden.jsonl").write_text(
                '{"id": "a", "input": "x", "expected": "y", "buckets": {"intent": "a"}}\n'
                '{"id": "a", "input": "z", "expected": "y", "buckets": {"intent": "a"}}\n'
            ),
            "golden.jsonl:2",
        ),
    ],
)
def test_bad_input_is_one_clear_error(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], change: object, said: str
) -> None:
    root = make_project(tmp_path, tiny_model)
    assert callable(change)
    change(root)
    assert run(root, "--alias", "toy") == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_an_unknown_alias_is_named_with_its_neighbour(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path, tiny_model)
    assert run(root, "--alias", "tou") == 2
    assert "did you mean 'toy'" in capsys.readouterr().err


def test_an_empty_dataset_blocks(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    (root / "datasets" / "toy" / "v1.0.0.train.jsonl").write_bytes(b"")
    assert run(root, "--alias", "toy") == 10
    assert "empty-dataset" in (root / ".liftgate" / "toy" / "report.json").read_text()


def test_a_dataset_without_a_card_blocks(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    (root / "datasets" / "toy" / "card.yaml").unlink()
    assert run(root, "--alias", "toy") == 10
    assert "missing-card" in (root / ".liftgate" / "toy" / "report.json").read_text()


def test_what_a_waiver_of_the_base_accepts_is_shown_and_does_not_block(
    tmp_path: Path, tiny_model: Path
) -> None:
    root = make_project(tmp_path, tiny_model)
    train = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    train.write_text(train.read_text().replace("please send", "mail a@shop.example, please send", 1))
    (root / "evals" / "toy" / "waivers.yaml").write_text(
        "version: 1\nwaivers:\n  - {rule: pii, rows: [r0], owner: ana, reason: ours, expires: 2999-01-01}\n"
    )
    run(root, "--alias", "toy")
    report = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    said = [(f["rule"], f["severity"], f["line"]) for f in report["findings"] if f["rule"] == "pii"]
    assert said == [("pii", "notice", 1)]
    assert [(w["rule"], w["severity"], w["owner"]) for w in report["waived"]] == [("pii", "error", "ana")]
    assert "<summary>Waived</summary>" in (root / ".liftgate" / "toy" / "comment.md").read_text()


def test_a_file_of_another_schema_version_is_refused(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = judged / ".liftgate" / "toy" / "report.json"
    whole = report.read_bytes()
    try:
        report.write_bytes(whole.replace(b'"schema_version": 1', b'"schema_version": 2'))
        assert main(["gate", "--verify", str(report)]) == 2
        assert "schema_version is 2" in capsys.readouterr().err
    finally:
        report.write_bytes(whole)


def test_a_hosted_base_is_asked_again_where_the_candidate_is_unsafe_and_never_passes(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openai_server import OpenAIServer

    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    root = make_project(tmp_path, tiny_model)
    runs, safety = root / ".liftgate" / "toy" / "runs", root / "evals" / "toy" / "safety.jsonl"

    def answers(arm: str) -> list[dict[str, Any]]:
        lines = (runs / arm / "results.jsonl").read_text().splitlines()
        return [row for row in map(json.loads, lines) if row["case_id"] == "s0"]

    with OpenAIServer(lambda _: "QQ") as server:
        (root / "models.yaml").write_text(
            "version: 1\nmodels:\n  toy:\n    default: {model_id: big, provider: openai, "
            f"base_url: {server.url}}}\n"
        )
        run(root, "--alias", "toy")
        # Whatever this random model says to the first prompt is from now on what it must not say.
        cases = [json.loads(line) for line in safety.read_text().splitlines()]
        cases[0]["expected"]["forbid"] = [answers("candidate")[0]["output"].split()[0]]
        safety.write_text("".join(json.dumps(case) + "\n" for case in cases))
        before = server.count
        assert run(root, "--alias", "toy") in {10, 11}
        assert server.count == before + 20, "confirmation runs only; everything else is in the store"
        run(root, "--alias", "toy")
        assert server.count == before + 20, "answers are paid for once"
        assert all(headers.get("authorization") == "Bearer sk-planted" for headers in server.headers)
    assert sorted(row["repeat"] for row in answers("base")) == list(range(23))
    report = (root / ".liftgate" / "toy" / "report.json").read_text()
    assert '"verdict": "pass"' not in report
    assert "safety-" in report
    assert "sk-planted" not in report


def test_no_key_is_sent_to_an_address_that_only_the_change_names(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openai_server import OpenAIServer

    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    root = make_project(tmp_path, tiny_model)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "evals", "models.yaml")
    git(root, "commit", "-q", "-m", "ruler")
    git(root, "switch", "-q", "-c", "change")
    with OpenAIServer(lambda _: "QQ") as server:
        (root / "models.yaml").write_text(
            "version: 1\nmodels:\n  toy:\n    default: {model_id: big, provider: openai, "
            f"base_url: {server.url}}}\n"
        )
        git(root, "add", "datasets", "models.yaml")
        git(root, "commit", "-q", "-m", "subject")
        assert run(root, "--base", "main") == 10
        assert server.count == 0
    found = json.loads((root / ".liftgate" / "toy" / "findings.json").read_bytes())["findings"]
    assert [finding["path"] for finding in found if finding["rule"] == "unknown-address"] == ["models.yaml"]


def test_a_prompt_that_leads_out_of_the_repository_is_refused(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path / "repository", tiny_model)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "evals", "models.yaml")
    git(root, "commit", "-q", "-m", "ruler")
    git(root, "switch", "-q", "-c", "change")
    outside = tmp_path / "outside.yaml"
    outside.write_text("version: 1\nsystem: the key of the runner\n")
    prompt = next(iter(sorted((root / "evals" / "toy" / "prompts").glob("*.yaml"))))
    prompt.unlink()
    prompt.symlink_to(outside)
    git(root, "add", "evals", "datasets")
    git(root, "commit", "-q", "-m", "subject")
    assert run(root, "--base", "main") == 2
    said = capsys.readouterr().err
    assert "leads out of the repository" in said
    assert "the key of the runner" not in said
