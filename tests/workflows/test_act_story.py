"""From a bad row to a merged model and back, as people see it: every step is a workflow under act.

`pytest -m acceptance -s tests/workflows/test_act_story.py` prints what each of them would read.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from act_cases import act_or_skip, bad_rows, good_rows, teachable
from chatty_model import make_chatty_model
from world import World, make_world

pytestmark = pytest.mark.acceptance
RESULTS, LEDGER = "refs/heads/liftgate-results", "refs/heads/liftgate-ledger"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pytest.importorskip("torch", reason="needs torch to train")
    act_or_skip()
    folder = tmp_path_factory.mktemp("act")
    base = make_chatty_model(folder / "model")
    made = make_world(folder, lambda root: teachable(root, base))
    with made.server:
        yield made


def test_bad_rows_fail_with_annotations_and_one_comment(world: World) -> None:
    world.step("bob opens pull request 7: two bad rows")
    sha = world.commit("rows", bad_rows, message="More refunds")
    world.open_pull(7, "rows", sha, title="More refunds")
    run = world.gate_run(7)
    asked = world.report(run, "requested")
    assert world.status(sha) == "pending: judging this commit", asked.log
    shown = world.show(world.gate(7, "opened", run))
    assert (shown.code, len(shown.annotations)) == (1, 2)
    world.show(world.report(run))
    assert world.status(sha).startswith(
        "failure: Blocked, do not merge: 2 errors before anything was trained"
    )
    world.show_pull(7)
    world.only_comment(7)
    assert world.hub.dispatches == []


def test_the_mended_push_edits_the_comment_into_a_plan_with_its_price(world: World) -> None:
    world.step("bob pushes the rows mended")
    first = world.only_comment(7)
    sha = world.commit("rows", good_rows, message="Mend the rows")
    world.push(7, sha)
    run = world.gate_run(7)
    world.show(world.gate(7, "synchronize", run))
    world.show(world.report(run))
    assert world.status(sha).startswith(
        "pending: Waiting, do not merge yet: this needs an approval of the training"
    )
    assert "0.11 USD" in world.status(sha)
    world.show_pull(7)
    assert world.only_comment(7)["id"] == first["id"]
    assert [sent["workflow"] for sent in world.hub.dispatches] == ["train.yml"]


def test_nothing_is_trained_until_somebody_lets_it(world: World) -> None:
    world.step("train.yml without anybody who let it pass its environment")
    sent = world.hub.dispatches[0]
    refused = world.show(world.by_hand("train.yml", sent["inputs"], run_id=sent["run_id"], job="approve"))
    assert refused.code == 1
    assert world.files("liftgate-ledger") == []


def test_an_approval_leads_to_training_evaluation_verdict_and_success(world: World) -> None:
    world.step("carol approves: trained on the team's own machine, evaluated, recorded, published")
    first, sha = world.only_comment(7), world.hub.pulls[7].head_sha
    (trained,) = world.dispatched(0, approved_by="carol")
    world.show(trained)
    assert trained.code == 0, trained.log
    world.show_pull(7)
    assert world.status(sha).startswith("success: Pass, may be merged: the candidate lifts exact_match by ")
    assert world.only_comment(7)["id"] == first["id"]
    assert world.server.violations == []


def test_everything_once_more_changes_nothing_and_costs_nothing(world: World) -> None:
    world.step("everything once more: nothing changes, nothing is trained, asked or paid")
    before = world.snapshot()
    again = world.gate_run(7)
    world.show(world.gate(7, "reopened", again))
    world.show(world.report(again))
    repeated = world.by_hand(
        "train.yml", world.hub.dispatches[0]["inputs"], run_id=world.rerun(0, approved_by="carol")
    )
    world.show(repeated)
    assert repeated.code == 0, repeated.log
    assert [name for name, _ in repeated.ended] == ["liftgate train/how it stands"]
    assert world.snapshot() == before


def test_the_merge_queue_finds_the_verdict_by_its_content(world: World) -> None:
    world.step("pull request 7 in the merge queue")
    before = world.files("liftgate-ledger")
    shown, found, head = world.queue("pr-7", world.hub.pulls[7].head_sha)
    world.show(found)
    assert found.code == 0, shown.log
    assert world.status(head).startswith("success: Pass, may be merged")
    assert world.files("liftgate-ledger") == before
