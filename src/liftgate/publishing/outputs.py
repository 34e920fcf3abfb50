"""What a later step of the workflow may read: seven names, always all of them, none with text of a stranger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from liftgate.publishing.outcome import STATES, ChangeReport, State

NAMES: Final = (
    "verdict",
    "change-kind",
    "digest",
    "needs-training",
    "cost-usd",
    "report-path",
    "job-id",
)
_VERDICTS: Final = "|".join(STATES)
# What does not match is written empty: an output ends up in somebody's `if:` or shell.
_FORM: Final[Mapping[str, str]] = {
    "verdict": rf"({_VERDICTS})",
    "change-kind": r"[a-z]+(,[a-z]+)*",
    "digest": r"[0-9a-f]{64}",
    "needs-training": r"(true|false)",
    "cost-usd": r"\d{1,12}(\.\d{1,12})?",
    "report-path": r"[^\x00-\x1f\x7f]{1,4096}",
    "job-id": r"[A-Za-z0-9._:/#@-]{1,256}",
}
_BARE: Final = re.compile(r"[A-Za-z0-9._:/#@,-]*")


def outputs(change: ChangeReport | None, report_path: str = "", otherwise: State = "error") -> dict[str, str]:
    """The value of every output; without a change the verdict is `otherwise`, that of a step that could not judge.

    Of several aliases the first that waits or runs lends its digest, price and job: a workflow starts one at a time.
    """
    if change is None:
        return dict.fromkeys(NAMES, "") | {"verdict": otherwise, "needs-training": "false"}
    known = [outcome for outcome in change.outcomes if outcome.digest]
    known.sort(key=lambda outcome: outcome.state not in {"waiting", "running"})
    chosen = known[0] if known else None
    waiting = any(outcome.waiting and outcome.waiting.digest for outcome in change.outcomes)
    found = {
        "verdict": change.state,
        "change-kind": ",".join(change.kinds),
        "digest": (chosen.digest if chosen else None) or "",
        "needs-training": "true" if waiting else "false",
        "cost-usd": (chosen.usd if chosen else None) or "",
        "report-path": report_path,
        "job-id": (chosen.job_id if chosen else None) or "",
    }
    return {name: found[name] if re.fullmatch(_FORM[name], found[name]) else "" for name in NAMES}


def render_outputs(values: Mapping[str, str], delimiter: str) -> str:
    """The lines for $GITHUB_OUTPUT. `delimiter` is random, so that no value can end its own block."""
    if not re.fullmatch(r"[A-Za-z0-9_]{16,}", delimiter):
        raise ValueError("the delimiter is not one that nobody can guess")
    return "".join(_assigned(name, value, delimiter) for name, value in values.items())


def _assigned(name: str, value: str, delimiter: str) -> str:
    if _BARE.fullmatch(value):
        return f"{name}={value}\n"
    if delimiter in value:
        raise ValueError(f"{name} holds the delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
