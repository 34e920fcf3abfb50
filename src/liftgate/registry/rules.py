"""The rules of the registry: what each finding means, and which of them no policy can lower."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from liftgate.findings import Finding, Severity

RULES: Final[Mapping[str, str]] = {
    "new-variant-not-at-zero": """A variant that the base does not know starts with callers.
        Why: its first step is to be there, so that shadow requests and the rollback have something to go to.
        Fix: land it at `rollout_percent: 0`, then `liftgate registry promote`.""",
    "rollout-step-skipped": """A rollout is raised past the next of the policy's `rollout.steps`, or to no step.
        Why: each step limits how many callers an unknown fault reaches.
        Fix: `liftgate registry promote` makes the next step.""",
    "rollout-too-soon": """The step before has not lasted `rollout.min_hours`, by the history of the base branch.
        Fix: wait until the time in the message; where the history is too short to say, fetch more of it.""",
    "shadow-missing": """Nothing says how the variant did with requests at the step before.
        Fix: mirror requests to it (`shadow_percent`), and pin the report under `shadow_report`.""",
    "shadow-unfit": """The shadow report is of another model or step, too small, too early, or shows too many errors.
        Fix: measure at the step that the variant has now.""",
    "report-missing": """No sign-off report says that this variant passed.
        Fix: `liftgate run`, commit its report.json, pin it under `report`.""",
    "report-altered": """The report is not as Liftgate wrote it, or not the file that models.yaml pins.
        Fix: commit the report that `liftgate run` wrote, byte for byte.""",
    "report-not-recorded": """The ledger does not hold this report's verdict under its key and digest.
        Why: anybody can write a report with a pass and a digest; only jobs of the default branch write the ledger.
        Fix: `liftgate registry record` in such a job, which makes the verdict again from its stored answers.""",
    "verdict-not-pass": """The report does not end in a pass.
        Fix: what it found must be mended; a doubt that a policy waves through is no pass.""",
    "report-of-another-model": """The report judged another model than the variant names.
        Fix: evaluate this model, or name the one that was evaluated.""",
    "report-of-another-dataset": """The report's model was trained on other rows than the variant names.
        Fix: correct `dataset`, or evaluate the model that these rows trained.""",
    "report-by-another-golden": """The report rests on another golden set or safety suite than the base holds now.
        Fix: evaluate again on the present one.""",
    "report-by-another-policy": """The report rests on other thresholds than the base's policy.
        Fix: `liftgate gate --run DIR` judges the stored answers by the present one.""",
    "report-too-old": """The verdict is older than `max_report_age_days`, or its time cannot be.
        Fix: evaluate again; models, providers and callers drift.""",
    "safety-not-clean": """The safety part of the report is not ok.
        Fix: read the answers it names, mend the rows that teach them, train again.""",
    "manifest-missing": """No training manifest is known for the variant.
        Why: without it nobody can say what trained the model, nor on which base.
        Fix: set `manifest_digest`, and commit the run's manifest.json under `manifest` where the ledger lacks it.""",
    "manifest-differs": """The variant says something else than the manifest that trained it.
        Fix: take over what the manifest says; `liftgate registry add` does.""",
    "base-revision-differs": """The variant would run on another base revision than it was trained on.
        Why: an adapter on another base answers garbage, without a warning.
        Fix: set `base_revision` to the manifest's.""",
    "decision-missing": """No decision document says why this alias is fine-tuned.
        Fix: write evals/<alias>/decision.yaml.""",
    "runbook-missing": """The rollback runbook is not there.
        Fix: name a file of this repository under `runbook`, such as docs/runbooks/rollback.md.""",
    "owner-missing": """Nobody answers for the variant.
        Fix: set `owner`.""",
    "on-call-missing": """Nobody is woken up when the variant fails.
        Fix: set `on_call`.""",
    "load-report-missing": """100% needs a load report of the endpoint.
        Fix: `liftgate load-test`, and pin its file under `load_report`.""",
    "load-report-unfit": """The load report is of another model, too old, or shows too many errors or 429s.
        Fix: raise the quota or the capacity and measure again.""",
    "rollback-drill-missing": """100% needs a rollback that somebody practised, with its date.
        Fix: roll the variant back and forth once, and note it under `rollback_drill`.""",
    "default-model-changed": """The default model changes before the re-evaluations that the policy wants.
        Why: it is what callers get when everything else is rolled back.
        Fix: keep it until the ledger holds `rollout.reevaluation_cycles` passes of the variant at 100%.""",
    "base-path-removed": """The path that answers without a tuned model goes too early.
        Why: without it there is nothing to roll back to.
        Fix: as for `default-model-changed`.""",
    "variant-removed-while-served": """A variant is removed while callers get it.
        Fix: roll it back to 0% first.""",
    "variant-changed-while-served": """What answers under a variant changes while callers or shadow requests reach it.
        Why: that promotes a new model to all of them at once.
        Fix: add a variant of its own at 0%.""",
    "rollout-over-100": """The rollouts of an alias sum to more than 100%.
        Fix: lower one variant by as much as the other rises.""",
    "flag-used-twice": """Two variants have the same flag.
        Why: switching one off would switch the other off, or neither.
        Fix: give each variant a flag of its own.""",
    "model-id-form": """The model id does not have the form of its provider.
        Fix: copy the id as the provider gives it: `ft:...` at OpenAI, an ARN on Bedrock.""",
    "unknown-model": """No finished job of the ledger made this model.
        Fix: correct the id; for a model that was trained elsewhere, lower this rule in the policy's `rules`.""",
}
"""Rule id → what it means, `Why:`, `Fix:`."""

NEVER_LOWERED: Final = frozenset(
    {
        "base-revision-differs",
        "new-variant-not-at-zero",
        "report-altered",
        "report-by-another-golden",
        "report-by-another-policy",
        "report-missing",
        "report-not-recorded",
        "report-of-another-dataset",
        "report-of-another-model",
        "rollout-over-100",
        "safety-not-clean",
        "variant-changed-while-served",
        "verdict-not-pass",
    }
)
"""What a verdict of this very model means; a policy that lowers it would have none."""


def weighed(findings: Iterable[Finding], rules: Mapping[str, str]) -> list[Finding]:
    """Findings with the policy's severities, but for those that always count."""
    kept = []
    for finding in findings:
        level = rules.get(finding.rule) if finding.rule not in NEVER_LOWERED else None
        if level != "off":
            kept.append(finding if level is None else replace(finding, severity=Severity(level)))
    return kept
