"""The first sentence about a whole change: what came of it, what to do about the merge, and why. Plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from liftgate.findings import ordered
from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.headline import HEADLINE_LIMIT, OPENINGS, WAVED_THROUGH, told
from liftgate.report.reviews import accepted_safety

if TYPE_CHECKING:
    from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting

OPENING_OF: Final[Mapping[str, str]] = {
    "error": "Not judged, do not merge yet",
    "block": OPENINGS["block"],
    "insufficient-evidence": OPENINGS["insufficient-evidence"],
    "waiting": "Waiting, do not merge yet",
    "running": "In progress, do not merge yet",
    "pass": OPENINGS["pass"],
    "nothing": "Nothing to gate, may be merged",
}
"""By state, the one that weighs most first."""
ROLLBACK: Final = "Rollback, merge now"
NO_VERDICT: Final = "the gate could not do its work; this is not a verdict on your change"
UNTOUCHED: Final = "the change touches no dataset, evals, policy or models.yaml"
_RULES: Final = {
    "split-this-pr": "Split this pull request, do not merge",
    "retrain-together": "Retrain together, do not merge",
}
_SAID: Final = {
    "error": ("could not be judged", "could not be judged"),
    "block": ("is blocked", "are blocked"),
    "insufficient-evidence": ("lacks evidence", "lack evidence"),
    "waiting": ("waits", "wait"),
    "running": ("is in progress", "are in progress"),
    "pass": ("passes", "pass"),
    "nothing": ("has nothing to gate", "have nothing to gate"),
}
"""Of one alias, and of several."""
_AN_OPENING: Final = re.compile(
    "|".join(
        re.escape(opening) for opening in [*OPENING_OF.values(), *_RULES.values(), WAVED_THROUGH, ROLLBACK]
    )
)
_USD: Final = re.compile(r"\d{1,12}(\.\d{1,18})?")
_MOST_NAMES: Final = 3
_REASON_LIMIT: Final = 300


def change_headline(change: ChangeReport) -> str:
    """One sentence that holds for the whole change; whoever reads nothing else decides rightly."""
    state = change.state
    own = [finding for finding in change.findings if str(finding.severity) == "error"]
    deciding = worst_first([outcome for outcome in change.outcomes if outcome.state == state])
    if own and state == "block":
        more = f"; {numbers.plural(len(own) - 1, 'more error')}" if len(own) > 1 else ""
        opening, why = _RULES.get(own[0].rule, OPENING_OF["block"]), own[0].message.rstrip(". ") + more
    elif deciding:
        opening, why = outcome_told(deciding[0])
        if len(change.outcomes) > 1:
            why = f"{deciding[0].alias}: {clean(why, _REASON_LIMIT)}{_rest(change, deciding[0])}"
    elif state == "waiting" and change.waiting is not None:
        opening, why = OPENING_OF["waiting"], needs(change.waiting)
    else:
        opening, why = OPENING_OF.get(state, OPENING_OF["error"]), UNTOUCHED
    return clean(f"{opening}: {why}.", HEADLINE_LIMIT)


def outcome_headline(outcome: AliasOutcome) -> str:
    """The sentence about one alias among several."""
    opening, why = outcome_told(outcome)
    return clean(f"{opening}: {why}.", HEADLINE_LIMIT)


def outcome_told(outcome: AliasOutcome) -> tuple[str, str]:
    """What came of an alias and what to do about the merge, and why. The state decides, never a text."""
    opening = OPENING_OF.get(outcome.state, OPENING_OF["error"])
    report = outcome.report
    said = _said(outcome)
    match outcome.state:
        case "pass" if outcome.kinds == ("rollback",):
            return ROLLBACK, "it goes back to a version that callers had before and needs no new evidence"
        case "pass" if report is not None and (report["verdict"] == "pass" or report.get("waved_through")):
            return told(report)
        case "block" | "insufficient-evidence" if report is not None and report["verdict"] == outcome.state:
            return (opening, told(report)[1]) if report.get("waved_through") else told(report)
        case "pass":
            return opening, said or "every part that gates is ok"
        case "block" | "insufficient-evidence":
            return opening, _first_error(outcome) or said or "the reason is missing"
        case "waiting":
            return opening, needs(outcome.waiting) if outcome.waiting else said or "nobody said for what"
        case "running":
            return opening, said or "it is being judged"
        case "nothing":
            return opening, UNTOUCHED
        case _:
            return opening, NO_VERDICT + (f": {said}" if said else "")


def needs(waiting: Waiting) -> str:
    """`this needs an approval of the training (from ana or ben, 12.40 USD)`."""
    who = [f"from {either(waiting.who)}"] if waiting.who else []
    terms = ", ".join([*who, *([usd(waiting.usd)] if waiting.usd else [])])
    return f"this needs {clean(waiting.what).rstrip('. ')}" + (f" ({terms})" if terms else "")


def either(names: Sequence[str]) -> str:
    """`ana, ben or cleo`; of many the first few."""
    few = [clean(name, 60) for name in names[: _MOST_NAMES if len(names) > _MOST_NAMES + 1 else None]]
    left = len(names) - len(few)
    if left > 0:
        return f"{', '.join(few)} or one of {numbers.count(left)} more"
    return f"{', '.join(few[:-1])} or {few[-1]}" if len(few) > 1 else "".join(few)


def usd(amount: str) -> str:
    """An amount as people read it; what is no amount stays a text."""
    return numbers.usd(amount) if _USD.fullmatch(amount) else clean(amount, 40)


def worst_first(outcomes: Sequence[AliasOutcome]) -> list[AliasOutcome]:
    """In the order in which people should hear of them: by state, a pass with a "but" before a plain one."""
    order = {state: place for place, state in enumerate(OPENING_OF)}

    def rank(outcome: AliasOutcome) -> tuple[int, bool, str]:
        signed = outcome.report is not None and bool(accepted_safety(outcome.report))
        plain = not signed and outcome_told(outcome)[0] in OPENING_OF.values()
        return order.get(outcome.state, -1), plain, outcome.alias

    return sorted(outcomes, key=rank)


def findings_of(outcome: AliasOutcome) -> list[dict[str, Any]]:
    """Findings of the outcome and of its report, each once, most severe first."""
    found = [finding.to_dict() for finding in ordered(outcome.findings)]
    found += [dict(finding) for finding in (outcome.report or {}).get("findings", ())]
    once = {tuple(finding.values()): finding for finding in found}.values()
    return sorted(once, key=lambda finding: ["error", "warning", "notice"].index(finding["severity"]))


def _first_error(outcome: AliasOutcome) -> str:
    errors = [finding for finding in findings_of(outcome) if finding["severity"] == "error"]
    if not errors:
        return ""
    more = f"; {numbers.plural(len(errors) - 1, 'more error')}" if len(errors) > 1 else ""
    return str(errors[0]["message"]).rstrip(". ") + more


def _said(outcome: AliasOutcome) -> str:
    """The outcome's own words without an opening, which might contradict the state's."""
    said, alias = clean(outcome.headline), f"{clean(outcome.alias)}: "
    opening, colon, rest = said.removeprefix(alias).partition(": ")
    told_of = rest if colon and _AN_OPENING.fullmatch(opening) else said
    return told_of.removeprefix(alias).rstrip(". ")


def _rest(change: ChangeReport, first: AliasOutcome) -> str:
    """`; triage passes` or `; 2 more aliases pass, 1 waits`."""
    others = [outcome for outcome in change.outcomes if outcome is not first]
    if len(others) == 1:
        return f"; {clean(others[0].alias, 60)} {_SAID[others[0].state][0]}"
    counted = [(state, sum(outcome.state == state for outcome in others)) for state in OPENING_OF]
    told_of = [f"{numbers.count(number)} {_SAID[state][number > 1]}" for state, number in counted if number]
    return f"; of {numbers.plural(len(others), 'more alias', 'more aliases')} {', '.join(told_of)}"
