"""The scheduled loop: weights that change behind an id are found and evaluated, what is stale is paged and proposed."""

from __future__ import annotations

import datetime
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from act_cases import act_or_skip
from act_runner import git
from world import World, make_world

from liftgate.cli import main
from liftgate.commands.launching import hosted
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.training.ledger import verdict_name
from openai_server import OpenAIServer
from toy_project import answer, make_project
from watch_world import pager

pytestmark = pytest.mark.acceptance
DIGEST = "cd" * 32
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
LAST_WEEK = NOW - datetime.timedelta(days=7)


def project(root: Path, url: str) -> None:
    make_project(root, root / "no-model")
    pins = f"{{version: 1.0.0, train_sha256: {'ab' * 32}}}"
    stale = (NOW - datetime.timedelta(days=200)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (root / "models.yaml").write_text(
        "version: 1\nmodels:\n  toy:\n"
        f"    default: {{model_id: base, provider: openai, base_url: {url}}}\n    variants:\n"
        f"      v1.0.0: {{model_id: tuned, provider: openai, base_url: {url}, dataset: {pins}, "
        f"manifest_digest: {DIGEST}, flag: toy-v1, rollout_percent: 25}}\n"
        "  old:\n"
        "    default: {model_id: tiny, provider: local, base: tiny}\n    variants:\n"
        f"      v0.9.0:\n        model_id: ours\n        provider: local\n        base: tiny\n        dataset: {pins}\n"
        f'        evaluated_at: "{stale}"\n        flag: old-v0\n        rollout_percent: 50\n'
        "        on_call: old-oncall\n        owner: us\n        cost_tag: old\n        runbook: RUNBOOK.md\n"
    )
    (root / "logs").mkdir()
    asked = {"at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "model": "stranger", "alias": "toy", "status": "ok"}
    (root / "logs" / "requests.jsonl").write_text(json.dumps(asked) + "\n")


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.desk.looks = 0
        yield running


@pytest.fixture(scope="module")
def world(server: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    act_or_skip()
    made = make_world(tmp_path_factory.mktemp("act"), lambda root: project(root, server.url))
    lines = (made.root / "evals/toy/golden.jsonl").read_text("utf-8").splitlines()
    right = {case["messages"][0]["content"]: case["expected"]["intent"] for case in map(json.loads, lines)}

    def said(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        return answer(right[asked]) if body["model"] == "tuned" and asked in right else "{}"

    server.answer = said
    with made.server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosted, "utc_now", lambda: LAST_WEEK)
        judged = {
            "schema_version": 1, "entry": "verdict", "verdict": "pass", "alias": "toy", "results": "x",
            "manifest_digest": DIGEST, "key": "0" * 64, "report_sha256": "0" * 64,
            "at": (LAST_WEEK - datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        open_ledger("git:origin", made.root).keep(verdict_name("0" * 64), judged)
        assert main(["watch", "canary", "--root", str(made.root), "--ledger", "git:origin"]) == 0
        yield made


def test_weights_that_changed_since_last_week_are_evaluated_the_same_day(
    world: World, server: OpenAIServer
) -> None:
    world.step("the schedule: the tuned model answers half of the prompts differently since last week")
    before = server.answer
    server.answer = lambda body: before({**body, "model": "base"} if len(str(body)) % 2 else body)
    asked = server.count
    told = world.show(world.by_hand("reevaluate.yml", {}, run_id=1, job="ask"))
    assert told.code == 0, told.log
    assert "the same prompts are answered differently since" in told.log
    assert "toy v1.0.0: due at once: the same" in told.log
    assert server.count == asked + 2 * 36
    assert server.desk.created == 2, "base and candidate, each by one batch"
    names = world.files("liftgate-ledger")
    assert [sum(name.startswith(kind) for name in names) for kind in ("looks/", "verdicts/")] == [4, 2]
    assert world.server.writes == []
    assert world.server.violations == []


def test_the_watcher_tells_pages_and_proposes_and_its_proposal_is_judged_without_a_click(
    world: World, tmp_path: Path
) -> None:
    world.hub.add_workflow("reevaluate.yml", state="disabled_inactivity")
    known = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    with pager(tmp_path) as receiver:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes((Path(known).read_bytes() if known else b"") + receiver.certificate.read_bytes())
        world.runner.env["SSL_CERT_FILE"] = str(bundle)
        world.runner.secrets["LIFTGATE_PAGER_URL"] = receiver.address
        world.runner.variables["LIFTGATE_WATCH_ARGS"] = "--log logs"
        world.step("the watcher, with a pager and a folder of logs")
        told = world.show(world.by_hand("watch.yml", {}, run_id=2))
        assert told.code == 0, told.log
        [message] = receiver.received
    assert (message["subject"], message["on_call"]) == ("old/v0.9.0", "old-oncall")
    assert receiver.address not in told.log and "s3cret" not in told.log
    opened = {each["title"].split(": ")[0]: each["body"] for each in world.hub.issues.values()}
    assert {"toy/v1.0.0", "old/v0.9.0", "toy/requests"} <= set(opened)
    assert "warning silent-weights: the same prompts are answered differently" in opened["toy/v1.0.0"]
    assert world.hub.workflows["reevaluate.yml"]["state"] == "active"
    assert world.hub.workflows["poll.yml"]["state"] == "disabled_manually"
    [pull] = world.hub.pulls.values()
    assert (pull.head_ref, pull.author) == ("liftgate/rollback-old-v0.9.0-to-0", "github-actions[bot]")
    assert "**Approve workflows to run**" in pull.body
    world.say(pull.body)

    world.step("the run that it started")
    pull.base_sha = world.main
    world.push(pull.number, git(world.remote, "rev-parse", pull.head_ref))
    [job] = world.dispatched(0)
    world.show(job)
    world.show_pull(pull.number)
    assert job.code == 0, job.log
    assert world.status(pull.head_sha).startswith("success: ")

    world.step("the watcher again, without a pager")
    del world.runner.secrets["LIFTGATE_PAGER_URL"], world.runner.env["SSL_CERT_FILE"]
    wrote = len(world.server.writes)
    again = world.show(world.by_hand("watch.yml", {}, run_id=3))
    assert again.code == 0, again.log
    assert "--webhook-env" not in again.told()
    assert [each.path.split("/workflows/")[-1] for each in world.server.writes[wrote:]] == [
        "watch.yml/enable",
        "reevaluate.yml/enable",
    ]
    assert world.server.violations == []
