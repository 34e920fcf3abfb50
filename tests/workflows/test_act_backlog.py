"""Three prompts, a variant and a shadow report: the scheduled run records, proposes a backlog once, draws the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from act_cases import act_or_skip
from act_runner import git
from world import World, make_world

from openai_server import OpenAIServer
from toy_project import answer, make_project

pytestmark = pytest.mark.acceptance
HARD = ("order-1", "billing-0")
SHADOW = "evals/reports/toy/v1.0.0.shadow.json"
BODY = (Path(__file__).parent.parent / "snapshots" / "backlog-scheduled.md").read_text("utf-8")


def right_answers(root: Path) -> dict[str, str]:
    lines = (root / "evals/toy/golden.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return {case["messages"][0]["content"]: case["id"] for case in cases}


def project(root: Path, url: str) -> None:
    make_project(root, root / "no-model")
    suite, policy = root / "evals/toy/suite.yaml", root / "evals/policy.yaml"
    (root / "evals/toy/prompts/v3.yaml").write_text("version: 1\nsystem: Route it. Reply with JSON only.\n")
    suite.write_text(suite.read_text() + "  prompt-v3: {prompt: prompts/v3.yaml, model: default}\n")
    # So that the other prompts are asked, too.
    policy.write_text(policy.read_text() + "require_cheaper_arms_first: true\n")
    named = {"schema_version": 1, "alias": "toy", "variant": "v1.0.0", "model_id": "tuned"}
    window = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z", "rollout_percent": 5}
    worse = {"request_id": "req-77", "buckets": {"intent": "refund"}}
    shadow = json.dumps({**named, **window, "requests": 400, "errors": 0, "regressions": [worse]}).encode()
    (root / SHADOW).parent.mkdir(parents=True)
    (root / SHADOW).write_bytes(shadow)
    pin = f"{{path: {SHADOW}, sha256: {hashlib.sha256(shadow).hexdigest()}}}"
    (root / "models.yaml").write_text(
        "version: 1\nmodels:\n  toy:\n"
        f"    default: {{model_id: base, provider: openai, base_url: {url}}}\n    variants:\n"
        f"      v1.0.0:\n        model_id: tuned\n        provider: openai\n        base_url: {url}\n"
        f"        dataset: {{version: 1.0.0, train_sha256: {'ab' * 32}}}\n        manifest_digest: {'cd' * 32}\n"
        f"        flag: toy-v1\n        rollout_percent: 25\n        shadow_report: {pin}\n"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.desk.looks = 0
        yield running


@pytest.fixture(scope="module")
def world(server: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    act_or_skip()
    made = make_world(tmp_path_factory.mktemp("act"), lambda root: project(root, server.url))
    ids = right_answers(made.root)

    def said(body: dict[str, Any]) -> str:
        case_id = ids.get(body["messages"][-1]["content"])
        if case_id is None or (body["model"] == "base" and case_id in HARD):
            return "{}"
        return answer(case_id.rsplit("-", 1)[0])

    server.answer = said
    with made.server:
        yield made


def test_the_scheduled_run_records_proposes_and_draws_and_a_second_one_changes_nothing(
    world: World, server: OpenAIServer
) -> None:
    world.step("the schedule: a live variant is asked again")
    told = world.show(world.by_hand("reevaluate.yml", {}, run_id=1))
    assert told.code == 0, told.log
    assert [how for _, how in told.ended] == ["Job succeeded"] * 3
    canary = 2 * 3 * min(20, len(right_answers(world.root)))
    assert (server.desk.created, server.count) == (4, canary), (
        "four batches, and the week's canary of two models"
    )
    assert len([name for name in world.files("liftgate-ledger") if name.startswith("looks/")]) == 2
    assert len([name for name in world.files("liftgate-ledger") if name.startswith("verdicts/")]) == 1
    assert len([name for name in world.files("liftgate-results") if name.endswith(".tar.gz")]) == 1
    (pull,) = world.hub.pulls.values()
    assert pull.body == BODY
    assert (pull.author, pull.head_ref, pull.base_ref) == (
        "github-actions[bot]",
        "liftgate/backlog-toy",
        "main",
    )
    rows = git(world.remote, "show", "liftgate/backlog-toy:evals/toy/backlog.jsonl").splitlines()
    assert sorted(json.loads(row)["case_id"] for row in rows) == sorted([*HARD, "req-77"])
    for prompt in right_answers(world.root):
        assert prompt not in "\n".join(rows) + pull.body
    (page,) = (world.runner.folder / "artifacts").rglob("status.html")
    assert "25%" in page.read_text("utf-8")

    world.step("the schedule again, the next day")
    before, tip = world.snapshot(), git(world.remote, "rev-parse", "liftgate/backlog-toy")
    wrote = len(world.server.writes)
    again = world.show(world.by_hand("reevaluate.yml", {}, run_id=2))
    assert again.code == 0, again.log
    assert (world.snapshot(), git(world.remote, "rev-parse", "liftgate/backlog-toy")) == (before, tip)
    assert [each.path for each in world.server.writes[wrote:]] == []
    assert (server.desk.created, server.count) == (4, canary)
    assert world.server.violations == []
