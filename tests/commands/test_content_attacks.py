"""Attacks on what a verdict is kept under: what is read beside it, what came unseen, what moved meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from change_world import ChangeWorld
from toy_project import git


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def at_main(world: ChangeWorld, path: str) -> str:
    return git(world.origin, "show", f"refs/heads/main:{path}")


@pytest.mark.parametrize(
    "place", ["{folder}/outside.yaml", "../../../{folder}/outside.yaml", "../other.yaml"]
)
def test_an_arm_reads_nothing_outside_its_suite(world: ChangeWorld, place: str) -> None:
    (world.folder / "outside.yaml").write_text("version: 1\nsystem: of this machine\n")
    world.merge(world.commit({**world.dataset(), "evals/other.yaml": "version: 1\nsystem: of nobody\n"}))
    suite = at_main(world, "evals/toy/suite.yaml")
    elsewhere = suite.replace("prompts/v1.yaml", place.format(folder=world.folder))
    outcome = world.one(world.commit({"evals/toy/suite.yaml": elsewhere}))
    assert outcome.state == "error"
    assert outcome.headline.endswith("must be a file inside the suite's own folder")


def test_what_a_rebased_change_only_passed_through_is_not_restored(world: ChangeWorld) -> None:
    registry = at_main(world, "models.yaml")
    hidden = world.commit({"models.yaml": registry.replace("model_id: gpt-4o-mini", "model_id: evil")})
    unused = "dataset: {version: 1.0.0}, flag: f, rollout_percent: 0"
    shown = f"{registry}    variants:\n      v9: {{model_id: x, provider: openai, {unused}}}\n"
    world.merge(world.commit({"models.yaml": shown}, on=hidden))
    outcome = world.one(world.commit({"models.yaml": git(world.desk, "show", f"{hidden}:models.yaml")}))
    assert (outcome.kinds, outcome.state) == (("promotion",), "block")


def test_a_registry_full_of_nothing_is_told_in_seconds(world: ChangeWorld) -> None:
    registry = at_main(world, "models.yaml")
    began = time.monotonic()
    assert world.judge(world.commit({"models.yaml": registry + "\n" * 1_000_000})).state == "nothing"
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("value", ["9" * 6_000, "1:" * 6_000 + "1", "!!float abc", "!!int ''"])
def test_a_value_that_is_none_is_told_with_its_line(world: ChangeWorld, value: str) -> None:
    registry = at_main(world, "models.yaml").replace("version: 1", f"version: {value}")
    report = world.judge(world.commit({"models.yaml": registry}))
    (found,) = report.findings
    assert (report.state, found.rule) == ("block", "unreadable-change")
    assert found.message.endswith("models.yaml:2 $.version: is not a value that can be read")


def test_an_alias_does_not_hide_its_ruler_among_the_reports(world: ChangeWorld) -> None:
    names = ("golden.jsonl", "suite.yaml", "prompts/v1.yaml")
    ruler = {f"evals/reports/{name}": at_main(world, f"evals/toy/{name}") for name in names}
    ruler["evals/reports/suite.yaml"] = ruler["evals/reports/suite.yaml"].replace("toy", "reports")
    registry = at_main(world, "models.yaml")
    entry = registry.split("  toy:\n", 1)[1]
    for files in (
        ruler,
        {"datasets/reports/card.yaml": "version: 1\n"},
        {"models.yaml": f"{registry}  reports:\n{entry}"},
    ):
        report = world.judge(world.commit(files))
        assert report.state == "block"
        assert "`reports` is no name of an alias" in "".join(found.message for found in report.findings)


def test_a_weaker_baseline_beside_the_rows_is_told(world: ChangeWorld) -> None:
    prompt = {"evals/toy/prompts/v1.yaml": "version: 1\nsystem: Say nothing.\n"}
    suite = at_main(world, "evals/toy/suite.yaml") + "  other: {prompt: prompts/v1.yaml}\n"
    for files in (prompt, {"evals/toy/suite.yaml": suite}):
        told = world.judge(world.commit({**world.dataset(), **files})).findings
        assert [(each.rule, each.severity, each.path) for each in told] == [
            ("rivals-moved", "warning", next(iter(files)))
        ]
        assert world.judge(world.commit(files)).findings == ()
    added = {"evals/toy/prompts/v2.yaml": "version: 1\nsystem: Route.\n"}
    assert world.judge(world.commit({**world.dataset(), **added})).findings == ()
