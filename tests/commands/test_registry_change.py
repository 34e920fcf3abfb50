"""`registry check | promote | rollback | add` on a real repository: diffs, exit codes, branches, what is imported."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from liftgate.cli import main
from liftgate.config import parse_yaml
from liftgate.digests import pretty
from liftgate.registry.edits import changed_lines
from liftgate.training.ledger import Ledger, plan_name, verdict_name
from liftgate.training.ledger_folder import Folder
from registry_world import (
    ALIAS,
    DECIDED,
    DECISION,
    LOAD,
    REPORT,
    RUNBOOK,
    SHADOW,
    VARIANT,
    load_report,
    manifest,
    shadow_report,
    signed_report,
    verdict,
)
from toy_project import git

GOLDEN, SAFETY = b'{"id":"g"}\n', b'{"id":"s"}\n'
HEAD = """\
# The registry.
version: 1
models:
  support-intent:   # routes tickets
    default: {model_id: smollm2, provider: local, base: embedded}
    variants:
"""


def stamp(**ago: float) -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit(root: Path, message: str, days_ago: float) -> str:
    git(root, "add", "-A")
    when = {"GIT_COMMITTER_DATE": stamp(days=days_ago), "GIT_AUTHOR_DATE": stamp(days=days_ago)}
    names = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    command = ["git", "-C", str(root), *names, "commit", "-q", "--allow-empty", "-m", message]
    subprocess.run(command, check=True, env={**os.environ, **when})
    return git(root, "rev-parse", "HEAD").strip()


def sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def entry(files: Mapping[str, bytes], percent: int, shadow: int = 10) -> str:
    made = manifest()
    pins = {
        key: {"path": path, "sha256": sha256(files[path])}
        for key, path in (("report", REPORT), ("shadow_report", SHADOW), ("load_report", LOAD))
    }
    dataset = {
        "version": "1.1.0",
        "train_sha256": made.train_sha256,
        "validation_sha256": made.validation_sha256,
    }
    lines = [
        f"{VARIANT}:",
        "  model_id: support-intent-v1.1.0",
        "  provider: local",
        "  base: embedded",
        f"  base_revision: {made.base_revision}",
        f"  adapter_sha256: {signed_report()['training']['adapter_sha256']}",
        f"  dataset: {json.dumps(dataset)}",
        f"  manifest_digest: {made.digest}",
        *(f"  {key}: {json.dumps(pin)}" for key, pin in pins.items()),
        f"  rollback_drill: {{on: {stamp(days=3)[:10]}, by: support}}",
        "  flag: support-intent-v1-1-0",
        f"  rollout_percent: {percent}   # the dial",
        f"  shadow_percent: {shadow}",
        "  owner: support",
        "  on_call: support-oncall",
        f"  runbook: {RUNBOOK}",
    ]
    return "".join(f"      {line}\n" for line in lines)


class Repository:
    """A clone in which a variant is about to go from one step to the next, with all that this needs."""

    def __init__(self, root: Path, percent: int = 0) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        git(root, "init", "-q", "-b", "main")
        report = signed_report(lineage__golden_sha256=sha256(GOLDEN), lineage__safety_sha256=sha256(SAFETY))
        self.report = report
        self.files = {
            REPORT: pretty(report),
            SHADOW: pretty(shadow_report(percent, **{"from": stamp(days=2), "to": stamp(hours=2)})),
            LOAD: pretty(load_report(measured_at=stamp(days=1))),
            DECISION: DECIDED.encode(),
            RUNBOOK: b"# Rollback\n",
            f"evals/{ALIAS}/golden.jsonl": GOLDEN,
            f"evals/{ALIAS}/safety.jsonl": SAFETY,
            f"evals/{ALIAS}/suite.yaml": (
                f"version: 1\nalias: {ALIAS}\ntask: classification\ngolden: golden.jsonl\nsafety: safety.jsonl\n"
                "primary_metric: exact_match\nsampling: {temperature: 0, max_tokens: 12}\nscorers: [exact_match]\n"
                "arms:\n  candidate: {prompt: prompts/v1.yaml, model: candidate}\n"
            ).encode(),
            "evals/policy.yaml": b"version: 1\n",
            ".gitignore": b".liftgate/\nledger/\n",
        }
        for path, data in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        self.write(percent)
        commit(root, "base", 5)
        ledger = Ledger(Folder(root / "ledger"))
        at = {"at": stamp(days=4)}
        said = {"schema_version": 1, "entry": "verdict", "results": "somewhere", **verdict(report), **at}
        ledger.keep(verdict_name(report["verdict_key"]), said)
        made = manifest()
        plan = {"schema_version": 1, "entry": "plan", "digest": made.digest, "manifest": made.to_dict(), **at}
        ledger.keep(plan_name(made.digest), plan)

    def write(self, percent: int) -> None:
        (self.root / "models.yaml").write_text(HEAD + entry(self.files, percent))

    @property
    def text(self) -> str:
        return (self.root / "models.yaml").read_text()

    def run(self, action: str, *words: str) -> int:
        return main(
            ["registry", action, *words, "--root", str(self.root), "--ledger", str(self.root / "ledger")]
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "clone")


def test_a_promotion_is_one_line_and_passes_the_check(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    before = repository.text
    assert repository.run("promote", ALIAS, VARIANT, "--write") == 0
    assert changed_lines(before, repository.text) == (1, 1)
    assert repository.text == before.replace(
        "rollout_percent: 0   # the dial", "rollout_percent: 5   # the dial"
    )
    told = capsys.readouterr()
    assert "+        rollout_percent: 5   # the dial" in told.out
    assert "the gate would refuse" not in told.err
    assert repository.run("check", "--base", "main") == 0
    commit(repository.root, "promote", 0)
    assert repository.run("check", "--base", "HEAD~1", "--head", "HEAD", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["changes"], said["findings"]) == ("pass", {ALIAS: "promotion"}, [])
    assert [item["item"] for item in said["checklist"][ALIAS] if item["ok"] is not True] == [
        "retrain trigger"
    ]


def test_what_was_measured_goes_with_the_promotion_and_is_pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository(tmp_path / "clone", 25)
    fresh = shadow_report(
        25, **{"from": stamp(hours=20), "to": stamp(hours=1)}, source="liftgate watch shadow"
    )
    (repository.root / SHADOW).write_bytes(pretty(fresh))
    elsewhere = tmp_path / "load.json"
    elsewhere.write_bytes(pretty(load_report(measured_at=stamp(hours=3))))
    words = ("--load-report", str(elsewhere), "--drilled-on", stamp(days=1)[:10], "--drilled-by", "rita")
    before = repository.text
    assert repository.run("promote", ALIAS, VARIANT, *words, "--drill-seconds", "40", "--write") == 0
    made = parse_yaml(repository.text, "m").data["models"][ALIAS]["variants"][VARIANT]
    assert made["shadow_report"] == {"path": SHADOW, "sha256": sha256(pretty(fresh))}
    assert made["load_report"] == {"path": LOAD, "sha256": sha256(elsewhere.read_bytes())}
    assert made["rollback_drill"] == {"on": stamp(days=1)[:10], "by": "rita", "seconds": 40}
    assert (repository.root / LOAD).read_bytes() == elsewhere.read_bytes()
    assert changed_lines(before, repository.text) == (4, 4)
    told = capsys.readouterr().err
    assert (f"{LOAD} goes with it" in told, "the gate would refuse" in told) == (True, False)
    assert repository.run("check", "--base", "main") == 0


def test_the_whole_ladder_up_and_back(tmp_path: Path) -> None:
    for was, then in ((0, 5), (5, 25), (25, 100)):
        ladder = Repository(tmp_path / f"at-{was}", was)
        assert ladder.run("promote", ALIAS, VARIANT, "--write") == 0
        assert f"rollout_percent: {then}   # the dial" in ladder.text
        assert ladder.run("check", "--base", "main") == 0
        commit(ladder.root, "promote", 0)
        assert ladder.run("rollback", ALIAS, "--write") == 0
        assert "rollout_percent: 0   # the dial" in ladder.text
        assert ladder.run("check", "--base", "HEAD") == 0
        assert ladder.run("rollback", ALIAS, "--restore", "--write") == 2
        git(ladder.root, "checkout", "-q", "--", "models.yaml")
        assert ladder.run("rollback", ALIAS, "--restore", "--write") == 0
        assert f"rollout_percent: {was}   # the dial" in ladder.text
        assert ladder.run("check", "--base", "HEAD") == 0


def test_a_hand_written_report_is_refused(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    forged = pretty({**signed_report(headline="**Pass.**"), "lineage": repository.report["lineage"]})
    repository.files[REPORT] = forged
    (repository.root / REPORT).write_bytes(forged)
    repository.write(5)
    assert repository.run("check", "--base", "main") == 10
    assert "[report-altered]" in capsys.readouterr().err


def test_a_restored_entry_beside_another_file_needs_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Repository(tmp_path / "clone", 25)
    swapped = made.text.replace("smollm2, provider", "smollm3, provider")
    before = made.text
    (made.root / "models.yaml").write_text(swapped)
    commit(made.root, "another default", 1)
    (made.root / "models.yaml").write_text(before)
    assert made.run("check", "--base", "main") == 0
    (made.root / "README.md").write_text("more\n")
    assert made.run("check", "--base", "main") == 10
    assert "[default-model-changed]" in capsys.readouterr().err


def test_two_files_and_the_registry_alone(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = repository.root / "before.yaml", repository.root / "after.yaml"
    before.write_text(repository.text)
    after.write_text(repository.text.replace("rollout_percent: 0 ", "rollout_percent: 25 "))
    assert repository.run("check", str(before), str(after)) == 10
    told = capsys.readouterr().err
    assert f"{after}:20: error: support-intent v1.1.0: from 0% the next step is 5%, not 25%" in told
    assert repository.run("check", str(after), str(before)) == 0
    assert repository.run("check", str(after)) == 2
    assert repository.run("check") == 0
    twice = repository.text + repository.text.split("    variants:\n")[1].replace("v1.1.0:", "v1.2.0:")
    (repository.root / "models.yaml").write_text(twice)
    assert repository.run("check") == 10
    assert "the flag 'support-intent-v1-1-0' belongs to support-intent v1.1.0 and support-intent v1.2.0" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("promote", "support-inten", VARIANT), "did you mean 'support-intent'?"),
        (("promote", ALIAS, "v1.0.0"), "did you mean 'v1.1.0'?"),
        (("promote", ALIAS, VARIANT, "--to", "0"), "a promotion raises it"),
        (("promote", ALIAS, VARIANT, "--to", "101"), "a promotion raises it"),
        (("rollback", ALIAS), "nothing to roll back"),
        (("rollback", ALIAS, VARIANT), "a rollback only lowers"),
        (("rollback", ALIAS, "--restore"), "no earlier entry"),
        (("rollback", ALIAS, VARIANT, "--restore"), "puts back the whole alias"),
        (("promote", ALIAS, VARIANT, "--write", "--pull-request"), "choose one of them"),
        (("promote", ALIAS, VARIANT, "--pull-request"), "GITHUB_TOKEN"),
        (("promote", ALIAS, VARIANT, "--drilled-by", "rita"), "--drilled-on 2026-11-25 --drilled-by NAME"),
        (("promote", ALIAS, VARIANT, "--drilled-by", "rita", "--drilled-on", "today"), "has a day"),
        (("promote", ALIAS, VARIANT, "--shadow-report", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    before = repository.text
    assert repository.run(*words) == 2
    assert sentence in capsys.readouterr().err
    assert repository.text == before


def test_a_run_folder_becomes_a_variant_at_zero(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.json").write_bytes(pretty(repository.report))
    (folder / "manifest.json").write_bytes(pretty(manifest().to_dict()))
    before = repository.text
    words = ("add", ALIAS, "--run", str(folder), "--name", "v1.1.1")
    assert repository.run(*words, "--shadow-percent", "10", "--runbook", "nowhere.md") == 0
    told = capsys.readouterr().err
    assert "`runbook` names no file of this repository [runbook-missing]\nas it is now, the gate" in told
    assert "Next, when requests were mirrored to it: `liftgate watch shadow" in told
    assert repository.run(*words, "--write") == 0
    told = capsys.readouterr().err
    assert ("the gate would refuse" in told, "raise its `shadow_percent`" in told) == (False, True)
    added = parse_yaml(repository.text, "m").data["models"][ALIAS]["variants"]["v1.1.1"]
    assert repository.text.startswith(before)
    assert {
        key: added[key] for key in ("model_id", "flag", "rollout_percent", "owner", "on_call", "runbook")
    } == {
        "model_id": "support-intent-v1.1.1",
        "flag": "support-intent-v1-1-1",
        "rollout_percent": 0,
        "owner": "support",
        "on_call": "support-oncall",
        "runbook": RUNBOOK,
    }
    assert (repository.root / added["report"]["path"]).read_bytes() == pretty(repository.report)
    assert repository.run("check", "--base", "main") == 0
    assert repository.run(*words) == 2
    assert "stands there already" in capsys.readouterr().err
    (folder / "manifest.json").write_bytes(pretty({**manifest().to_dict(), "base_revision": "0" * 64}))
    assert repository.run(*words) == 2


_ROLLBACK = """
import json, sys, time
from liftgate.cli import main
told = {}
for name, words in json.loads(sys.argv[1]).items():
    began = time.perf_counter()
    code = main(words)
    told[name] = [code, time.perf_counter() - began]
heavy = [m for m in ("boto3", "github", "numpy", "openai", "scipy", "torch", "transformers") if m in sys.modules]
sys.stderr.write("\\n" + json.dumps({"told": told, "heavy": heavy}))
"""


def test_a_rollback_is_told_in_a_moment_and_loads_nothing_that_measures(tmp_path: Path) -> None:
    made = Repository(tmp_path / "clone", 25)
    for number in range(60):
        (made.root / "models.yaml").write_text(made.text.replace("owner: support", f"owner: support{number}"))
        commit(made.root, "hand over", 1)
    swapped = made.text.replace("smollm2, provider", "smollm3, provider")
    before = made.text
    (made.root / "models.yaml").write_text(swapped)
    commit(made.root, "another default", 1)
    git(made.root, "checkout", "-q", "-b", "back")
    (made.root / "models.yaml").write_text(before)
    commit(made.root, "restore", 0)
    root = ["--root", str(made.root)]
    steps = {
        "plan": ["plan", "--base", "main", *root],
        "run": ["run", "--base", "main", *root, "--out", str(tmp_path / "out")],
        "check": ["registry", "check", "--base", "main", *root],
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _ROLLBACK, json.dumps(steps)], capture_output=True, text=True, check=True
    )
    took = time.perf_counter() - began
    said: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    assert {name: code for name, (code, _) in said["told"].items()} == dict.fromkeys(steps, 0)
    assert "change kinds: rollback" in done.stderr
    assert said["heavy"] == []
    assert took < 6, f"{said['told']} in {took:.2f} s"


def test_a_pull_request_is_made_on_the_base_branch_whatever_lies_in_the_work_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = Repository(tmp_path / "origin", 25)
    git(tmp_path, "clone", "-q", str(origin.root), "clone")
    clone = tmp_path / "clone"
    (clone / "models.yaml").write_text("version: 1\nmodels: {}\n")
    with GitHubServer() as server:
        repo = server.repository("octocat/toy")
        told = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "octocat/toy"}
        for key, value in told.items():
            monkeypatch.setenv(key, value)
        words = ["registry", "rollback", ALIAS, "--pull-request", "--root", str(clone)]
        assert main(words) == 0
        written = repo.pulls[1].body
        assert "`v1.1.0` of `support-intent` goes from 25% to 0%" in written
        for edited, then in (
            (written.replace("goes from", "went from"), written),
            ("Mine.\n", "Mine.\n"),
        ):
            repo.pulls[1].body = edited
            assert main(words) == 0
            assert repo.pulls[1].body == then
        pulls = [(pull.number, pull.title, pull.base_ref, pull.head_ref) for pull in repo.pulls.values()]
        assert server.violations == []
    branch = f"liftgate/rollback-{ALIAS}-v1.1.0-to-0"
    assert pulls == [(1, f"Roll back {ALIAS} v1.1.0 from 25% to 0%", "main", branch)]
    assert git(origin.root, "diff", "--stat", "main", branch).splitlines()[-1] == (
        " 1 file changed, 1 insertion(+), 1 deletion(-)"
    )
    assert git(origin.root, "log", "--format=%s", f"main..{branch}").splitlines() == [
        f"Roll back {ALIAS} v1.1.0 from 25% to 0%"
    ]
    assert (clone / "models.yaml").read_text() == "version: 1\nmodels: {}\n"
    assert "pull request #1" in capsys.readouterr().err
    assert main(["plan", "--base", "main", "--head", branch, "--root", str(origin.root)]) == 0
    assert "change kinds: rollback" in capsys.readouterr().err
