"""A promotion as a pull request: its checklist is computed when it is judged, and stands in the comment."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld
from liftgate.report.change_comment import render_change_comment
from toy_project import git

VARIANT = """\
    variants:
      v1.0.0:
        model_id: ft:gpt-4.1-nano-2025-04-14:acme::abc
        provider: openai
        dataset: {version: 1.0.0}
        flag: toy-v1
        rollout_percent: 0
        owner: support
        runbook: docs/rollback.md
"""
CHECKLIST = """\
| before this is promoted | done | evidence |
| --- | --- | --- |
| dataset version | **✗ missing** | 1.0.0, its sha256 is not pinned |
| held-out evaluation | **✗ missing** | manifest-missing, report-missing |
| safety suite | **✗ missing** | not measured |
| on-call | **✗ missing** | owner support, on-call not set |
| time at 0% | **✗ missing** | 2 hours; the policy wants 24 |
| requests at 0% | **✗ missing** | &#96;shadow_report&#96; is not set: nothing says how it did at 0%; the policy wants 200 requests |
| cost projection | **? unknown** | the report does not price an answer of this model |
| retrain trigger | **? unknown** | &#96;retrain_trigger&#96; is not set; the policy asks for 5 reviewed rows before a training |
| decision document | ✓ done | evals/toy/decision.yaml |
| gateway entry | ✓ done | models.yaml:8, a model at openai |
| flag off by default | ✓ done | toy-v1 was at 0% in {first}, the first commit that has it |
| rollback runbook | ✓ done | docs/rollback.md |
"""  # noqa: E501

STEPS = """\
1. Measure what is missing; the last command brings this pull request up to date.

```bash
liftgate watch shadow toy v1.0.0 --log requests.jsonl
liftgate registry promote toy v1.0.0 --pull-request
```

2. Wait until the time that the finding names, then run this check again; nothing has to be pushed.

</details>"""


def test_a_promotion_is_told_with_its_checklist(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = git(world.origin, "show", "refs/heads/main:models.yaml") + VARIANT
    first = world.commit({"models.yaml": registry, "docs/rollback.md": "# Rollback\n"})
    world.merge(first)
    raised = registry.replace("rollout_percent: 0", "rollout_percent: 5")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
    report = world.judge(world.commit({"models.yaml": raised}), now=later)
    (outcome,) = report.outcomes
    assert (outcome.kinds, outcome.state) == (("promotion",), "block")
    assert outcome.headline == "toy: v1.0.0 goes from 0% to 5% of the callers; the registry's rules forbid it"
    comment = render_change_comment(report, workflow="liftgate", run_url=None, previous=None)
    # The comment breaks up what GitHub would make a link of.
    assert CHECKLIST.format(first=first[:12]) in comment.replace("&#8203;", "")
    assert comment.rstrip().endswith(STEPS)


def test_what_gives_nobody_more_callers_has_no_checklist(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = git(world.origin, "show", "refs/heads/main:models.yaml") + VARIANT
    added = world.one(world.commit({"models.yaml": registry}))
    assert (added.kinds, added.checklist) == (("promotion",), ())
    served = registry.replace("rollout_percent: 0", "rollout_percent: 5")
    world.merge(world.commit({"models.yaml": served}))
    back = world.one(world.commit({"models.yaml": registry}))
    assert (back.kinds, back.state, back.checklist) == (("rollback",), "pass", ())


def test_the_checklist_stays_beside_rows_that_cannot_be_judged(tmp_path: Path) -> None:
    world = ChangeWorld(tmp_path)
    registry = git(world.origin, "show", "refs/heads/main:models.yaml") + VARIANT
    world.merge(world.commit({"models.yaml": registry}))
    raised = registry.replace("rollout_percent: 0", "rollout_percent: 5")
    outcome = world.one(world.commit({**world.dataset(), "models.yaml": raised}))
    assert outcome.state == "block"
    assert [item["item"] for item in outcome.checklist][:2] == ["decision document", "dataset version"]
