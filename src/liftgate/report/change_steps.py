"""What to do next about a change on GitHub, with the commands to copy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from liftgate.report.change_headline import findings_of
from liftgate.report.escape import clean
from liftgate.report.links import run_id
from liftgate.report.next_steps import COMMAND_LIMIT, Step, command, next_steps

if TYPE_CHECKING:
    from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting

RESULTS: Final = "liftgate-results"
_MEASURED: Final = frozenset(
    {"shadow-missing", "shadow-unfit", "load-report-missing", "load-report-unfit", "rollback-drill-missing"}
)
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_SHORT: Final = 12
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def change_steps(change: ChangeReport, run_url: str | None) -> list[Step]:
    """What concerns the change as a whole."""
    return [
        *_split(change),
        *_retrain(change),
        *_elsewhere(change),
        *_label(change.waiting),
        *_again(change, run_url),
    ]


def outcome_steps(outcome: AliasOutcome, run_url: str | None = None) -> list[Step]:
    """What concerns one alias; the report's own steps come after the command that fetches its answers."""
    steps = [*_label(outcome.waiting), *_fetch(outcome)]
    if outcome.report is None or outcome.state in {"running", "nothing", "error"}:
        return [*steps, *_mend(outcome), *_measure(outcome), *_too_soon(outcome, run_url)]
    report = {**outcome.report, "findings": findings_of(outcome)}
    told = next_steps(report)
    if outcome.waiting is not None:
        told = [step for step in told if not step.text.startswith("Ask an approver")]
    return [*steps, *told, *_serve(outcome)]


def _split(change: ChangeReport) -> Iterator[Step]:
    ruler = [f.path for f in change.findings if f.rule == "split-this-pr" and f.path]
    if not ruler or not all(_COMMIT.fullmatch(sha) for sha in (change.base_sha, change.head_sha)):
        return
    made = [
        command("git", "switch", "-c", "ruler-first", change.base_sha),
        command("git", "checkout", change.head_sha, "--", ruler[0]),
        command("git", "commit", "-m", "Move the ruler first"),
        command("git", "push", "-u", "origin", "ruler-first"),
        command("gh", "pr", "create", "--fill"),
    ]
    text = (
        "Land the ruler first, in a pull request of its own, with every file of evals/ that this change moves; "
        "then bring this one up to date."
    )
    yield Step(text, "\n".join(made))


def _retrain(change: ChangeReport) -> Iterator[Step]:
    if any(finding.rule == "retrain-together" for finding in change.findings):
        yield Step(
            "Put both changes into one pull request, so that one training sees the rows of both; "
            "the verdicts that each has alone say nothing about them together."
        )


def _elsewhere(change: ChangeReport) -> Iterator[Step]:
    if any(finding.rule == "not-the-default-branch" for finding in change.findings):
        yield Step("Change the base of this pull request to the default branch; it is judged again at once.")


def _label(waiting: Waiting | None) -> Iterator[Step]:
    if waiting is not None and waiting.label:
        yield Step(
            "Approve with the label, on the branch of this pull request; a push after it takes it back.",
            command("gh", "pr", "edit", "--add-label", waiting.label),
        )


def _too_soon(outcome: AliasOutcome, run_url: str | None) -> Iterator[Step]:
    if any(finding.rule == "rollout-too-soon" for finding in outcome.findings):
        number = run_id(run_url)
        text = (
            "Wait until the time that the finding names, then run this check again; nothing has to be pushed."
        )
        yield Step(text, command("gh", "run", "rerun", number) if number else None)


def _measure(outcome: AliasOutcome) -> Iterator[Step]:
    """What a promotion was not shown, and the command that takes it along."""
    rules, variant = {finding.rule for finding in outcome.findings}, outcome.raised
    if variant is None or not rules & _MEASURED:
        return
    made: list[str] = []
    drill: tuple[str, ...] = ()
    if rules & {"shadow-missing", "shadow-unfit"}:
        made.append(command("liftgate", "watch", "shadow", outcome.alias, variant, "--log", "requests.jsonl"))
    if rules & {"load-report-missing", "load-report-unfit"}:
        made.append(command("liftgate", "load-test", outcome.alias, "--variant", variant))
    if "rollback-drill-missing" in rules:
        drill = ("--drilled-on", "DAY", "--drilled-by", "NAME", "--drill-seconds", "N")
    made.append(command("liftgate", "registry", "promote", outcome.alias, variant, *drill, "--pull-request"))
    yield Step(
        "Measure what is missing; the last command brings this pull request up to date.", "\n".join(made)
    )


def _again(change: ChangeReport, run_url: str | None) -> Iterator[Step]:
    if change.state == "error":
        number = run_id(run_url)
        text = "Run the gate again; if it fails the same way, its log says what to mend in the set-up."
        yield Step(text, command("gh", "run", "rerun", number) if number else None)


def _fetch(outcome: AliasOutcome) -> Iterator[Step]:
    judged = outcome.report is not None and outcome.report["comparison"] is not None
    if judged and outcome.key and _KEY.fullmatch(outcome.key):
        folder = f".liftgate/{clean(outcome.alias, COMMAND_LIMIT)}"
        made = [
            command("git", "fetch", "origin", RESULTS),
            command("mkdir", "-p", folder),
            f"git show FETCH_HEAD:{outcome.key}.tar.gz | {command('tar', '-xzf', '-', '-C', folder)}",
        ]
        yield Step("Fetch the whole report with every answer.", "\n".join(made))


def _serve(outcome: AliasOutcome) -> Iterator[Step]:
    training = (outcome.report or {}).get("training") or {}
    if outcome.state != "pass" or not training.get("manifest_digest"):
        return
    if outcome.key and _KEY.fullmatch(outcome.key):
        words = ("--recorded", outcome.key[:_SHORT], "--pull-request")
        yield Step(
            "Once this is merged, add the model at 0% of the callers, in a pull request of its own.",
            command("liftgate", "registry", "add", outcome.alias, *words),
        )


def _mend(outcome: AliasOutcome) -> Iterator[Step]:
    paths = [f["path"] or "" for f in findings_of(outcome) if f["severity"] == "error"]
    if any(path.endswith(".jsonl") for path in paths):
        yield Step(
            "Mend the rows named above in a new dataset version, and check it before you push.",
            command("liftgate", "validate", "--alias", outcome.alias),
        )
