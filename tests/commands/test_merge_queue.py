"""Two pull requests that passed alone are another thing together."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld, rules


def test_two_queued_changes_of_one_alias_are_retrained_together(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    first = world.commit(world.dataset(), message="Rows (#12)")
    docs = world.commit({"README.md": "x\n"}, on=first, message="Words (#13)")
    arm = {"evals/toy/prompts/v1.yaml": "version: 1\nsystem: Route the ticket well.\n"}
    group = world.commit(arm, on=docs, message="Merge pull request #14 from ann/arm\n\nMore")
    report = world.judge(group, merge_group=True)
    (outcome,) = report.outcomes
    assert (outcome.state, rules(outcome)) == ("block", ["retrain-together"])
    assert sorted(each.rule for each in report.findings) == ["retrain-together", "rivals-moved"]
    (said,) = (each for each in report.findings if each.rule == "retrain-together")
    assert said.message == (
        "#12, #14 are queued together and all change toy: each was judged alone, and no verdict exists for what they "
        "make together; take one out of the queue, merge the other, then retrain together"
    )
    # The same commits of one pull request are judged like any change.
    assert world.one(group).state == "waiting"
    assert world.one(docs, merge_group=True).state == "waiting"
