"""What to do after a verdict: a sentence, and where there is one the command to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.reviews import to_decide
from liftgate.report.tables import Report, bucket_name, buckets_worst_first, parts_in, winning_arm

MOST_CASES = 5
COMMAND_LIMIT = 600


@dataclass(frozen=True)
class Step:
    """One thing to do; `command` is safe to paste whatever the names in it."""

    text: str
    command: str | None = None


def next_steps(report: Report) -> list[Step]:
    """In the order in which they help; empty when nothing is left to do."""
    return [
        *_resume(report),
        *_data(report),
        *_road(report),
        *_approval(report),
        *_parts(report),
        *_decide(report),
        *_arms(report),
        *_again(report),
    ]


def command(*words: str) -> str:
    """Words as a shell takes them, quoted where they must be."""
    return shlex.join(clean(word, COMMAND_LIMIT) for word in words)


def _resume(report: Report) -> Iterator[Step]:
    if report["resumable_hint"]:
        hint = clean(report["resumable_hint"], COMMAND_LIMIT)
        yield Step("Go on where this run stopped; finished answers are kept.", hint)


def _data(report: Report) -> Iterator[Step]:
    if report["comparison"] is not None:
        return
    paths = [f["path"] or "" for f in report["findings"] if f["severity"] == "error"]
    if any(path.endswith(".jsonl") for path in paths):
        yield Step(
            "Mend the rows named above in a new dataset version, and check it before you push.",
            command("liftgate", "validate", "--alias", report["alias"]),
        )


_ROADS: Final = {
    "no-decision": "Say in evals/{alias}/decision.yaml why this is to be tuned; this command tells each open question.",
    "against-decision": "Take the cheaper road, or show that it falls short: name under paths_tried the report of it.",
    "decision-incomplete": "Find out what the matrix misses (--measure asks untrained arms), or approve without it.",
}


def _road(report: Report) -> Iterator[Step]:
    trained = report["comparison"] is not None
    told = [each for each in report["findings"] if each["severity"] == "error" or not trained]
    found = {finding["rule"] for finding in told}
    for rule, text in _ROADS.items():
        if rule in found:
            words = ("liftgate", "decide", report["alias"])
            yield Step(text.format(alias=report["alias"]), command(*words))
            return


def _approval(report: Report) -> Iterator[Step]:
    estimate = report["estimate"]
    if report["verdict"] == "insufficient-evidence" and report["training"] is None and estimate:
        if estimate["auto_approved"]:
            return
        words = ("liftgate", "estimate", "--alias", report["alias"])
        price = numbers.usd(estimate["usd"])
        yield Step(
            f"Ask an approver whether this training is worth {price}; the sum is made up by:", command(*words)
        )


def _parts(report: Report) -> Iterator[Step]:
    comparison = report["comparison"]
    if comparison is None:
        return
    troubled = {p["name"] for p in parts_in(comparison, "fail", "unclear")}
    if "safety" in troubled and comparison["safety"]:
        results = f".liftgate/{report['alias']}/runs/{report['candidate_arm']}/results.jsonl"
        worst_first = sorted(comparison["safety"]["newly_unsafe"], key=lambda case: case["state"] != "fail")
        for case in worst_first[:MOST_CASES]:
            yield Step(
                "Read what the candidate answered.", command("grep", "-F", f'"{case["case_id"]}"', results)
            )
    if "review" in troubled:
        yield Step("Mend the rows that teach the answers a reviewer wants fixed, as a new dataset version.")
    if _lacks_answers(report):
        # Until the answers are there, the other doubts may be theirs.
        yield Step(
            "Run again: answers that are in the store are not asked for twice, those without a score are."
        )
        return
    if worse := _buckets(comparison, "fail"):
        yield Step(f"Add training rows for {worse} as a new dataset version.")
    if unsure := _buckets(comparison, "unclear"):
        yield Step(
            f"Add golden cases to {unsure} in a pull request of their own; the findings say about how many."
        )
    if "regression-share" in troubled:
        yield Step("Read the regressions below or in report.html: what do they have in common?")
    if "lift" in troubled and report["verdict"] == "insufficient-evidence":
        needed, n = (comparison["power"] or {}).get("cases_needed"), comparison["lift"]["n"]
        more = (
            f"about {numbers.count(needed - n)} more golden cases"
            if needed and needed > n
            else "more golden cases"
        )
        yield Step(f"Add {more} in a pull request of their own, then run this one again.")


def _lacks_answers(report: Report) -> bool:
    return any(finding["rule"] == "unscored-answers" for finding in report["findings"])


def _buckets(comparison: Mapping[str, Any], state: str) -> str:
    gating = [b for b in buckets_worst_first(comparison) if b["state"] == state and b["evidence"] != "report"]
    return ", ".join(map(bucket_name, gating[:MOST_CASES]))


def _decide(report: Report) -> Iterator[Step]:
    doubtful = {p["name"] for p in parts_in(report["comparison"], "unclear")}
    if _lacks_answers(report):
        return
    if doubtful & {"safety", "buckets", "regression-share"} and to_decide(report):
        words = ("liftgate", "gate", "--run", f".liftgate/{report['alias']}", "--to-decide")
        told = "Decide on what you have read: an accepted regression settles a doubt, never a proof and never the lift."
        yield Step(told, command(*words))


def _arms(report: Report) -> Iterator[Step]:
    winner = winning_arm(report)
    if winner is not None and winner["name"] != report["candidate_arm"] and winner["kind"] != "promoted":
        yield Step(f"Consider {winner['name']} instead: it clears the bar and needs no tuned model.")


def _again(report: Report) -> Iterator[Step]:
    if report["comparison"] is not None and report["verdict"] != "pass":
        words = ("liftgate", "gate", "--run", f".liftgate/{report['alias']}", "--policy", "evals/policy.yaml")
        yield Step("Judge the same answers again; no model is asked.", command(*words))
