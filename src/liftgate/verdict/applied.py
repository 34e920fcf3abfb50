"""Whether the candidate is another model at all: an adapter that attaches to nothing answers exactly as base does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from liftgate.evaluation.runs import UNNAMED, EvalRun
from liftgate.findings import Finding, Severity

# Two models may give the same answers to a handful of easy cases.
FEWEST_CASES: Final = 10


def adapter_not_applied(base: EvalRun, candidate: EvalRun) -> Iterator[Finding]:
    """An error when two models that have different names gave the same answers to every case.

    Servers answer with the plain base, and status 200, for an adapter that matches nothing. Nothing is said of fewer
    than ten cases, of answers that are missing or all the same (nothing, for instance: they show nothing of a
    model), of answers that were scored differently, nor of one model that is asked with two prompts. Where base
    already answers everything right, a candidate that does the same is refused as well: whether it was not applied
    or changed nothing, there is no reason to ship it.
    """
    if base.model == candidate.model or UNNAMED in {base.model, candidate.model}:
        return
    if base.meta.get("prompt_sha256") != candidate.meta.get("prompt_sha256"):
        return
    if len(base.rows) != len(candidate.rows):
        return
    theirs = None
    cases: set[Any] = set()
    said: set[str] = set()
    for index, row in enumerate(candidate.rows):
        other = base.rows[index]
        if _key(other) != _key(row):
            # Runs come in one order almost always; only where they do not is the other one looked up.
            theirs = theirs or {_key(each): each for each in base.rows}
            other = theirs.get(_key(row), {})
        answer = _answer(row)
        if answer is None or answer != _answer(other) or row["scores"] != other["scores"]:
            return
        said.add(repr(answer))
        cases.add(row["case_id"])
    if len(cases) < FEWEST_CASES or len(said) < 2:
        return
    message = (
        f"{candidate.model} answered all {len(cases)} cases exactly as {base.model} does: the adapter is not applied, "
        "or the training changed nothing"
    )
    yield Finding("adapter-not-applied", Severity.ERROR, message)


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["case_id"], row.get("repeat", 0), row.get("suite", "quality"))


def _answer(row: Mapping[str, Any]) -> tuple[str | None, Any] | None:
    """Text and calls; None where there is no answer."""
    text, calls = row.get("output"), row.get("tool_calls")
    return None if text is None and not calls else (text, calls)
