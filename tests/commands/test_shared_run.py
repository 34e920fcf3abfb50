"""`liftgate run --pull` on one machine and on many: the same report, no more questions, nothing in place of a shard."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")
pytest.importorskip("github", reason="needs the extra github")

from liftgate.cli import main
from liftgate.commands.judging.flow import Flow
from liftgate.evaluation.shards import Shard
from liftgate.plan import Plan
from liftgate.policy import Policy
from openai_finetuning_server import FineTuningServer
from pull_world import PullWorld, pull_world
from toy_project import git, write_jsonl

SHARDS = 3


def answer(body: Any) -> str:
    """The tuned model is right but for every tenth question; base is right on every tenth."""
    text = str(body["messages"][-1]["content"])
    tenth, tuned = text.endswith("0"), str(body["model"]).startswith("ft:")
    return json.dumps({"intent": "order" if tuned != tenth else "refund"})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PullWorld]:
    with FineTuningServer(answer=answer) as provider, pull_world(tmp_path, monkeypatch, provider) as made:
        cases = [
            {
                "id": f"c{n}",
                "messages": [{"role": "user", "content": f"golden question number {n - (n % 7 == 6)}"}],
                "expected": {"intent": "order"},
            }
            for n in range(60)
        ]
        write_jsonl(made.work / "evals" / "toy" / "golden.jsonl", cases)
        made.merge("NOTES.md", "more golden cases\n")
        yield made


def trained(world: PullWorld) -> str:
    digest = world.open()
    assert world.approve(digest, "--from-run", world.run_of_train(7, digest)) == 0
    assert world.train(digest) == 5
    (job_id,) = world.provider.jobs
    world.provider.succeed(job_id, 4321, "step,train_loss\n1,2.0\n2,1.0\n")
    assert world.train(digest) == 0
    return digest


def report(folder: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(folder, "toy", "report.json").read_bytes())
    return read


def asked(world: PullWorld) -> int:
    return sum(call.endswith("/chat/completions") for call in world.provider.calls)


def share(world: PullWorld, digest: str, number: int, of: int = SHARDS) -> None:
    out = f"shard-{number}"
    assert world.run("--digest", digest, "--shard", f"{number}/{of}", "--out", out) == 0
    Path("shards").mkdir(exist_ok=True)
    shutil.copytree(Path(out, "toy", "shard"), Path("shards", out))


def test_shards_give_the_report_of_one_machine_without_a_question_more(world: PullWorld) -> None:
    digest = trained(world)
    before = asked(world)
    whole = world.run("--digest", digest, "--out", "whole")
    on_one = asked(world) - before
    before = asked(world)
    for number in range(1, SHARDS + 1):
        share(world, digest, number)
    on_many = asked(world) - before
    before = asked(world)
    assert world.run("--digest", digest, "--shards", "shards", "--out", "joined") == whole
    assert asked(world) == before
    # One machine with the same answers asks nothing more and writes the same bytes.
    shutil.copytree("joined/store", "again/store")
    assert world.run("--digest", digest, "--out", "again") == whole
    assert asked(world) == before
    assert Path("again/toy/report.json").read_bytes() == Path("joined/toy/report.json").read_bytes()
    assert on_one > 100
    # Shards list regressions of their own, so they may ask a few questions twice that one machine asks once.
    assert on_many >= on_one
    first, joined = report("whole"), report("joined")
    assert (first["verdict"], joined["verdict"]) == (first["verdict"], first["verdict"])
    for name in ("lift", "regressions", "buckets"):
        assert first["comparison"].get(name) == joined["comparison"].get(name), name
    assert "liftgate-pull-" not in Path("joined/toy/report.json").read_text()


def test_a_verdict_that_was_recorded_meanwhile_is_not_reached_twice(
    world: PullWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = trained(world)
    first = world.run("--digest", digest, "--out", "first")
    base = git(world.clone, "rev-parse", "HEAD").strip()
    words = ["--base", base, "--pull", "7", "--results-branch", "origin", "--ledger", "git:origin"]
    assert main(["registry", "record", "first/toy", "--root", str(world.clone), *words]) == 0
    before = asked(world)
    capsys.readouterr()
    assert world.run("--digest", digest, "--out", "second") == first
    assert "its verdict is known" in capsys.readouterr().err
    assert asked(world) == before
    assert Path("second/toy/report.json").read_bytes() == Path("first/toy/report.json").read_bytes()


def test_a_missing_or_altered_shard_never_counts(world: PullWorld) -> None:
    digest = trained(world)
    for number in range(1, SHARDS + 1):
        share(world, digest, number)
    answers = Path("shards/shard-2/answers.jsonl")
    kept = answers.read_bytes()
    before = asked(world)

    def judged(out: str) -> tuple[int, list[str]]:
        code = world.run("--digest", digest, "--shards", "shards", "--out", out)
        found = [each["message"] for each in report(out)["findings"] if each["rule"] == "shard-missing"]
        assert report(out)["verdict"] != "pass"
        return code, found

    answers.write_bytes(kept.replace(b"order", b"refund"))
    assert judged("altered") == (
        10,
        ["the shard in 'shard-2' is not whole", "toy: shards that handed nothing over: 2/3"],
    )
    answers.unlink()
    assert judged("gone")[0] == 10
    shutil.rmtree("shards/shard-2")
    assert judged("absent") == (10, ["toy: shards that handed nothing over: 2/3"])
    shutil.copytree("shards/shard-1", "shards/shard-9")
    assert "stands there twice" in str(judged("twice"))
    shutil.rmtree("shards")
    assert judged("none") == (10, ["toy: shards that handed nothing over: all of them"])
    assert asked(world) == before


def test_all_shards_together_may_spend_what_one_machine_may(tmp_path: Path) -> None:
    today, plan = datetime.date(2026, 11, 25), Plan((), {"toy": ("data",)}, ())
    flow = Flow(tmp_path, tmp_path, tmp_path, "toy", plan, None, "liftgate run", today, print)
    policy = Policy()
    whole = flow._purse(policy).max_usd
    assert whole == policy.cost.max_eval_usd
    flow.shard = Shard(2, 4)
    share = flow._purse(policy).max_usd
    assert share is not None
    assert share * 4 == whole


def test_a_shard_of_something_else_is_refused(world: PullWorld, capsys: pytest.CaptureFixture[str]) -> None:
    digest = world.open()
    assert world.run("--shard", "1/2", "--shards", "x") == 2
    assert world.run("--digest", "e" * 64) == 10
    assert "another-manifest" in Path(".liftgate/toy/findings.json").read_text()
    assert world.run("--digest", digest, "--alias", "other") == 2
    assert "does not touch 'other'" in capsys.readouterr().err
