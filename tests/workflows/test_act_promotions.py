"""From the first rows to every caller and back, each step a pull request: what a release manager goes through.

`pytest -m acceptance -s tests/workflows/test_act_promotions.py` prints what she reads.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from act_cases import CLEAN, act_or_skip, release, teachable
from chatty_model import make_chatty_model
from desk import Desk
from world import World, make_world

from openai_server import OpenAIServer

pytestmark = pytest.mark.acceptance
ALIAS, VARIANT = "support-intent", "v1.1.0"
MODEL = f"{ALIAS}-{VARIANT}"
RUNBOOK = "docs/runbooks/rollback.md"
NOBODY = "http://127.0.0.1:9/v1"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
ALWAYS = {
    "decision document",
    "dataset version",
    "held-out evaluation",
    "safety suite",
    "gateway entry",
    "flag off by default",
    "cost projection",
    "rollback runbook",
    "retrain trigger",
    "on-call",
}


def ago(**before: float) -> datetime.datetime:
    return NOW - datetime.timedelta(**before)


def project(root: Path, base: Path) -> None:
    """The toy project under the name of the story, with a price of its answers and a runbook."""
    teachable(root, base, ALIAS)
    prices = root / "evals" / "prices.yaml"
    tokens = 'input_usd_per_mtok: "0.10", output_usd_per_mtok: "0.40", usd_per_hour: "3.60"'
    prices.write_text(prices.read_text().replace('usd_per_hour: "3.60"', tokens))
    (root / RUNBOOK).parent.mkdir(parents=True)
    (root / RUNBOOK).write_text(f"# Rollback\n\nliftgate registry rollback {ALIAS} --pull-request\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pytest.importorskip("torch", reason="needs torch to train")
    act_or_skip()
    folder = tmp_path_factory.mktemp("act")
    base = make_chatty_model(folder / "model")
    made = make_world(folder, lambda root: project(root, base), at=ago(days=9))
    with made.server:
        yield made


@pytest.fixture(scope="module")
def desk(world: World) -> Desk:
    return Desk.of(world)


def checklist(world: World, number: int) -> dict[str, bool]:
    """Item → whether the one comment says that it is done."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", world.only_comment(number)["body"], re.M)
    return {item: done == "✓ done" for item, done in rows if "✓" in done or "✗" in done or "?" in done}


def found(world: World, number: int) -> set[str]:
    """Rules of the errors in the one comment."""
    return set(re.findall(r"^- \*\*error\*\* `([\w-]+)`", world.only_comment(number)["body"], re.M))


def test_the_rows_are_approved_trained_judged_and_merged(world: World) -> None:
    world.step("bob's rows: approved by carol, trained, evaluated, merged")
    sha = world.commit("rows", lambda root: release(root, CLEAN, alias=ALIAS), message="More refunds")
    world.open_pull(7, "rows", sha, title="More refunds")
    run = world.gate_run(7)
    shown = world.gate(7, "opened", run)
    told = world.report(run)
    assert world.status(sha).startswith("pending: Waiting"), told.log
    (trained,) = world.dispatched(0, approved_by="carol")
    assert trained.code == 0, trained.log
    world.show_pull(7)
    world.say(
        f"    preview {shown.seconds:.1f} s, verdict {told.seconds:.1f} s, train.yml {trained.seconds:.1f} s"
    )
    assert world.status(sha).startswith("success: Pass, may be merged")
    (key,) = re.findall(rf"registry add {ALIAS} --recorded (\w+) --pull-request", world.comments(7)[0])
    assert [name[: len(key)] for name in world.files("liftgate-results")] == [key]
    world.merge(7, ago(days=8))


def test_the_model_becomes_a_variant_at_zero_from_what_was_recorded(world: World, desk: Desk) -> None:
    world.step("rita adds the model at 0%, mirrored, with nothing but a clone and a token")
    desk.pull()
    people = ("--owner", "support", "--on-call", "support-oncall", "--runbook", RUNBOOK)
    more = ("--cost-tag", "support", "--retrain-trigger", "500 reviewed rows", "--shadow-percent", "100")
    number = desk.propose("add", ALIAS, "--recorded", *people, *more)
    assert desk.judged(number) == (
        "success: Pass, may be merged: v1.1.0 is added at 0% of the callers, and 100% of the requests are mirrored "
        "to it; every rule of the registry holds."
    )
    world.merge(number, ago(days=7))


def test_a_first_step_with_nothing_measured_is_blocked_and_mended(world: World, desk: Desk) -> None:
    world.step("rita asks for 25% at once, at her desk, then for 5% with nothing measured")
    desk.pull()
    skipped = desk.liftgate("registry", "promote", ALIAS, VARIANT, "--to", "25")
    assert "rollout-step-skipped" in skipped
    number = desk.propose("promote", ALIAS, VARIANT)
    assert desk.judged(number).startswith(
        "failure: Blocked, do not merge: support-intent v1.1.0: `shadow_report`"
    )
    assert found(world, number) == {"shadow-missing"}
    assert checklist(world, number) == {
        **dict.fromkeys(ALWAYS, True), "time at 0%": True, "requests at 0%": False,
    }  # fmt: skip
    step = f"liftgate watch shadow {ALIAS} {VARIANT} --log requests.jsonl\nliftgate registry promote {ALIAS} {VARIANT}"
    assert step in world.only_comment(number)["body"]

    world.step("rita measures the mirrored requests and asks again: the same pull request")
    log = desk.requests(VARIANT, MODEL, since=ago(days=6), mirrored=True)
    desk.liftgate("watch", "shadow", ALIAS, VARIANT, "--log", str(log), "--metric", "solved")
    assert desk.propose("promote", ALIAS, VARIANT) == number
    assert "[x] requests at 0%: 240 requests, 0 errors" in world.hub.pulls[number].body
    assert "What stood against it" not in world.hub.pulls[number].body
    assert desk.judged(number) == (
        "success: Pass, may be merged: v1.1.0 goes from 0% to 5% of the callers; every rule of the registry holds."
    )
    assert checklist(world, number) == dict.fromkeys({*ALWAYS, "time at 0%", "requests at 0%"}, True)
    world.merge(number, ago(hours=3))


def test_a_step_that_is_asked_for_too_early_is_green_when_its_time_has_come(world: World, desk: Desk) -> None:
    world.step("three hours after 5%")
    desk.pull()
    log = desk.requests(VARIANT, MODEL, since=ago(hours=9), mirrored=False)
    desk.liftgate("watch", "shadow", ALIAS, VARIANT, "--log", str(log))
    number = desk.propose("promote", ALIAS, VARIANT)
    blocked = desk.judged(number)
    assert blocked.startswith("failure: Blocked, do not merge: support-intent v1.1.0: at 5% since ")
    assert found(world, number) == {"rollout-too-soon"}
    assert "then run this check again; nothing has to be pushed" in world.only_comment(number)["body"]

    world.step("days later the same check runs again")
    world.later(ago(days=5))
    assert desk.judged(number) == (
        "success: Pass, may be merged: v1.1.0 goes from 5% to 25% of the callers; every rule of the registry holds."
    )
    assert checklist(world, number) == dict.fromkeys({*ALWAYS, "time at 5%", "requests at 5%"}, True)
    world.merge(number, ago(days=4))


def test_every_caller_gets_it_after_a_load_test_and_a_drill(world: World, desk: Desk) -> None:
    world.step("25% to 100%")
    desk.pull()
    log = desk.requests(VARIANT, MODEL, since=ago(days=3), mirrored=False)
    desk.liftgate("watch", "shadow", ALIAS, VARIANT, "--log", str(log))
    with OpenAIServer(lambda body: '{"intent": "order"}', latency_s=0.01) as server:
        words = ("--base-url", server.url, "--concurrency", "8", "--requests", "200")
        desk.liftgate("load-test", ALIAS, "--variant", VARIANT, *words, "--quota-requests", "3000")
    drill = ("--drilled-on", f"{ago(days=3):%Y-%m-%d}", "--drilled-by", "rita", "--drill-seconds", "40")
    number = desk.propose("promote", ALIAS, VARIANT, *drill)
    assert desk.judged(number) == (
        "success: Pass, may be merged: v1.1.0 goes from 25% to 100% of the callers; every rule of the registry holds."
    )
    shown = {"time at 25%", "requests at 25%", "load test", "rollback drill"}
    assert checklist(world, number) == dict.fromkeys(ALWAYS | shown, True)
    world.merge(number, ago(days=2))


def test_a_rollback_is_green_in_seconds_with_every_provider_down(
    world: World, desk: Desk, record_property: Callable[[str, object], None]
) -> None:
    world.step("an incident: back, no provider answers, no secret is set")
    for host in ("OPENAI", "AZURE_OPENAI", "TOGETHER", "FIREWORKS"):
        world.runner.env[f"{host}_BASE_URL"] = NOBODY
    world.runner.env["AWS_ENDPOINT_URL"] = NOBODY
    assert world.runner.secrets == {}
    desk.pull()
    number = desk.propose("rollback", ALIAS)
    assert world.hub.pulls[number].title == f"Roll back {ALIAS} {VARIANT} from 100% to 0%"
    assert desk.judged(number).startswith("success: Rollback, merge now: ")
    record_property(
        "told",
        f"rollback from 100%, from the run's start to the green status: {desk.seconds:.1f} s (goal 30 s)",
    )
    world.merge(number, NOW)

    world.step("what the registry says of it afterwards")
    desk.pull()
    verified = desk.liftgate("registry", "verify", ALIAS, "--ledger", "git:origin")
    assert f"{ALIAS} {VARIANT}: verified, from rows to flag" in verified
    assert "0% → 5% → 25% → 100% → 0%" in verified
    assert "approved by carol" in verified
    traced = desk.liftgate("registry", "trace", MODEL, "--ledger", "git:origin")
    assert re.findall(r"\b(\d+)% since", traced) == ["0", "5", "25", "100", "0"]
    assert "rolled back from 100%" in traced


def test_what_was_rolled_back_comes_back_with_evidence_again(world: World, desk: Desk) -> None:
    world.step("rita promotes it once more: nothing of the first time counts")
    number = desk.propose("promote", ALIAS, VARIANT)
    assert desk.judged(number).startswith("failure: Blocked, do not merge: ")
    assert found(world, number) == {"rollout-too-soon", "shadow-unfit"}

    world.step("two days later, with requests of this step")
    world.later(ago(hours=40))
    desk.pull()
    log = desk.requests(VARIANT, MODEL, since=ago(hours=30), mirrored=True)
    desk.liftgate("watch", "shadow", ALIAS, VARIANT, "--log", str(log), "--metric", "solved")
    told = desk.liftgate("registry", "promote", ALIAS, VARIANT)
    assert "requests at 0%: 240 requests" in told
    assert "the gate would refuse" not in told
    assert world.server.violations == []
