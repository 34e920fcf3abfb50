"""What an approval of a training on the team's own machines says: its manifest, and a price that needs no model.

A machine without the base cannot count its tokens, so the price that is approved is a ceiling: the high end of what
another tokenizer may make of the rows. Whoever trains makes the same ceiling from the same rows, and starts nothing
that turns out dearer.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.findings import Finding, Severity
from liftgate.training.approval import Terms, approval_missing, usable
from liftgate.training.standing import read_standing

if TYPE_CHECKING:
    from liftgate.commands.launching.hosted_flow import HostedWords
    from liftgate.project import Ruler, Subject
    from liftgate.training.estimate import Estimate
    from liftgate.training.manifest import Manifest


@dataclass(frozen=True)
class Names:
    """Whose change it is: what an approval is held against. None is not known."""

    author: str | None = None
    repository: str | None = None
    change: str | None = None


def manifest_of(subject: Subject) -> Manifest:
    """What would be trained, also where a local base is not here to be loaded."""
    from liftgate.training.base_model import pinned_revision

    base = str(subject.training["base"])
    return subject.manifest() if subject.is_hosted else subject.manifest(pinned_revision(base))


def ceiling(subject: Subject, manifest: Manifest, ruler: Ruler, today: datetime.date) -> Estimate:
    """The price of a local training without its tokenizer; its high end is what an approval names."""
    from liftgate.commands.launching.bill import billed_files
    from liftgate.training.cost import price_for
    from liftgate.training.epochs import epochs_of
    from liftgate.training.estimate import estimate

    price = price_for(ruler.prices, manifest.provider, manifest.base)
    train = billed_files(subject, manifest.base, price).train
    return estimate(
        rows=train.rows,
        tokens=train.tokens,
        epochs=epochs_of(manifest.hyperparameters["epochs"], train.rows, manifest.base, price),
        provider=manifest.provider,
        model=manifest.base,
        prices=ruler.prices,
        cost_policy=vars(ruler.policy.cost),
        today=today,
        prices_path=ruler.prices_path,
    )


def local_terms(
    subject: Subject, manifest: Manifest, ruler: Ruler, names: Names, today: datetime.date
) -> tuple[Terms | None, list[Finding]]:
    """The terms of a local training, and what stands against its price; no terms without a price."""
    from liftgate.commands.launching.hosted import price_sha256

    priced = ceiling(subject, manifest, ruler, today)
    findings = [*priced.findings, *subject.unpinned()]
    if priced.usd is None or priced.price is None:
        return None, findings
    named = (names.author, names.repository, names.change)
    usd, policy = priced.usd.rounded.high, ruler.policy.fingerprint
    return Terms(manifest, usd, price_sha256(priced.price), policy, *named), findings


def local_approval(
    words: HostedWords, subject: Subject, manifest: Manifest, ruler: Ruler, priced: Estimate, root: Path
) -> list[Finding]:
    """What keeps a local training from starting: nothing where it is cheap enough, or approved in the ledger.

    The ledger is only read: the same weights trained again on the same machine are no second bill to a provider, so
    an approval holds until it expires.
    """
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.sources.ledgers import repository

    if priced.auto_approved:
        return []
    now = utc_now()
    names = Names(words.author, repository(words.repository), words.change)
    terms, _ = local_terms(subject, manifest, ruler, names, now.date())
    if terms is None:
        message = "the training has no price, so nobody can have approved it; nothing was started"
        return [Finding("approval-missing", Severity.ERROR, message, ruler.prices_path)]
    exact = Decimal(0) if priced.usd is None else priced.usd.rounded.high
    if exact > terms.usd:
        return [approval_missing(terms, [f"its rows come to ${exact:f} by the model's own tokenizer"])]
    ledger = words.open(root)
    approvals = [entry for _, entry in ledger.entries(f"approvals/{manifest.digest}")]
    consumed = read_standing(ledger, manifest.digest).consumed
    approval, reasons = usable(approvals, terms, ruler.policy, now=now, consumed=consumed)
    return [] if approval is not None else [approval_missing(terms, reasons)]
