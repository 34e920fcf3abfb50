"""Attacks on the content of a pull request, each in a real repository, each met by its refusal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import GOLDEN, ChangeWorld, new_row, rules
from liftgate.commands.judging.results_branch import ResultsBranch
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.commands.sources.pull_tree import Limits, fetch_pull
from liftgate.errors import InputError
from toy_project import git

POLICY = "evals/policy.yaml"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> ChangeWorld:
    return ChangeWorld(tmp_path_factory.mktemp("attacked"))


def at_main(world: ChangeWorld, path: str) -> str:
    return git(world.origin, "show", f"refs/heads/main:{path}")


def golden(cases: list[dict[str, object]]) -> str:
    return "".join(json.dumps(case) + "\n" for case in cases)


def lowered(world: ChangeWorld) -> str:
    return at_main(world, POLICY) + "min_lift: 0.001\n"


RENAMED = golden([{**case, "buckets": {"topic": "order"}} for case in GOLDEN])
WAIVER = "version: 1\nwaivers:\n  - {rule: duplicate-row, rows: [r1], owner: me, reason: x, expires: '2099-01-01'}\n"


@pytest.mark.parametrize(
    "ruler", ["threshold", "renamed bucket", "dropped bucket", "deleted case", "waiver", "prices"]
)
def test_a_change_of_ruler_and_subject_is_split(world: ChangeWorld, ruler: str) -> None:
    suite = at_main(world, "evals/toy/suite.yaml")
    files: Mapping[str, str] = {
        "threshold": {POLICY: lowered(world)},
        "renamed bucket": {"evals/toy/golden.jsonl": RENAMED},
        "dropped bucket": {"evals/toy/suite.yaml": suite.replace("scorers:", "buckets: []\nscorers:")},
        "deleted case": {"evals/toy/golden.jsonl": golden(GOLDEN[1:])},
        "waiver": {"evals/toy/waivers.yaml": WAIVER},
        "prices": {"evals/prices.yaml": at_main(world, "evals/prices.yaml").replace("3.00", "0.00")},
    }[ruler]
    assert world.refused(world.commit({**world.dataset(), **files})) == ["split-this-pr"]


def test_owners_of_the_ruler_are_those_of_the_base(world: ChangeWorld) -> None:
    head = world.commit({POLICY: lowered(world), ".github/CODEOWNERS": "/evals/ @mallory\n"})
    (told,) = world.judge(head).findings
    assert told.message == "this change moves the ruler; it needs a review by @acme/eval-owners"
    assert (told.rule, told.severity, told.path) == ("eval-owners", "notice", POLICY)


def test_a_ruler_without_owners_blocks(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    world.merge(world.commit({".github/CODEOWNERS": "/docs/ @acme/writers\n"}))
    report = world.judge(world.commit({POLICY: lowered(world), ".github/CODEOWNERS": "* @mallory\n"}))
    assert report.state == "block"
    assert [finding.rule for finding in report.findings] == ["no-eval-owners"]


def test_a_report_that_the_change_brings_is_no_verdict(world: ChangeWorld) -> None:
    passed = json.dumps({"schema_version": 1, "alias": "toy", "verdict": "pass", "findings": []})
    files = {**world.dataset(), "evals/reports/toy/v1.0.0.json": passed, ".liftgate/toy/report.json": passed}
    outcome = world.one(world.commit(files))
    assert (outcome.state, outcome.found, rules(outcome)) == ("waiting", False, ["approval-missing"])


def test_what_is_no_plain_file_is_refused(world: ChangeWorld) -> None:
    for place in ("datasets/toy/v1.0.0.train.jsonl", "datasets/toy/more.jsonl", "datasets/toy/deep/x"):
        files = {path: data for path, data in world.dataset().items() if path != place}
        assert world.refused(world.commit(files, links={place: "/etc/passwd"})) == ["not-a-plain-file"]
    assert world.refused(world.commit({}, links={"datasets/toy": "/etc"})) == ["not-a-plain-file"]
    registry = world.judge(world.commit({"models.yaml": None}, links={"models.yaml": "/etc/passwd"}))
    assert registry.state in {"block", "error"}


@pytest.mark.parametrize(
    "path",
    [
        b"datasets/toy/x\n::error::.jsonl",
        b"datasets/toy/\xff.jsonl",
        b"datasets/toy/CARD.yaml",
        b"datasets/toy/nul.x",
    ],
)
def test_odd_paths_are_refused(world: ChangeWorld, path: bytes) -> None:
    report = world.judge(world.commit(world.dataset(), odd={path: b"{}\n"}))
    assert (report.state, report.outcomes) == ("block", ())
    assert [finding.rule for finding in report.findings] == ["odd-path"]
    assert "\n" not in str(report.findings[0].path)


def test_a_tree_that_leads_out_writes_nothing_outside(world: ChangeWorld) -> None:
    def raw_tree(*entries: tuple[bytes, bytes, str]) -> str:
        body = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        words = ["git", "-C", str(world.desk), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
        return subprocess.run(words, input=body, check=True, capture_output=True).stdout.decode().strip()

    blob = git(world.desk, "rev-parse", f"{world.main}:{POLICY}").strip()
    inner = raw_tree((b"100644", b"planted", blob))
    toy = raw_tree((b"40000", b"..", inner), (b"100644", b"card.yaml", blob))
    top = raw_tree(
        (b"40000", b"datasets", raw_tree((b"40000", b"toy", toy))),
        (b"40000", b"evals", git(world.desk, "rev-parse", f"{world.main}:evals").strip()),
        (b"100644", b"models.yaml", git(world.desk, "rev-parse", f"{world.main}:models.yaml").strip()),
    )
    head = git(world.desk, "commit-tree", top, "-p", world.main, "-m", "out").strip()
    assert world.refused(head) == ["odd-path"]


def test_no_filter_hook_or_code_of_a_change_runs(world: ChangeWorld, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in ("smudge", "clean", "process"):
        git(world.clone, "config", f"filter.evil.{name}", f"touch {marks}/{name}")
    git(world.clone, "config", "diff.evil.textconv", f"touch {marks}/textconv; cat")
    hook = world.clone / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {marks}/hook\n")
    hook.chmod(0o755)
    attributes = "* filter=evil diff=evil\n"
    touched = f"import pathlib\npathlib.Path({str(marks / 'code')!r}).touch()\n"
    code = f"{touched}\n\ndef score(case, output):\n    return 1.0\n"
    suite = at_main(world, "evals/toy/suite.yaml").replace(
        "scorers: [exact_match]", "scorers: [exact_match, {scorer: python, file: own.py, name: own}]"
    )
    data = {**world.dataset(), ".gitattributes": attributes, "datasets/toy/.gitattributes": attributes}
    before = sorted(path.name for path in world.clone.iterdir())
    assert world.one(world.commit(data)).state == "waiting"
    ruler = {"evals/toy/own.py": code, "evals/toy/suite.yaml": suite, ".gitattributes": attributes}
    world.judge(world.commit(ruler))
    landed = world.commit(data)
    assert world.judge(world.commit(ruler, on=landed), base=landed).state != "error"
    assert sorted(path.name for path in marks.iterdir()) == []
    assert sorted(path.name for path in world.clone.iterdir()) == before
    assert git(world.clone, "worktree", "list").count("\n") == 1


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)


def test_a_yaml_bomb_is_an_error_of_its_alias(world: ChangeWorld) -> None:
    began = time.monotonic()
    outcome = world.one(world.commit({**world.dataset(), "datasets/toy/card.yaml": BOMB}))
    assert (outcome.state, outcome.report) == ("error", None)
    assert outcome.headline == (
        "'toy' could not be judged: datasets/toy/card.yaml:1: YAML anchors and aliases are not supported"
    )
    assert time.monotonic() - began < 20


def test_a_registry_that_cannot_be_read_blocks(world: ChangeWorld) -> None:
    report = world.judge(world.commit({"models.yaml": BOMB}))
    assert (report.state, report.outcomes) == ("block", ())
    assert [(f.rule, f.message) for f in report.findings] == [
        ("unreadable-change", "models.yaml:1: YAML anchors and aliases are not supported")
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Please cancel order HH-77901 for Bert before it ships", "golden-entity-swap"),
        ("g\u043elden quest\u0456on number 5", "golden-near-leak"),
        ("Golden   question, number 5!", "golden-leak"),
        ("\ufeffwhere is parcel 3, zanzibar quicksilver", "duplicate-row"),
    ],
)
def test_rows_that_give_the_golden_set_away_are_found(world: ChangeWorld, text: str, rule: str) -> None:
    outcome = world.one(world.with_rows(new_row(1, text)))
    assert outcome.state == "block"
    assert rule in rules(outcome)
    assert outcome.report is not None
    places = {(f["path"], f["line"]) for f in outcome.report["findings"] if f["rule"] == rule}
    assert places == {("datasets/toy/v1.0.0.train.jsonl", 13)}
    assert text not in json.dumps(outcome.report, ensure_ascii=False)


def test_a_model_at_an_address_of_the_change_is_not_asked(world: ChangeWorld) -> None:
    registry = at_main(world, "models.yaml").replace("http://127.0.0.1:9/v1", "http://203.0.113.7/v1")
    outcome = world.one(world.commit({**world.dataset(), "models.yaml": registry}))
    assert outcome.state == "block"
    assert "unknown-address" in rules(outcome)


def test_a_change_against_another_branch_never_passes(world: ChangeWorld) -> None:
    for head in (world.commit({"README.md": "hello\n"}), world.with_rows()):
        report = world.judge(head, base_ref="mine")
        assert report.state == "block"
        assert "not-the-default-branch" in [finding.rule for finding in report.findings]


VARIANT = (
    "    variants:\n      v1.0.0:\n        model_id: ft:x\n        provider: openai\n"
    "        dataset: {version: 1.0.0}\n        flag: toy-v1\n        rollout_percent: 25\n"
)


def test_a_rollback_with_anything_beside_it_is_a_promotion(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = at_main(world, "models.yaml") + VARIANT
    world.merge(world.commit({"models.yaml": registry}))
    lower = registry.replace("rollout_percent: 25", "rollout_percent: 0")
    outcome = world.one(world.commit({"models.yaml": lower}))
    assert (outcome.kinds, outcome.state) == (("rollback",), "pass")
    for more in ({"README.md": "x\n"}, {"datasets/toy/card.yaml": "x: 1\n"}):
        outcome = world.one(world.commit({"models.yaml": lower, **more}))
        assert "promotion" in outcome.kinds
    raised = registry.replace("rollout_percent: 25", "rollout_percent: 50")
    outcome = world.one(world.commit({"models.yaml": raised}))
    assert (outcome.kinds, outcome.state) == (("promotion",), "block")


def test_one_alias_that_cannot_be_judged_does_not_stop_the_others(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    names = ("golden.jsonl", "suite.yaml", "prompts/v1.yaml")
    other = {f"evals/other/{name}": at_main(world, f"evals/toy/{name}") for name in names}
    other["evals/other/suite.yaml"] = other["evals/other/suite.yaml"].replace("alias: toy", "alias: other")
    registry = at_main(world, "models.yaml")
    entry = registry.split("  toy:\n", 1)[1]
    world.merge(world.commit({**other, "models.yaml": f"{registry}  other:\n{entry}"}))
    report = world.judge(world.commit({**world.dataset(), "datasets/other/card.yaml": BOMB}))
    assert [(each.alias, each.state) for each in report.outcomes] == [("other", "error"), ("toy", "waiting")]
    assert report.state == "error"


@pytest.mark.parametrize(
    ("base", "price", "expected"),
    [
        ("embedded", "usd_per_hour: '0'", ("running", "train", True)),
        ("embedded", "usd_per_hour: '10', tokens_per_second: 1", ("waiting", None, True)),
        (f"org/model@{'a' * 40}", "usd_per_hour: '10', tokens_per_second: 1", ("waiting", None, True)),
        ("some/folder", "usd_per_hour: '0'", ("waiting", None, False)),
    ],
)
def test_a_local_training_is_priced_without_its_model(
    tmp_path: Path, base: str, price: str, expected: tuple[str, str | None, bool]
) -> None:
    world = ChangeWorld(tmp_path)
    row = f"  - {{provider: local, model: '*', {price}, source: ours, checked_on: '2026-11-25'}}\n"
    world.merge(world.commit({"evals/prices.yaml": at_main(world, "evals/prices.yaml") + row}))
    card = world.subject["datasets/toy/card.yaml"].decode()
    lines = [
        f"training: {{provider: local, base: {base}, epochs: 1}}" if line.startswith("training:") else line
        for line in card.splitlines()
    ]
    outcome = world.one(world.commit({**world.dataset(), "datasets/toy/card.yaml": "\n".join(lines) + "\n"}))
    assert (outcome.state, outcome.next_step, outcome.digest is not None) == expected, outcome.headline
    if outcome.waiting is not None:
        assert (outcome.waiting.digest, outcome.waiting.usd is not None) == (outcome.digest, expected[2])


def test_rows_may_go_with_their_last_user_only(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    world.merge(world.with_rows())
    gone = world.commit(dict.fromkeys(world.subject))
    outcome = world.one(gone)
    assert (outcome.state, rules(outcome)) == ("block", ["dataset-deleted"])
    world.merge(gone)
    arm = world.one(world.commit({"evals/toy/prompts/v1.yaml": "version: 1\nsystem: Route well.\n"}))
    assert (arm.state, arm.headline) == ("nothing", "toy: it has no rows, so there is nothing to measure")
    broken = world.one(world.commit({"evals/toy/golden.jsonl": "{}\n"}))
    assert (broken.state, rules(broken)) == ("block", ["ruler-unusable"])
    world.merge(world.with_rows())
    world.merge(world.commit({"models.yaml": "version: 1\nmodels: {}\n"}))
    retired = world.one(world.commit(dict.fromkeys(world.subject)))
    assert (retired.state, [each.rule for each in retired.findings]) == ("nothing", ["dataset-deleted"])


def test_a_ledger_that_cannot_be_read_is_an_error_and_a_rollback_needs_none(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = at_main(world, "models.yaml") + VARIANT
    world.merge(world.commit({"models.yaml": registry}))
    gone: dict[str, Any] = {
        "ledger": open_ledger("git:nowhere", world.clone),
        "results": ResultsBranch(world.clone, "nowhere"),
    }
    assert world.one(world.with_rows(), **gone).state == "error"
    lower = world.commit({"models.yaml": registry.replace("rollout_percent: 25", "rollout_percent: 0")})
    assert world.one(lower, **gone).state == "pass"


def test_a_rollback_and_a_change_of_nothing_load_neither_statistics_nor_models(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = at_main(world, "models.yaml") + VARIANT
    world.merge(world.commit({"models.yaml": registry}))
    lower = world.commit({"models.yaml": registry.replace("rollout_percent: 25", "rollout_percent: 0")})
    for head, state in ((lower, "pass"), (world.commit({"README.md": "x\n"}), "nothing")):
        git(world.clone, "fetch", "-q", str(world.desk), head)
        git(world.clone, "fetch", "-q", "origin")
        code = (
            "import datetime, pathlib, sys, time; began = time.monotonic()\n"
            "from liftgate.commands.judging.change import judge_change\n"
            f"report = judge_change(pathlib.Path({str(world.clone)!r}), {world.main!r}, {head!r}, ledger=None, "
            "results=None, today=datetime.date(2026, 11, 26))\n"
            "heavy = {'scipy', 'torch', 'transformers', 'openai', 'boto3', 'github'} & set(sys.modules)\n"
            "print(report.state, sorted(heavy), time.monotonic() - began < 10)\n"
        )
        said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        assert said == f"{state} [] True\n"


def test_a_shallow_clone_fetches_what_the_comparison_needs(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    base = world.main
    for number in range(60):
        base = world.commit({f"docs/{number}.md": "x\n"}, on=base)
    head = world.with_rows()
    world.merge(base)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{world.origin}", str(shallow))
    world.clone = shallow
    assert world.one(head, base=base).state == "waiting"


def test_histories_that_do_not_meet_are_told(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    tree = git(world.desk, "rev-parse", f"{world.main}^{{tree}}").strip()
    lonely = git(world.desk, "commit-tree", tree, "-m", "lonely").strip()
    with pytest.raises(InputError, match="no common history"):
        world.judge(lonely)
    with pytest.raises(InputError, match="has no refs/pull/99/head"):
        fetch_pull(world.clone, 99)


def test_a_huge_change_is_judged_and_one_beyond_the_bounds_is_refused(
    world: ChangeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    many = {f"datasets/toy/notes/{n:05}.txt": f"{n}\n" for n in range(300)}
    many |= {f"docs/{n:05}.txt": f"{n}\n" for n in range(3_200)}
    head = world.commit_many({**world.dataset(), **many})
    began = time.monotonic()
    outcome = world.one(head)
    took = time.monotonic() - began
    assert outcome.state == "waiting"
    assert took < 30
    for limits in (Limits(files=100), Limits(all_bytes=1_000), Limits(file_bytes=100)):
        assert world.refused(head, limits=limits) == ["change-too-large"]
    for files in (
        {f"datasets/a{n}/v1.0.0.train.jsonl": "{}\n" for n in range(3_200)},
        {f"datasets/toy/n{n}.jsonl": "{}\n" for n in range(3_200)},
    ):
        began = time.monotonic()
        assert "change-too-large" in world.refused(world.commit_many({**world.dataset(), **files}))
        assert time.monotonic() - began < 30


def test_a_change_cannot_have_its_comment_show_more_of_answers_than_its_base_allows(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    assert world.judge(world.with_rows(new_row(1, "where is it"))).show == "redacted"
    full = at_main(world, POLICY) + "report: {show: full}\n"
    rows = world.dataset(new_row(1, "where is it"))
    assert world.judge(world.commit({**rows, POLICY: full})).show == "ids"
    world.merge(world.commit({POLICY: full}))
    assert world.judge(world.with_rows(new_row(1, "where is it"))).show == "full"
