"""`liftgate approve`: let one manifest be trained once, at today's price, by somebody who did not write it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.commands.ledgers import add_change, add_ledger
from liftgate.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is approved, by whom, of whom."""
    parser.add_argument("--alias", required=True, help="whose dataset is trained on")
    parser.add_argument(
        "--digest", required=True, metavar="SHA256", help="the manifest, as estimate tells it"
    )
    parser.add_argument("--by", required=True, metavar="WHO", help="who approves")
    parser.add_argument("--author", required=True, metavar="WHO", help="who wrote the change")
    parser.add_argument("--version", metavar="X.Y.Z", help="release of the dataset (default: the newest)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--run", dest="run_id", metavar="ID", help="the job that writes it ($GITHUB_RUN_ID)")
    parser.add_argument("--json", action="store_true", help="the approval on stdout")
    add_ledger(parser)
    add_change(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the approval into the ledger: 0, or 10 with what stands against it."""
    import os

    from liftgate.commands.hosted import utc_now
    from liftgate.commands.hosted_train import as_line, open_hosted
    from liftgate.errors import InputError
    from liftgate.files import pretty
    from liftgate.findings import blocks
    from liftgate.project import read_subject
    from liftgate.training.approval import issue, same_person
    from liftgate.training.ledger import approval_name, plan_name

    subject = read_subject(arguments.root, arguments.alias, arguments.version)
    if not subject.is_hosted:
        raise InputError(
            f"the card of {arguments.alias} trains on this machine, which needs no approval of the ledger",
            hint="cost.auto_approve_usd in evals/policy.yaml says what may start by itself",
        )
    manifest = subject.manifest()
    if arguments.digest != manifest.digest:
        raise InputError(
            f"the manifest of this work tree is {manifest.digest}, not {arguments.digest}",
            hint="approve what will be trained: check out the change, then estimate again",
        )
    hosted = open_hosted(arguments, subject, f"liftgate train --alias {arguments.alias}")
    policy = hosted.ruler.policy
    if not policy.approval.self_approval and same_person(arguments.by, arguments.author):
        raise InputError(
            f"{arguments.by} wrote the change and cannot approve it",
            hint="somebody else approves, or approval.self_approval of the policy allows it",
        )
    terms = hosted.terms()
    findings = hosted.forbidden()
    if terms is None or blocks(findings):
        for finding in findings:
            sys.stderr.write(as_line(finding) + "\n")
        return ExitCode.BLOCKED
    run_id = arguments.run_id or os.environ.get("GITHUB_RUN_ID")
    at = utc_now()
    entry = issue(
        terms, approver=arguments.by, at=at, max_age_hours=policy.approval.max_age_hours, run=run_id
    )
    plan = {"schema_version": 1, "entry": "plan", "digest": manifest.digest, "manifest": manifest.to_dict()}
    if hosted.ledger.read(plan_name(manifest.digest)) is None:
        hosted.ledger.create(plan_name(manifest.digest), {**plan, "at": entry["issued_at"]})
    hosted.ledger.keep(approval_name(entry), entry)
    if arguments.json:
        sys.stdout.write(pretty(dict(entry)).decode())
    sys.stderr.write(
        f"{arguments.by} approved {manifest.digest[:12]}… of {arguments.alias} at ${terms.usd:f}, "
        f"until {entry['expires_at']}\n  liftgate train --alias {arguments.alias} --digest {manifest.digest}\n"
    )
    return ExitCode.PASS
