"""From changed paths to aliases, kinds and steps."""

from __future__ import annotations

import pytest

from liftgate.plan import STEPS, make_plan
from liftgate.registry.models import Alias, read_models
from liftgate.registry.transitions import transition
from liftgate.repository import Change


def plan_of(*paths: str, **more: object) -> object:
    changes = [Change(path, "modified") for path in paths]
    options: dict[str, object] = {"known_aliases": ["toy", "other"], "transitions": {}, **more}
    return make_plan(changes, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paths", "kinds", "aliases"),
    [
        (["datasets/toy/v1.0.0.train.jsonl"], ("data",), {"toy"}),
        (["datasets/toy/card.yaml"], ("data",), {"toy"}),
        (["evals/toy/golden.jsonl"], ("evals",), {"toy"}),
        (["evals/toy/prompts/v1.yaml"], ("evals",), {"toy"}),
        (["evals/toy/documents/refunds.md", "datasets/toy/card.yaml"], ("data", "evals"), {"toy"}),
        (["evals/policy.yaml"], ("policy",), {"toy", "other"}),
        (["evals/toy/decision.yaml", "evals/reports/toy/v1.json"], ("none",), set()),
        (["README.md", "src/app.py"], ("none",), set()),
        ([], ("none",), set()),
    ],
)
def test_paths_decide_kinds_and_aliases(paths: list[str], kinds: tuple[str, ...], aliases: set[str]) -> None:
    plan = plan_of(*paths)
    assert plan.kinds == kinds  # type: ignore[attr-defined]
    assert set(plan.aliases) == aliases  # type: ignore[attr-defined]


def test_data_asks_for_every_step_and_a_rollback_for_none() -> None:
    assert plan_of("datasets/toy/card.yaml").steps("toy") == STEPS  # type: ignore[attr-defined]
    rollback = plan_of("models.yaml", transitions={"toy": "rollback"})
    assert rollback.kinds == ("rollback",)  # type: ignore[attr-defined]
    assert rollback.steps("toy") == ()  # type: ignore[attr-defined]


def test_a_rollback_beside_anything_else_is_judged_like_a_promotion() -> None:
    plan = plan_of("models.yaml", "README.md", transitions={"toy": "rollback"})
    assert plan.kinds == ("promotion",)  # type: ignore[attr-defined]


def test_subject_and_ruler_in_one_change_must_be_split() -> None:
    plan = plan_of("datasets/toy/v1.0.0.train.jsonl", "evals/policy.yaml")
    assert [f.rule for f in plan.findings] == ["split-this-pr"]  # type: ignore[attr-defined]


def test_documents_are_subject_and_judges_and_scorers_are_ruler() -> None:
    data = "datasets/toy/v1.0.0.train.jsonl"
    (told,) = plan_of(data, "evals/toy/documents/a/b.md").findings  # type: ignore[attr-defined]
    assert (told.rule, told.severity) == ("rivals-moved", "warning")
    for ruler in ("judges/faithfulness.yaml", "scorers/mine.py", "calibration.json"):
        assert plan_of(data, f"evals/toy/{ruler}").findings  # type: ignore[attr-defined]


def test_a_suite_that_changed_only_its_arms_is_subject() -> None:
    together = ("datasets/toy/v1.0.0.train.jsonl", "evals/toy/suite.yaml")
    assert plan_of(*together).findings  # type: ignore[attr-defined]
    (told,) = plan_of(*together, arms_only=["toy"]).findings  # type: ignore[attr-defined]
    assert (told.rule, told.severity) == ("rivals-moved", "warning")


def test_a_dataset_without_a_suite_in_the_base_lands_its_ruler_first() -> None:
    plan = plan_of("datasets/new/card.yaml")
    assert [f.rule for f in plan.findings] == ["unknown-alias"]  # type: ignore[attr-defined]


def test_the_ruler_of_a_new_alias_lands_with_its_prompts_and_runs_nothing() -> None:
    plan = plan_of("evals/new/suite.yaml", "evals/new/golden.jsonl", "evals/new/prompts/v1.yaml")
    assert (plan.findings, plan.aliases) == ((), {})  # type: ignore[attr-defined]


@pytest.mark.parametrize("other", ["datasets/new/card.yaml", "datasets/toy/card.yaml"])
def test_the_ruler_of_a_new_alias_lands_alone(other: str) -> None:
    plan = plan_of("evals/new/suite.yaml", other)
    assert "split-this-pr" in [f.rule for f in plan.findings]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["datasets", "datasets/toy", "evals", "evals/toy"])
def test_a_symlink_in_the_place_of_a_folder_is_refused(path: str) -> None:
    plan = make_plan([Change(path, "added", "symlink")], known_aliases=["toy"], transitions={})
    assert [(f.rule, f.path) for f in plan.findings] == [("not-a-plain-file", path)]
    assert set(plan.aliases) == {"toy"}


@pytest.mark.parametrize("path", ["datasets", "datasets/README.md", "evals/README.md"])
def test_a_plain_file_beside_the_folders_asks_for_nothing(path: str) -> None:
    plan = plan_of(path)
    assert (plan.kinds, plan.findings) == (("none",), ())  # type: ignore[attr-defined]


def test_a_symlink_where_a_file_is_read_is_refused() -> None:
    changes = [
        Change("datasets/toy/v1.0.0.train.jsonl", "modified", "symlink"),
        Change("docs/x", "added", "symlink"),
    ]
    plan = make_plan(changes, known_aliases=["toy"], transitions={})
    assert [(f.rule, f.path) for f in plan.findings] == [
        ("not-a-plain-file", "datasets/toy/v1.0.0.train.jsonl")
    ]


def registry(variants: str, default: str = "m") -> Alias:
    default_model = f"{{model_id: {default}, provider: local}}"
    text = f"version: 1\nmodels:\n  toy:\n    default: {default_model}\n    variants: {variants}\n"
    return read_models(text).aliases["toy"]


def variant(percent: int, model: str = "t", flag: str = "f") -> str:
    return (
        f"{{v1: {{model_id: {model}, provider: local, dataset: {{version: 1.0.0}}, flag: {flag}, "
        f"rollout_percent: {percent}}}}}"
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (registry(variant(5)), registry(variant(5)), None),
        (registry(variant(25)), registry(variant(5)), "rollback"),
        (registry(variant(25)), registry(variant(0)), "rollback"),
        (registry(variant(5)), registry(variant(25)), "promotion"),
        (registry(variant(25)), registry(variant(5, model="other")), "promotion"),
        (registry(variant(25)), registry(variant(5, flag="other")), "promotion"),
        (registry(variant(5), default="m"), registry(variant(0), default="n"), "promotion"),
        (registry("{}"), registry(variant(0)), "promotion"),
        (registry(variant(0)), registry("{}"), "promotion"),
        (None, registry("{}"), "promotion"),
    ],
)
def test_only_lowering_a_rollout_is_a_rollback(
    before: Alias | None, after: Alias | None, kind: str | None
) -> None:
    assert transition(before, after) == kind
