"""What came of judging one change: an outcome for each alias, and the one status that they fold into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from liftgate.findings import Finding, blocks

CONTEXT: Final = "liftgate/verdict"
DESCRIPTION_LIMIT: Final = 140

State = Literal["pass", "block", "insufficient-evidence", "waiting", "running", "nothing", "error"]
# The state that weighs most decides. An alias that blocks blocks now, whatever the others still wait for.
STATES: Final[tuple[State, ...]] = (
    "error",
    "block",
    "insufficient-evidence",
    "waiting",
    "running",
    "pass",
    "nothing",
)
_STATUS: Final[Mapping[State, Literal["pending", "success", "failure", "error"]]] = {
    "error": "error",
    "block": "failure",
    "insufficient-evidence": "failure",
    "waiting": "pending",
    "running": "pending",
    "pass": "success",
    "nothing": "success",
}


@dataclass(frozen=True)
class Waiting:
    """What has to happen before the gate can go on: `what` as a noun, `who` may do it, `link` where.

    `label` is one that also does it, set by one of them; `expires` says in words how long it lasts.
    """

    what: str
    who: Sequence[str] = ()
    link: str | None = None
    usd: str | None = None
    digest: str | None = None
    label: str | None = None
    expires: str | None = None


@dataclass(frozen=True)
class AliasOutcome:
    """One alias of a change. `report` is its sealed report.json, also when only static stages ran.

    `key` is the content key under which its verdict is kept; `found` says that the verdict was found under it and
    made again from stored answers, not asked for anew. `next_step` is what may be started now, nobody's word missing:
    the training, or the evaluation of what was trained. `checklist` is that of a promotion, `raised` the
    variant that it gives more callers.
    """

    alias: str
    kinds: tuple[str, ...]
    state: State
    headline: str
    report: Mapping[str, Any] | None = None
    waiting: Waiting | None = None
    key: str | None = None
    found: bool = False
    digest: str | None = None
    provider: str | None = None
    usd: str | None = None
    job_id: str | None = None
    next_step: Literal["train", "evaluate"] | None = None
    findings: Sequence[Finding] = ()
    checklist: Sequence[Mapping[str, Any]] = ()
    stage: Literal["training", "evaluation"] | None = None
    raised: str | None = None


@dataclass(frozen=True)
class ChangeReport:
    """A whole change: what it is, its findings that concern no single alias, and the outcome of each alias.

    `show` is what the base's policy lets a comment tell of answers (`report.show`).
    """

    kinds: tuple[str, ...]
    base_sha: str
    head_sha: str
    outcomes: tuple[AliasOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    waiting: Waiting | None = None
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    show: Literal["ids", "redacted", "full"] = "redacted"

    @property
    def state(self) -> State:
        """The state that weighs most; a finding of the change itself that is an error blocks."""
        states: list[State] = [outcome.state for outcome in self.outcomes]
        if blocks(self.findings):
            states.append("block")
        if self.waiting is not None:
            states.append("waiting")
        if not states:
            return "nothing"
        return min(states, key=STATES.index)


def github_state(state: State) -> Literal["pending", "success", "failure", "error"]:
    """The state of the commit status; whatever is not known is an error."""
    return _STATUS.get(state, "error")
