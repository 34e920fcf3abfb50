"""Who may spend how much on what: approvals, and what must hold before rows leave the machine. Pure.

An approval names one manifest, one price, one change and one policy. Whatever differs when the launch comes is
another thing than the one that was approved.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.training.ledger import SEAL, Entry, sealed
from liftgate.training.manifest import Manifest

POLICY_FILE: Final = "evals/policy.yaml"
UNCLASSIFIED: Final = "restricted"


@dataclass(frozen=True)
class Terms:
    """What a launch would do now: every field stands in an approval, and a difference in one voids it.

    `usd` is the high end of the estimate, rounded up to the cent. `repository` and `change` (a pull request or a
    ref) are None at a desk. `author` is None where a launch does not know it: the manifest is then what is compared.
    """

    manifest: Manifest
    usd: Decimal
    price_sha256: str
    policy_fingerprint: str
    author: str | None = None
    repository: str | None = None
    change: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields of an approval that say what is approved."""
        return {
            "digest": self.manifest.digest,
            "alias": self.manifest.alias,
            "provider": self.manifest.provider,
            "usd": f"{self.usd:f}",
            "price_sha256": self.price_sha256,
            "train_sha256": self.manifest.train_sha256,
            "validation_sha256": self.manifest.validation_sha256,
            "policy_fingerprint": self.policy_fingerprint,
            "author": self.author,
            "repository": self.repository,
            "change": self.change,
        }


def issue(
    terms: Terms, *, approver: str, at: datetime.datetime, max_age_hours: int, run: str | None
) -> Entry:
    """The approval of these terms, sealed."""
    return sealed(
        {
            "schema_version": 1,
            "entry": "approval",
            **terms.to_dict(),
            "approver": approver,
            "issued_at": rfc3339(at),
            "expires_at": rfc3339(at + datetime.timedelta(hours=max_age_hours)),
            "run": run,
        }
    )


def void(
    approval: Entry, terms: Terms, policy: Policy, *, now: datetime.datetime, consumed: Collection[str]
) -> str | None:
    """Why an approval does not allow the launch, or None when it does. `consumed` are seals of spent approvals."""
    if approval != sealed(approval):
        return "it was edited after it was written"
    for field, asked in terms.to_dict().items():
        unknown = field == "author" and asked is None
        if not unknown and approval[field] != asked:
            return _DIFFERS[field]
    if not policy.approval.self_approval and same_person(approval["approver"], approval["author"]):
        return "the author of the change approved it"
    issued = parse_time(approval["issued_at"])
    age = datetime.timedelta(hours=policy.approval.max_age_hours)
    if now < issued:
        return "it is dated in the future"
    if now >= min(parse_time(approval["expires_at"]), issued + age):
        return "it has expired"
    if approval[SEAL] in consumed:
        return "a launch has used it already"
    return None


_DIFFERS: Final = {
    "digest": "it is for another manifest",
    "alias": "it is for another alias",
    "provider": "it is for another provider",
    "usd": "the price has changed since",
    "price_sha256": "the row of the price table has changed since",
    "train_sha256": "the training rows have changed since",
    "validation_sha256": "the validation rows have changed since",
    "policy_fingerprint": "the policy has changed since",
    "author": "it is for the change of another author",
    "repository": "it is for another repository",
    "change": "it is for another change",
}


def usable(
    approvals: Iterable[Entry],
    terms: Terms,
    policy: Policy,
    *,
    now: datetime.datetime,
    consumed: Collection[str],
) -> tuple[Entry | None, list[str]]:
    """The approval that lasts longest among those that allow the launch, and why each of the others does not."""
    allowed: list[Entry] = []
    reasons: list[str] = []
    for approval in approvals:
        reason = void(approval, terms, policy, now=now, consumed=consumed)
        if reason is None:
            allowed.append(approval)
        else:
            reasons.append(f"approval {approval[SEAL][:12]}… does not count: {reason}")
    return max(allowed, key=lambda each: str(each["expires_at"]), default=None), reasons


def approval_missing(terms: Terms, reasons: Sequence[str]) -> Finding:
    """The finding of a launch that nobody allowed."""
    why = f"; {'; '.join(reasons)}" if reasons else ""
    message = f"the training is priced at ${terms.usd:f} and needs an approval; nothing was started{why}"
    return Finding("approval-missing", Severity.ERROR, message, POLICY_FILE)


def may_leave(
    provider: str, classification: str | None, policy: Policy, *, card: str, line: int | None = None
) -> Iterator[Finding]:
    """Whether rows of this classification may be held by this provider. An unclassified dataset is restricted."""
    if provider == "local" or provider in policy.providers_by_classification.holding(
        classification or UNCLASSIFIED
    ):
        return
    known = ", ".join(policy.providers_by_classification.holding(classification or UNCLASSIFIED)) or "none"
    what = f"{classification} rows" if classification else "rows whose card gives no data_classification"
    message = (
        f"{provider} may not hold {what}: it keeps uploads by its own terms; the policy's "
        f"providers_by_classification allows {known}"
    )
    yield Finding("provider-not-allowed", Severity.ERROR, message, card, line)


def enough_reviewed(reviewed: int, policy: Policy, *, path: str) -> Iterator[Finding]:
    """Whether enough rows were read by a person to pay for a training."""
    wanted = policy.trigger.min_reviewed_rows
    if reviewed < wanted:
        message = (
            f"{reviewed} reviewed rows, the policy starts a paid training from {wanted}; review more rows, or lower "
            "trigger.min_reviewed_rows in its own pull request"
        )
        yield Finding("too-few-reviewed-rows", Severity.ERROR, message, path)


def same_person(one: str, other: str) -> bool:
    """Account names differ in more than case, and a mention (`@ann`) is the account."""
    return _account(one) == _account(other)


def _account(name: str) -> str:
    return name.casefold().lstrip("@").removesuffix("[bot]")


def rfc3339(at: datetime.datetime) -> str:
    """UTC, to the microsecond where there is one."""
    return at.astimezone(datetime.UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_time(text: str) -> datetime.datetime:
    """Inverse of `rfc3339`."""
    return datetime.datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=datetime.UTC)
