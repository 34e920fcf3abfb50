"""What `liftgate init` says: what was guessed, written and left open, and the three commands that follow."""

from __future__ import annotations

import argparse
import math
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liftgate.findings import Finding

if TYPE_CHECKING:
    from liftgate.onboarding.documents import Naming
    from liftgate.onboarding.examples import Source
    from liftgate.onboarding.proposal import Proposal
    from liftgate.onboarding.tasks import Answers
    from liftgate.policy import Policy

_SCHEMAS: Final = ".schema.json"


def said(
    arguments: argparse.Namespace,
    naming: Naming,
    sources: Mapping[str, Source],
    answers: Answers,
    proposal: Proposal,
    whence: str,
    system: str,
    policy: Policy,
    power: Sequence[Finding],
    *,
    new: Mapping[str, bytes],
    extended: Iterable[str],
    kept: Sequence[str],
) -> str:
    """The whole text."""
    blocks = [
        _read(arguments, sources, answers, proposal, whence, system, policy),
        _written(new, extended, kept, dry_run=arguments.dry_run),
        _golden(arguments, naming, proposal, power),
        _open(naming, arguments, answers),
        _next(arguments.root, naming, [*new, *extended], dry_run=arguments.dry_run),
    ]
    return "\n".join(block for block in blocks if block)


def _read(
    arguments: argparse.Namespace,
    sources: Mapping[str, Source],
    answers: Answers,
    proposal: Proposal,
    whence: str,
    system: str,
    policy: Policy,
) -> str:
    source = sources["data"]
    classes = f", {len(answers.labels)} labels" if answers.is_classified else ""
    told = "given" if arguments.task else "by the answers"
    lines = [
        f"{arguments.data}: {len(source.examples):,} examples; {'; '.join(source.told)}",
        f"  task: {answers.task} ({told}{classes}); system prompt: from {whence}",
        f"  {len(proposal.train):,} training rows, {len(proposal.validation):,} for validation, "
        f"{len(proposal.golden):,} golden cases",
    ]
    lines += _unnamed(system, answers)
    lines += _left(Counter(source.left) + proposal.left)
    for name, path, left in (
        ("golden", arguments.golden, proposal.golden_left),
        ("validation", arguments.validation, proposal.validation_left),
    ):
        if name in sources:
            lines.append(f"{path}: {len(sources[name].examples):,} examples; {'; '.join(sources[name].told)}")
            lines += _left(Counter(sources[name].left) + left)
    lines += _share(proposal, policy) if arguments.validation else []
    return "\n".join(lines) + "\n"


def _unnamed(system: str, answers: Answers) -> list[str]:
    from liftgate.onboarding.documents import MOST_LISTED, unnamed_labels

    unnamed = len(unnamed_labels(system, answers))
    if not unnamed:
        return []
    also = "; prompt-v2 lists them" if len(answers.labels) <= MOST_LISTED else ""
    return [
        f"  warning: the system prompt names {len(answers.labels) - unnamed} of {len(answers.labels)} labels, so a "
        f"model that was not trained cannot answer, and any training looks like lift{also}"
    ]


def _share(proposal: Proposal, policy: Policy) -> list[str]:
    low, high = policy.data.validation_share
    total = len(proposal.train) + len(proposal.validation)
    if math.floor(low * total) <= len(proposal.validation) <= math.ceil(high * total):
        return []
    return [
        f"  warning: {len(proposal.validation) / total:.1%} of the rows are for validation and evals/policy.yaml asks "
        f"for {low:.0%} to {high:.0%}, so validate will block: data.validation_share, or no --validation"
    ]


def _left(left: Counter[str]) -> list[str]:
    from liftgate.onboarding.examples import LEFT_OUT

    return [f"  left out: {count:,} {LEFT_OUT[reason]}" for reason, count in sorted(left.items()) if count]


def _written(new: Mapping[str, bytes], extended: Iterable[str], kept: Sequence[str], *, dry_run: bool) -> str:
    schemas = [path for path in new if path.endswith(_SCHEMAS)]
    shown = [path for path in new if not path.endswith(_SCHEMAS)]
    lines = [
        "would write, with no --dry-run:" if dry_run else "written:",
        *(f"  {path}" for path in shown),
        *(
            [f"  {schemas[0].rpartition('/')[0]}/ ({len(schemas)} schemas for your editor)"]
            if schemas
            else []
        ),
        *(f"  {path} (one entry more)" for path in extended),
        *(f"  kept as it is: {path}" for path in kept),
    ]
    return "\n".join(lines) + "\n"


def _golden(
    arguments: argparse.Namespace, naming: Naming, proposal: Proposal, power: Sequence[Finding]
) -> str:
    cases = len(proposal.golden)
    asked = (
        "as many as the policy's lift asks for"
        if cases == proposal.wanted
        else f"the policy's lift asks for {proposal.wanted:,}"
    )
    of = f"out of {arguments.golden}" if arguments.golden else "a proposal out of the rows"
    lines = [f"golden set, {of}: {cases:,} cases; {asked}"]
    lines += [f"  {finding.severity}: {finding.message}" for finding in power]
    if any(finding.rule == "small-bucket" for finding in power):
        held_out = "" if arguments.golden else "a test file of your own (--golden FILE), or "
        lines.append(
            f"  what to do: {held_out}fewer, larger buckets: a key in every case's buckets, "
            f"named in evals/{naming.alias}/suite.yaml"
        )
    return "\n".join(lines) + "\n"


def _open(naming: Naming, arguments: argparse.Namespace, answers: Answers) -> str:
    alias = naming.alias
    lines = [
        f"  evals/{alias}/decision.yaml: its questions, and what prompts reach (liftgate decide {alias} --measure); "
        "nothing is paid for or promoted before",
        f"  evals/{alias}/golden.jsonl: has a person looked at every case?",
        f"  evals/{alias}/safety.jsonl: a start of a few cases; which failure of yours must never happen?",
    ]
    if answers.task == "style":
        lines.append(
            f"  evals/{alias}/suite.yaml: exact_match asks too much of free text; which scorer or judge does not?"
        )
    missing = [
        name
        for name, value in (
            ("owner", naming.owner),
            ("licence", naming.licence),
            ("data_classification", naming.classification),
        )
        if not value
    ]
    lines.append(
        f"  datasets/{alias}/card.yaml: {', '.join([*missing, 'description', 'provenance', 'personal_data'])}"
    )
    if not arguments.reviewed:
        lines.append(
            f"  rows say source {arguments.source}, not reviewed, where they said nothing: --source, --reviewed"
        )
    if naming.provider != "local":
        lines.append(
            f"  evals/prices.yaml: what {naming.provider} asks for {naming.base}, with the page and the day"
        )
    if not arguments.owner:
        lines.append("  CODEOWNERS: who must agree (--owner @org/team, or liftgate init --protect)")
    if not arguments.action and not (arguments.root / ".github/workflows/report.yml").is_file():
        lines.append("  .github/workflows: --action OWNER/NAME@COMMIT of Liftgate's repository copies them")
    return "to be said by people:\n" + "\n".join(lines) + "\n"


def _next(root: Path, naming: Naming, written: Sequence[str], *, dry_run: bool) -> str:
    if dry_run:
        return ""
    subject = [f"datasets/{naming.alias}", "models.yaml"]
    ruler = [f"evals/{naming.alias}"]
    ruler += [path for path in written if path.startswith("evals/") and path.count("/") == 1]
    ruler += [".github"] if any(path.startswith(".github/") for path in written) else []
    start, branch = _git_start(root)
    commit = (
        f"{start}git add {' '.join(ruler)} && git commit -q -m 'Ruler of {naming.alias}' && "
        f"git switch -q -c {naming.alias}-v1 && git add {' '.join(subject)} && "
        f"git commit -q -m 'Dataset of {naming.alias}'"
    )
    where = "" if root == Path() else f" in {root}"
    return (
        f"next{where} (the ruler lands before what it measures, on GitHub as a pull request of its own):\n"
        f"  liftgate validate --alias {naming.alias}\n"
        f"  {commit}\n"
        f"  liftgate run --base {branch}\n"
    )


def _git_start(root: Path) -> tuple[str, str]:
    """(what makes a repository here, where there is none; the branch that is out)."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "symbolic-ref", "--short", "HEAD"],
            capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "git init -q -b main && ", "main"
    if done.returncode == 0 and done.stdout.strip():
        return "", done.stdout.strip()
    inside = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--git-dir"], capture_output=True, check=False, timeout=10
    )
    return ("", "main") if inside.returncode == 0 else ("git init -q -b main && ", "main")
