"""`liftgate approve`: let one manifest be trained once, at today's price, by somebody who did not write it."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.sources.ledgers import add_change, add_ledger
from liftgate.commands.sources.pulled import add_pull, only_pull
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.training.approval import Terms
    from liftgate.training.ledger import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is approved, by whom, of whom."""
    parser.add_argument("--alias", required=True, help="whose dataset is trained on")
    parser.add_argument(
        "--digest", required=True, metavar="SHA256", help="the manifest, as estimate tells it"
    )
    desk = parser.add_argument_group("at a desk")
    desk.add_argument("--by", metavar="WHO", help="who approves")
    desk.add_argument("--author", metavar="WHO", help="who wrote the change")
    github = parser.add_argument_group("on GitHub, which says who wrote it and who agreed")
    add_pull(github)
    github.add_argument(
        "--from-run",
        type=_run_id,
        metavar="ID",
        help="who let this run of train.yml pass the environment training-approval",
    )
    github.add_argument(
        "--from-label",
        action="store_true",
        help="who set the policy's approval.label after the last push: one of approval.approvers",
    )
    github.add_argument(
        "--from-github", action="store_true", help="either: reviewers of $GITHUB_RUN_ID, else the label"
    )
    github.add_argument(
        "--usd", type=_usd, metavar="USD", help="the price that was shown: refuse when it is higher by now"
    )
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
    only_pull(arguments)
    modes = [arguments.from_run is not None, arguments.from_label, arguments.from_github]
    if arguments.pull is not None:
        from liftgate.commands.launching.approve_pull import approve_pull

        if sum(modes) != 1 or arguments.by is not None:
            raise InputError(
                "who agreed to the training of a pull request?",
                hint="one of --from-run ID, --from-label and --from-github: GitHub says it, not --by",
            )
        return approve_pull(arguments)
    if any(modes) or arguments.usd is not None:
        raise InputError("--from-run, --from-label, --from-github and --usd go with --pull", hint="--pull N")
    if arguments.by is None or arguments.author is None:
        raise InputError("who approves, and whose change?", hint="--by WHO --author WHO, or --pull N")
    return _at_a_desk(arguments)


def _at_a_desk(arguments: argparse.Namespace) -> int:
    import os

    from liftgate.commands.launching.hosted import utc_now
    from liftgate.findings import blocks
    from liftgate.training.approval import same_person

    approval = Approval(arguments, ledger_root=arguments.root)
    if arguments.digest != approval.manifest.digest:
        raise InputError(
            f"the manifest of this work tree is {approval.manifest.digest}, not {arguments.digest}",
            hint="approve what will be trained: check out the change, then estimate again",
        )
    if not approval.ruler.policy.approval.self_approval and same_person(arguments.by, arguments.author):
        raise InputError(
            f"{arguments.by} wrote the change and cannot approve it",
            hint="somebody else approves, or approval.self_approval of the policy allows it",
        )
    terms, findings = approval.terms()
    if terms is None or blocks(findings):
        told(findings)
        return ExitCode.BLOCKED
    run_id = arguments.run_id or os.environ.get("GITHUB_RUN_ID")
    return approval.write(terms, arguments.by, utc_now(), run_id, arguments.json)


class Approval:
    """What would be approved: a subject with its ruler, its price and the ledger that takes the entry."""

    def __init__(self, arguments: argparse.Namespace, *, ledger_root: Path) -> None:
        from liftgate.commands.launching.hosted_train import ruler_at
        from liftgate.commands.launching.local_terms import manifest_of
        from liftgate.commands.sources.ledgers import open_ledger
        from liftgate.project import read_subject

        self.arguments = arguments
        self.subject = read_subject(arguments.root, arguments.alias, arguments.version)
        self.manifest = manifest_of(self.subject)
        self.ledger = open_ledger(arguments.ledger, ledger_root)
        self.ruler = ruler_at(arguments, self.subject)

    def terms(self) -> tuple[Terms | None, list[Finding]]:
        """Everything that an approval says but who and when, and what stands against the training at all."""
        from liftgate.commands.launching.hosted import HostedTraining, utc_now
        from liftgate.commands.launching.hosted_train import price_of
        from liftgate.commands.launching.local_terms import Names, local_terms
        from liftgate.commands.sources.ledgers import repository
        from liftgate.commands.sources.registry_evidence import in_tree
        from liftgate.verdict.decision_paper import decision_findings

        arguments, subject = self.arguments, self.subject
        names = Names(arguments.author, repository(arguments.repository), arguments.change)
        if not subject.is_hosted:
            terms, findings = local_terms(subject, self.manifest, self.ruler, names, utc_now().date())
            read, policy = in_tree(arguments.root), self.ruler.policy
            said, _ = decision_findings(subject.card.alias, read, policy, paid=terms is None or terms.usd > 0)
            return terms, [*findings, *said]
        priced = price_of(subject, self.ruler, arguments.root, self.ledger)
        hosted = HostedTraining(subject, self.ruler, self.ledger, priced, "", **vars(names))
        return hosted.terms(), hosted.forbidden()

    def written(self) -> Iterator[Entry]:
        """Every approval of this manifest."""
        return (entry for _, entry in self.ledger.entries(f"approvals/{self.manifest.digest}"))

    def write(
        self, terms: Terms, approver: str, at: datetime.datetime, source: str | None, as_json: bool
    ) -> int:
        """Keep the approval, and the plan that it is for."""
        from liftgate.training.approval import issue
        from liftgate.training.ledger import approval_name, plan_name

        hours = self.ruler.policy.approval.max_age_hours
        entry = issue(terms, approver=approver, at=at, max_age_hours=hours, run=source)
        digest = self.manifest.digest
        plan = {"schema_version": 1, "entry": "plan", "digest": digest, "manifest": self.manifest.to_dict()}
        if self.ledger.read(plan_name(digest)) is None:
            self.ledger.create(plan_name(digest), {**plan, "at": entry["issued_at"]})
        self.ledger.keep(approval_name(entry), entry)
        return self.say(entry, as_json)

    def say(self, entry: Entry, as_json: bool, *, again: bool = False) -> int:
        """Tell the approval and what may be done with it."""
        from liftgate.files import pretty

        if as_json:
            sys.stdout.write(pretty(dict(entry)).decode())
        digest, alias = entry["digest"], entry["alias"]
        command = "train" if self.subject.is_hosted else "run"
        pull = f" --pull {self.arguments.pull}" if self.arguments.pull else ""
        words = f"liftgate {command}{pull} --alias {alias} --digest {digest}"
        sys.stderr.write(
            f"{entry['approver']} {'has ' if again else ''}approved {digest[:12]}… of {alias} at ${entry['usd']}, "
            f"until {entry['expires_at']}\n  {words}\n"
        )
        return ExitCode.PASS


def told(findings: Iterable[Finding]) -> None:
    """What stands against the training, for a person."""
    from liftgate.commands.launching.hosted_train import as_line

    for finding in findings:
        sys.stderr.write(as_line(finding) + "\n")


def _run_id(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a workflow run")
    return int(text)


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in US dollars") from None
    if not usd.is_finite() or usd < 0:
        raise argparse.ArgumentTypeError(f"{text} is not an amount in US dollars")
    return usd
