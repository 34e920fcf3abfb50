"""`liftgate approve --pull`: the approval that GitHub proves, written into the ledger once."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from typing import TYPE_CHECKING

from liftgate.commands.approve import Approval, told
from liftgate.commands.sources.pulled import Pulled, authors_of, pulled, still_there
from liftgate.errors import ExitCode, InputError
from liftgate.training.approval import parse_time
from liftgate.training.consent import Asked, Consent, Unproven, by_label, by_reviewers

if TYPE_CHECKING:
    from liftgate.policy import ApprovalPolicy
    from liftgate.training.approval import Terms
    from liftgate.training.ledger import Entry


def approve_pull(arguments: argparse.Namespace) -> int:
    """0 when the approval is there, 10 with the reason when it is not; then nothing was written."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.sources.pulled import of_pull
    from liftgate.findings import blocks

    now = utc_now()
    with pulled(arguments, [arguments.alias]) as at:
        approval = Approval(of_pull(arguments, at), ledger_root=arguments.root)
        if arguments.digest != approval.manifest.digest:
            return _refused(
                f"{at.change} would train the manifest {approval.manifest.digest}, not {arguments.digest}",
                "approve what will be trained: start again from the newest commit",
            )
        terms, findings = approval.terms()
        if terms is None or blocks(findings):
            told(map(at.places.finding, findings))
            return ExitCode.BLOCKED
        if arguments.usd is not None and terms.usd > arguments.usd:
            return _refused(
                f"the price is ${terms.usd:f} by now, more than the ${arguments.usd:f} that was shown",
                "ask again with today's price",
            )
        consent = _consent(arguments, at, _policy(arguments), now)
        if isinstance(consent, Unproven):
            return _refused(consent.reason, consent.hint)
        # What was read is what was agreed to, unless somebody pushed in between.
        still_there(at)
        known, stands = _known(approval, terms, consent)
        if stands is not None:
            return _refused(stands, "start train.yml anew, so that somebody agrees to what it costs now")
        if known is not None:
            return approval.say(known, arguments.json, again=True)
        issued = min(consent.at, now) if consent.at is not None else now
        return approval.write(terms, consent.approver, issued, consent.source, arguments.json)


def _consent(
    arguments: argparse.Namespace, at: Pulled, policy: ApprovalPolicy, now: datetime.datetime
) -> Consent | Unproven:
    github = at.github
    asked = Asked(
        at.pull,
        arguments.alias,
        arguments.digest,
        github.repository,
        at.default_branch,
        authors_of(github, at.pull),
    )
    refusals: list[Unproven] = []
    run_id = arguments.from_run
    if run_id is None and arguments.from_github:
        run_id = os.environ.get("GITHUB_RUN_ID", "")
        if not run_id.isdecimal():
            raise InputError("--from-github: this is no workflow run", hint="--from-run ID, or --from-label")
    if run_id is not None:
        run, title = github.run(int(run_id)), _title(at, int(run_id))
        found = by_reviewers(run, title, github.run_reviews(int(run_id)), asked, policy)
        if isinstance(found, Consent):
            return found
        refusals.append(found)
    if arguments.from_label or arguments.from_github:
        events, pushed_at = github.label_events(at.pull.number), github.pushed_at(at.pull.number)
        found = by_label(events, pushed_at, asked, policy, now=now)
        if isinstance(found, Consent):
            return found
        refusals.append(found)
    return Unproven("; ".join(each.reason for each in refusals), "; or ".join(each.hint for each in refusals))


def _title(at: Pulled, run_id: int) -> str | None:
    shown = at.github.request("GET", f"/actions/runs/{run_id}")
    title = shown.get("display_title") if isinstance(shown, dict) else None
    return title if isinstance(title, str) else None


def _policy(arguments: argparse.Namespace) -> ApprovalPolicy:
    """Who may approve today: by the default branch as it is checked out here, not by an old base."""
    from liftgate.config import load
    from liftgate.policy import Policy
    from liftgate.repository import show

    path = "evals/policy.yaml"
    raw = show(arguments.root, "HEAD", path)
    if raw is None:
        raise InputError(f"{path} is not in HEAD, so nobody is named who may approve", hint="commit it first")
    return Policy.from_document(load(raw, path, "policy")).approval


def _known(approval: Approval, terms: Terms, consent: Consent) -> tuple[Entry | None, str | None]:
    """The approval that this consent was written down as; or why it may not be written down a second time."""
    for entry in approval.written():
        if entry["run"] != consent.source or entry["approver"] != consent.approver:
            continue
        if consent.at is not None and consent.at > parse_time(entry["issued_at"]):
            continue
        if all(entry[field] == value for field, value in terms.to_dict().items()):
            return entry, None
        return (
            None,
            f"what {consent.approver} agreed to was ${entry['usd']}, and its price or policy changed since",
        )
    return None, None


def _refused(reason: str, hint: str) -> int:
    sys.stderr.write(f"not approved: {reason}\n  hint: {hint}\n")
    return ExitCode.BLOCKED
