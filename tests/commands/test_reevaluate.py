"""`liftgate reevaluate` against real batches: half price, nothing twice, two clean cycles before the base path goes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from liftgate import Policy
from liftgate.cli import main
from liftgate.commands.launching import hosted
from liftgate.commands.registry.record import recompute
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.project import registry_history
from liftgate.registry.check import RegistryEvidence, check_registry
from liftgate.registry.models import read_models
from openai_server import OpenAIServer
from toy_project import answer, git, make_project

DIGEST = "d" * 64
START = datetime.datetime(2026, 12, 1, 6, tzinfo=datetime.UTC)
PRICE = '{provider: openai, model: "*", input_usd_per_mtok: "1000", output_usd_per_mtok: "2000", batch_ratio: 0.5, source: ours, checked_on: "2026-11-25"}'  # noqa: E501


def registry(url: str, percent: int = 100, default: str = "base") -> str:
    pins = "{version: 1.0.0, train_sha256: " + "ab" * 32 + "}"
    more = f"manifest_digest: {DIGEST}, flag: toy-v1, rollout_percent: {percent}"
    return (
        "version: 1\nmodels:\n  toy:\n"
        f"    default: {{model_id: {default}, provider: openai, base_url: {url}}}\n"
        "    variants:\n"
        f"      v1.0.0: {{model_id: tuned, provider: openai, base_url: {url}, dataset: {pins}, {more}}}\n"
    )


@dataclass
class World:
    root: Path
    server: OpenAIServer
    now: datetime.datetime = START

    def go(self, *words: str, out: str = "out") -> int:
        place = [
            "--root",
            str(self.root),
            "--out",
            str(self.root / out),
            "--ledger",
            str(self.root / "ledger"),
        ]
        return main(["reevaluate", "--batch-look", "0.01", *place, *words])

    def entries(self) -> list[dict[str, Any]]:
        ledger = open_ledger(str(self.root / "ledger"), self.root)
        found = [dict(entry) for _, entry in ledger.entries("verdicts")]
        return sorted(found, key=lambda entry: str(entry["at"]))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    root = make_project(tmp_path / "toy", tmp_path / "model")
    rows = (root / "evals/toy/golden.jsonl").read_text("utf-8").splitlines()
    right = {json.loads(r)["messages"][0]["content"]: json.loads(r)["expected"]["intent"] for r in rows}

    def said(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        return answer(right[asked]) if body["model"] == "tuned" and asked in right else "{}"

    prices = root / "evals/prices.yaml"
    lines = [line for line in prices.read_text().splitlines() if "openai" not in line]
    prices.write_text("\n".join([*lines, f"  - {PRICE}"]) + "\n")
    with OpenAIServer(said) as server:
        (root / "models.yaml").write_text(registry(server.url))
        git(root, "init", "--quiet", "--initial-branch", "main")
        git(root, "add", ".")
        at = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"]
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-26T00:00:00Z")
        git(root, *at, "commit", "--quiet", "--message", "toy")
        made = World(root, server)
        monkeypatch.setattr(hosted, "utc_now", lambda: made.now)
        yield made


def test_a_live_variant_and_its_base_are_asked_by_the_batch_and_recorded_at_half_price(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.go("--json") == 0
    (said,) = json.loads(capsys.readouterr().out)["variants"]
    assert (said["alias"], said["variant"], said["verdict"], said["cycles"]) == ("toy", "v1.0.0", "pass", 0)
    assert (world.server.desk.created, world.server.count) == (2, 0)
    (entry,) = world.entries()
    assert (entry["alias"], entry["manifest_digest"], entry["cycle"]) == ("toy", DIGEST, "first")
    assert recompute(entry["results"]) == (entry["verdict_key"], "pass")
    rows = [
        json.loads(line)
        for arm in ("base", "candidate")
        for line in (Path(entry["results"]) / "runs" / arm / "results.jsonl").read_text().splitlines()
    ]
    live = (
        sum(Decimal(r["input_tokens"]) * 1000 + Decimal(r["output_tokens"]) * 2000 for r in rows) / 1_000_000
    )
    assert Decimal(entry["usd"]) == live / 2
    assert {row["latency_ms"] for row in rows} == {None}


def test_two_clean_cycles_two_weeks_apart_are_what_the_base_path_waits_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> list[str]:
        before, after = (read_models(registry(world.server.url, default=d)) for d in ("base", "tuned"))
        history = registry_history(world.root, "HEAD")
        evidence = RegistryEvidence(history=history, verdicts=tuple(world.entries()))
        found = check_registry(before, after, evidence, Policy(), world.now)
        return [each.rule for each in found if each.rule == "base-path-removed"]

    world.now = START + datetime.timedelta(days=20)
    assert world.go() == 0
    assert refused() == ["base-path-removed"]
    world.now += datetime.timedelta(days=29)
    assert world.go() == 0
    assert "judged 29 days ago, due after 30" in capsys.readouterr().err
    assert (world.server.desk.created, len(world.entries())) == (2, 1)
    world.now += datetime.timedelta(days=1)
    assert world.go() == 0
    assert "clean cycles at 100%: 2 of 2" in capsys.readouterr().err
    assert world.server.desk.created == 4, "a cycle asks anew: last month's answers say nothing of today"
    first, second = world.entries()
    assert second["cycle"] == first["key"] != second["key"]
    assert first["verdict_key"] == second["verdict_key"]
    assert refused() == []


def test_a_batch_that_goes_on_is_found_again_by_another_machine_and_paid_for_once(world: World) -> None:
    world.server.desk.looks = 1_000_000
    assert world.go("--deadline", "0.05", out="one") == 5
    assert world.server.desk.created == 2, "the candidate's batch does not wait for base's"
    assert world.entries() == []
    assert world.go("--deadline", "0.05", out="one") == 5
    world.server.desk.looks = 0
    assert world.go(out="another") == 0
    assert world.server.desk.created == 2
    assert [entry["verdict"] for entry in world.entries()] == ["pass"]
    assert world.go("--every-days", "30", out="another") == 0
    assert world.server.desk.created == 2


def test_a_variant_that_got_worse_is_recorded_and_told_by_the_exit_code(world: World) -> None:
    world.server.answer = lambda body: "{}"
    assert world.go() in (10, 11)
    (entry,) = world.entries()
    assert entry["verdict"] != "pass"
    world.now += datetime.timedelta(days=3)
    assert world.go("--every-days", "0") in (10, 11)
    assert [each["cycle"] for each in world.entries()] == ["first", entry["key"]]


def test_a_budget_stops_before_anything_is_created_and_nothing_is_recorded(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.go("--max-usd", "0.01") == 11
    assert (world.server.desk.created, world.server.count, world.entries()) == (0, 0, [])
    assert "the budget of $0.01" in capsys.readouterr().err


def test_what_cannot_end_within_its_budget_is_not_begun_one_by_one_either(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.go("--live", "--max-usd", "0.01") == 11
    assert (world.server.count, world.entries()) == (0, [])
    assert "so nothing was asked; narrow the suite" in capsys.readouterr().err


def test_live_asks_one_by_one_at_the_full_price(world: World) -> None:
    assert world.go("--live") == 0
    assert world.server.desk.created == 0
    (entry,) = world.entries()
    assert Decimal(entry["usd"]) > Decimal("0.4")


def test_what_judges_cost_is_in_what_the_cycle_cost(world: World) -> None:
    folder = world.root / "evals/toy"
    suite, prices = folder / "suite.yaml", world.root / "evals/prices.yaml"
    assert world.go() == 0
    (unjudged,) = world.entries()
    (folder / "judges").mkdir()
    judge = {
        "version": 1, "prompt": "Is it kind?", "answers": "scale", "shows": ["question"], "endpoint": "openai",
        "model": "grader", "base_url": world.server.url, "sampling": {"max_tokens": 50},
    }  # fmt: skip
    (folder / "judges/kind.yaml").write_text(json.dumps(judge))
    suite.write_text(
        suite.read_text().replace("scorers: [", "scorers: [{scorer: judge, judge: judges/kind.yaml}, ")
    )
    grader = PRICE.replace('"*"', '"grader"').replace('"1000"', '"30"').replace('"2000"', '"60"')
    prices.write_text(prices.read_text() + f"  - {grader}\n")
    before, kind = world.server.answer, '{"reason": "kind", "score": 5}'
    world.server.answer = lambda body: kind if body["model"] == "grader" else before(body)
    world.now += datetime.timedelta(days=31)
    assert world.go() == 0
    judged = world.entries()[-1]
    asked = [body for body in world.server.bodies if body["model"] == "grader"]
    assert len(asked) == 2 * 12
    tokens = sum(len(str(m["content"]).split()) for body in asked for m in body["messages"])
    said = len(asked) * len(kind.split())
    cost = (Decimal(tokens) * 30 + Decimal(said) * 60) / 1_000_000
    assert Decimal(judged["usd"]) - Decimal(unjudged["usd"]) == cost > 0


def test_without_a_manifest_no_verdict_can_be_kept(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    models = world.root / "models.yaml"
    models.write_text(models.read_text().replace(f"manifest_digest: {DIGEST}, ", ""))
    assert world.go() == 10
    assert "`manifest_digest` is not set" in capsys.readouterr().err
    assert world.server.desk.created == 0


def test_a_variant_without_callers_is_nobodys_to_evaluate(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.root / "models.yaml").write_text(registry(world.server.url, percent=0))
    assert world.go() == 0
    assert "no variant has callers" in capsys.readouterr().err


def test_answers_lie_on_the_results_branch_and_a_backlog_reads_them_there(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(world.root, "remote", "add", "origin", str(remote))
    assert world.go("--results-branch") == 0
    (entry,) = world.entries()
    assert entry["results"] == f"liftgate-results/{entry['key']}.tar.gz"
    words = ["--root", str(world.root), "--results-branch", "--ledger", str(world.root / "ledger"), "--json"]
    capsys.readouterr()
    assert main(["backlog", "toy", *words]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["rule"] for each in said["findings"]] == ["too-few-prompt-versions"]
