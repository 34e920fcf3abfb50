"""A pull request judged by a job of the default branch: fetched as objects, nothing of it checked out or run."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import GOLDEN, ChangeWorld, digest_at, new_row, rules
from hosted_project import PLANTED
from liftgate.cli import main
from liftgate.commands.judging.evidence import rebuild
from liftgate.commands.judging.results_branch import ResultsBranch, pack, results_place, unpack
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.files import sha256_file, write_json
from liftgate.training.ledger import verdict_name
from openai_finetuning_server import FineTuningServer
from openai_submissions import BASE
from toy_project import DECISION, git

LEDGER = ("--ledger", "git:origin")


@dataclass
class Judged:
    """A change that was trained, evaluated and recorded: its head, its work tree, its run folder."""

    world: ChangeWorld
    head: str
    tree: Path
    run: Path


@pytest.fixture(scope="module")
def server() -> Iterator[FineTuningServer]:
    def answer(body: Any) -> str:
        return json.dumps({"intent": "order" if str(body["model"]).startswith("ft:") else "refund"})

    with FineTuningServer(answer=answer) as server, pytest.MonkeyPatch.context() as patch:
        server.models[BASE] = "2099-01-01"
        for name, value in server.environment.items():
            patch.setenv(name, value)
        for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
            patch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, server: FineTuningServer) -> Judged:
    """The whole story once; each step as the change's status sees it."""
    world = ChangeWorld(tmp_path_factory.mktemp("world"), server.url)
    head = world.with_rows()
    waits = world.one(head)
    assert (waits.state, waits.next_step, rules(waits)) == ("waiting", None, ["approval-missing"])
    assert waits.waiting is not None
    tree = world.checked_out(head, "tree")
    assert (waits.digest, waits.waiting.digest) == (digest_at(tree), digest_at(tree))
    assert waits.waiting.usd == waits.usd is not None
    words = ("--root", str(tree), *LEDGER)
    names = ("--by", "owner", "--author", "ann", "--base", "origin/main")
    assert main(["approve", "--alias", "toy", "--digest", digest_at(tree), *names, *words]) == 0
    approved = world.one(head)
    assert (approved.state, approved.next_step) == ("running", "train")
    run = ["run", "--base", "origin/main", "--out", str(tree / "out"), "--interval", "0.01", *words]
    assert main(run) == 5
    (job,) = server.jobs
    training = world.one(head)
    assert (training.state, training.job_id, training.next_step) == ("running", job, None)
    server.run(job)
    server.succeed(job, 4321, "step,train_loss\n1,2.0\n2,1.0\n")
    assert main(run) == 0
    trained = world.one(head)
    assert (trained.state, trained.next_step, trained.job_id) == ("running", "evaluate", job)
    record = [
        "registry",
        "record",
        str(tree / "out" / "toy"),
        *words,
        "--results-branch",
        "--base",
        "origin/main",
    ]
    assert main(record) == 0
    assert main(record) == 0
    return Judged(world, head, tree, tree / "out" / "toy")


def test_the_verdict_is_found_by_content_and_made_again(judged: Judged) -> None:
    outcome = judged.world.one(judged.head)
    assert (outcome.state, outcome.found) == ("pass", True), outcome
    stored = json.loads((judged.run / "report.json").read_bytes())
    assert outcome.report is not None
    assert outcome.headline == stored["headline"]
    assert outcome.report["comparison"] == stored["comparison"]
    assert PLANTED not in json.dumps(outcome.report["findings"])
    assert str(judged.world.folder) not in json.dumps(outcome.report)
    assert "liftgate-" not in json.dumps(outcome.report)


def test_a_person_with_a_clone_adds_the_model_of_a_recorded_verdict(
    judged: Judged, capsys: pytest.CaptureFixture[str]
) -> None:
    world, (key, packed) = judged.world, archive(judged)
    add = ("registry", "add", "toy", "--json", "--owner", "us", "--root")
    assert main([*add, str(judged.tree), "--recorded"]) == 0
    out, told = capsys.readouterr()
    made = json.loads(out)
    assert made["files"] == ["evals/reports/toy/v1.0.0.json", "evals/reports/toy/v1.0.0.manifest.json"]
    assert f"+        manifest_digest: {digest_at(judged.tree)}".replace('"', "") in made["diff"].replace(
        '"', ""
    )
    assert f"taken from the verdict {key[:12]}… of the ledger: Pass, may be merged" in told
    # The clone has the default branch, which does not have the rows.
    refused = {
        ("--recorded",): "the rows of no pass of toy are on the base branch",
        ("--recorded", "0" * 12): "the ledger has no verdict '000000000000' of toy",
        ("--recorded", "Toy"): "a verdict's key begins with at least 7 characters",
        ("--recorded", key[:8], "--ledger", str(world.folder / "none")): "the ledger has no verdict",
    }
    for words, why in refused.items():
        assert main([*add, str(world.clone), *words]) == 2
        assert why in capsys.readouterr().err
    assert main([*add, str(world.clone), "--recorded", key[:8]]) == 0
    for forged, why in ((packed[:-9], "do not hold"), (None, "are not on the branch")):
        with results_as(world, None if forged is None else {f"{key}.tar.gz": forged}):
            assert main([*add, str(judged.tree), "--recorded"]) == 2
        assert f"the results of {key[:12]}… {why}" in capsys.readouterr().err


def test_the_decision_document_makes_no_other_key_and_is_held_anew_under_the_same(judged: Judged) -> None:
    world, paper = judged.world, "evals/toy/decision.yaml"
    known = world.one(judged.head)
    assert known.report is not None
    stored = known.report["road"]
    assert (stored["document"], stored["matrix"], stored["state"]) == ("fine-tune", None, "incomplete")
    assert [each["rule"] for each in known.report["findings"]].count("decision-incomplete") == 1
    cites = DECISION.replace("must_cite_sources: false", "must_cite_sources: true").replace(
        "version: 1", "\nversion: 1"
    )
    for text, rule, road in (
        (cites, "against-decision", ("fine-tune", "rag", "differs")),
        (DECISION.replace("owner: us", "owner: TODO"), "no-decision", ("fine-tune", None, "incomplete")),
        ("version: 1\n", "no-decision", None),
        (None, "no-decision", None),
    ):
        outcome = world.one(world.commit({**world.dataset(), paper: text}))
        assert (outcome.key, outcome.found, outcome.state) == (known.key, True, "block")
        assert rules(outcome) == [rule]
        report = outcome.report or {}
        # What was found of the document on the day of the verdict is not said of another one.
        assert "decision-incomplete" not in [each["rule"] for each in report["findings"]]
        now = report.get("road")
        assert (now and (now["document"], now["matrix"], now["state"])) == road


def test_neither_a_rebase_nor_a_queue_nor_a_date_loses_the_verdict(judged: Judged) -> None:
    world = judged.world
    before = world.main
    try:
        base = world.commit({"README.md": "hello\n"})
        world.merge(base)
        rebased = world.commit(world.dataset(), on=base, message="the same again (#7)")
        assert world.one(rebased).found
        queued = world.one(rebased, merge_group=True)
        assert (queued.state, queued.found) == ("pass", True)
        assert queued.key == world.one(judged.head, base=before).key
    finally:
        world.merge(before)


def test_any_other_byte_of_the_subject_is_another_key(judged: Judged) -> None:
    world = judged.world
    known = world.one(judged.head).key
    note = world.one(world.commit({"datasets/toy/README.md": "x\n"}, on=judged.head))
    assert (note.key != known, note.found, note.next_step) == (True, False, "evaluate")
    more = world.one(world.with_rows(new_row(1, "a parcel came twice")))
    assert (more.key != known, more.found, more.state) == (True, False, "waiting")
    arm = world.one(
        world.commit({"evals/toy/prompts/v1.yaml": "version: 1\nsystem: Other.\n"}, on=judged.head)
    )
    assert (arm.key != known, arm.found, arm.next_step) == (True, False, "evaluate")


def test_what_is_found_today_is_folded_into_a_verdict_of_yesterday(judged: Judged) -> None:
    late = judged.world.one(judged.head, today=datetime.date(2098, 12, 1))
    assert (late.state, late.found) == ("block", True)
    assert late.report is not None
    assert late.report["comparison"]["verdict"] == "pass"
    assert rules(late) == ["sunset"]


def test_a_training_that_failed_blocks_and_is_not_started_again(
    judged: Judged, server: FineTuningServer
) -> None:
    world = judged.world
    head = world.with_rows(new_row(9, "the parcel came on a sunday"))
    tree = world.checked_out(head, "failed")
    words = ("--root", str(tree), *LEDGER)
    names = ("--by", "owner", "--author", "ann", "--base", "origin/main")
    assert main(["approve", "--alias", "toy", "--digest", digest_at(tree), *names, *words]) == 0
    # An approval of somebody else's change does not count for this one.
    assert world.one(head, author="bob").state == "waiting"
    run = ["run", "--base", "origin/main", "--out", str(tree / "out"), "--interval", "0.01", *words]
    assert main(run) == 5
    server.fail_job(sorted(set(server.jobs))[-1], "invalid_training_file", "Line 3")
    assert main(run) == 10
    outcome = world.one(head)
    assert (outcome.state, outcome.next_step) == ("block", None)
    assert "training-failed" in rules(outcome)


@contextlib.contextmanager
def results_as(world: ChangeWorld, files: Mapping[str, bytes] | None) -> Iterator[None]:
    """The results branch with these archives instead of its own; None deletes the branch."""
    ref = "refs/heads/liftgate-results"
    before = git(world.origin, "rev-parse", ref).strip()

    def made(*words: str, given: bytes) -> str:
        command = [
            "git",
            "-C",
            str(world.origin),
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t.invalid",
            *words,
        ]
        return subprocess.run(command, input=given, check=True, capture_output=True).stdout.decode().strip()

    if files is None:
        git(world.origin, "update-ref", "-d", ref)
    else:
        blobs = {name: made("hash-object", "-w", "--stdin", given=data) for name, data in files.items()}
        tree = made("mktree", given="".join(f"100644 blob {b}\t{n}\n" for n, b in blobs.items()).encode())
        git(world.origin, "update-ref", ref, made("commit-tree", tree, given=b"forged"))
    try:
        yield
    finally:
        git(world.origin, "update-ref", ref, before)


def archive(judged: Judged) -> tuple[str, bytes]:
    key = str(judged.world.one(judged.head).key)
    found = ResultsBranch(judged.world.clone).branch.get(f"{key}.tar.gz")
    assert found is not None
    return key, found


def test_an_archive_that_the_ledger_does_not_know_counts_for_nothing(judged: Judged) -> None:
    world = judged.world
    other = world.with_rows(new_row(2, "the parcel is wet"))
    key, (own, packed) = world.one(other).key, archive(judged)
    with results_as(world, {f"{own}.tar.gz": packed, f"{key}.tar.gz": packed}):
        outcome = world.one(other)
    assert (outcome.state, outcome.found) == ("waiting", False)
    assert outcome.report is not None
    assert "results-not-recorded" in [each["rule"] for each in outcome.report["findings"]]


def test_results_of_another_change_count_for_nothing(judged: Judged) -> None:
    world = judged.world
    other = world.with_rows(new_row(3, "the parcel is open"))
    key, (own, packed) = str(world.one(other).key), archive(judged)
    ledger = open_ledger("git:origin", world.clone)
    entry = dict(ledger.read(verdict_name(own)) or {})
    ledger.keep(verdict_name(key), {**entry, "key": key, "results": results_place(key)})
    with results_as(world, {f"{own}.tar.gz": packed, f"{key}.tar.gz": packed}):
        outcome = world.one(other)
    assert (outcome.state, outcome.found, rules(outcome)) == ("block", False, ["results-of-another-change"])


def test_a_forged_archive_is_an_error_and_is_not_judged_anew(judged: Judged, tmp_path: Path) -> None:
    key, packed = archive(judged)
    folder = tmp_path / "forged"
    unpack(packed, folder)
    answers = folder / "runs" / "base" / "results.jsonl"
    answers.write_bytes(answers.read_bytes().replace(b'"exact_match":0.0', b'"exact_match":1.0', 1))
    altered = pack(folder)
    about = json.loads((answers.parent / "run.json").read_bytes())
    write_json(answers.parent / "run.json", {**about, "results_sha256": sha256_file(answers)})
    # Consistent in itself: its own answers give its own report.
    write_json(folder / "report.json", rebuild(folder).report)
    consistent = pack(folder)
    bomb = gzip.compress(bytes(150_000_000), 1)
    link = tarfile.TarInfo("runs")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(link)
    for forged in (altered, consistent, bomb, gzip.compress(made.getvalue()), b"", packed[:-9]):
        assert forged != packed
        with results_as(judged.world, {f"{key}.tar.gz": forged}):
            outcome = judged.world.one(judged.head)
        assert (outcome.state, outcome.found, rules(outcome)) == ("block", False, ["results-altered"])


def test_a_verdict_whose_results_are_gone_is_an_error(judged: Judged) -> None:
    with results_as(judged.world, None):
        outcome = judged.world.one(judged.head)
    assert (outcome.state, outcome.found, rules(outcome)) == ("block", False, ["results-missing"])


def test_a_run_of_another_change_is_not_recorded(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    world = judged.world
    other = world.open(world.with_rows(new_row(4, "the parcel is empty")))
    words = [
        "--root",
        str(judged.tree),
        *LEDGER,
        "--results-branch",
        "--base",
        "origin/main",
        "--pull",
        str(other),
    ]
    assert main(["registry", "record", str(judged.run), *words]) == 2
    assert "another training file than this change has" in capsys.readouterr().err


@pytest.mark.parametrize("moved", ["prompt", "card", "head"])
def test_a_run_is_not_recorded_for_what_was_pushed_after_it(
    judged: Judged, capsys: pytest.CaptureFixture[str], moved: str
) -> None:
    world, files = judged.world, judged.world.dataset()
    if moved == "prompt":
        files["evals/toy/prompts/v1.yaml"] = "version: 1\nsystem: Answer in French.\n"
    if moved == "card":
        card = str(files["datasets/toy/card.yaml"])
        files["datasets/toy/card.yaml"] = card.replace("epochs: 3", "epochs: 9")
    pushed = world.commit(files, message="pushed while it was evaluated")
    words = ["--root", str(judged.tree), *LEDGER, "--results-branch", "--base", "origin/main"]
    words += ["--pull", str(world.open(pushed))]
    words += ["--head-sha", judged.head] if moved == "head" else []
    assert main(["registry", "record", str(judged.run), *words]) == 2
    sentence = {
        "prompt": "were asked for with another prompt than this change has",
        "card": "were measured with another training manifest than this change has",
        "head": "moved on since it was run, so the run is not of what it holds now",
    }[moved]
    assert sentence in capsys.readouterr().err
    assert moved == "head" or not world.one(pushed).found


def test_a_lower_bar_alone_is_told_by_both_rulers_and_needs_its_owners(judged: Judged) -> None:
    world, before = judged.world, judged.world.main
    policy = git(world.origin, "show", "refs/heads/main:evals/policy.yaml")
    try:
        world.merge(judged.head)
        lower = world.judge(world.commit({"evals/policy.yaml": policy + "min_lift: 0.001\n"}))
        higher = world.judge(
            world.commit({"evals/policy.yaml": policy + "require_cheaper_arms_first: true\n"})
        )
        golden = world.judge(world.commit({"evals/toy/golden.jsonl": "".join(map(line, GOLDEN[1:]))}))
    finally:
        world.merge(before)
    for report in (lower, higher, golden):
        assert report.state == "pass"
        assert [finding.rule for finding in report.findings] == ["eval-owners"]
    assert (
        lower.outcomes[0].headline == "toy: pass by the old ruler, pass by the new one, on the same answers"
    )
    assert "ruler-turns-verdict" in [finding.rule for finding in higher.outcomes[0].findings]
    assert (
        golden.outcomes[0].headline
        == "toy: pass by the old ruler; the cases of the new one are not asked yet"
    )


def line(case: dict[str, Any]) -> str:
    return json.dumps(case) + "\n"
