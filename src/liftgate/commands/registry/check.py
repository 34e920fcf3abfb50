"""`liftgate registry check`: whether a change of models.yaml is a legal transition, or the registry holds as it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import add_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.policy import Policy
    from liftgate.registry.evidence import RegistryEvidence
    from liftgate.registry.models import Models
    from liftgate.training.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A git range, two files, or nothing: then models.yaml as it stands."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="BEFORE and AFTER, instead of a git range"
    )
    parser.add_argument("--base", metavar="REF", help="the branch the change would merge into")
    parser.add_argument("--head", metavar="REF", help="the change, a commit (default: the work tree)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="with two files (default: evals/policy.yaml below --root)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check and tell everything at once: 0, or 10 when the change may not be merged."""
    from liftgate.files import pretty
    from liftgate.findings import blocks

    if len(arguments.files) not in (0, 2) or (arguments.files and arguments.base):
        raise InputError(
            "registry check takes --base REF, or two files, or neither",
            hint="liftgate registry check --base main",
        )
    if arguments.base:
        document, findings = _range(arguments)
    elif arguments.files:
        document, findings = _files(arguments)
    else:
        document, findings = _as_it_stands(arguments)
    blocked = blocks(findings)
    whole = {
        "schema_version": 1,
        "outcome": "block" if blocked else "pass",
        **document,
        "findings": [finding.to_dict() for finding in findings],
    }
    if arguments.json:
        sys.stdout.write(pretty(whole).decode())
    changes = [f"{alias}: {kind}" for alias, kind in document["changes"].items()]
    told = [f"{f.place}: {f.severity}: {f.message} [{f.rule}]" for f in findings]
    end = "blocked" if blocked else "nothing stands against it"
    sys.stderr.write("\n".join([*changes, *told, end]) + "\n")
    return ExitCode.BLOCKED if blocked else ExitCode.PASS


def ledger_of(where: str, root: Path) -> Ledger | None:
    """The ledger that `--ledger` names, or None where there is no folder yet."""
    from liftgate.commands.sources.ledgers import BRANCH_PREFIX, open_ledger

    if not where.startswith(BRANCH_PREFIX) and not Path(where).is_dir():
        return None
    return open_ledger(where, root)


def _range(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[Finding]]:
    from liftgate.commands.sources.registry_evidence import at_commit, gather, in_tree
    from liftgate.config import load
    from liftgate.policy import Policy
    from liftgate.registry.models import read_models
    from liftgate.repository import changes, commit_of, uncommitted

    root = arguments.root
    base, head = commit_of(root, arguments.base), arguments.head and commit_of(root, arguments.head)
    of_base, of_head = at_commit(root, base), at_commit(root, head) if head else in_tree(root)
    old, new = of_base("models.yaml"), of_head("models.yaml")
    if old is None and new is None:
        raise InputError(
            "models.yaml is neither in the base nor in the change", hint="liftgate init writes one"
        )
    written = of_base("evals/policy.yaml")
    if written is None:
        raise InputError(
            f"{arguments.base}: no evals/policy.yaml", hint="the policy lands first, in a change of its own"
        )
    policy = Policy.from_document(load(written, "evals/policy.yaml", "policy"))
    before, after = (None if data is None else read_models(data) for data in (old, new))
    evidence = gather(root, base, head, after, ledger=ledger_of(arguments.ledger, root))
    touched = {change.path for change in changes(root, base, head or "HEAD")}
    touched |= set() if head else set(uncommitted(root, ""))
    return _judged(before, after, evidence, policy, alone=touched <= {"models.yaml"})


def _files(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[Finding]]:
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.commands.sources.registry_evidence import collect, in_tree
    from liftgate.files import read_bytes
    from liftgate.registry.history import states
    from liftgate.registry.models import read_models

    root = arguments.root
    old, new = (read_bytes(path, "registry") for path in arguments.files)
    before, after = (
        read_models(data, str(path)) for data, path in zip((old, new), arguments.files, strict=True)
    )
    policy = read_policy(arguments.policy or root / "evals" / "policy.yaml")
    read = in_tree(root)
    evidence = collect(read, read, after, states([]), ledger_of(arguments.ledger, root))
    return _judged(before, after, evidence, policy, alone=False)


def _judged(
    before: Models | None, after: Models | None, evidence: RegistryEvidence, policy: Policy, *, alone: bool
) -> tuple[dict[str, Any], list[Finding]]:
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.registry.check import check_registry
    from liftgate.registry.checklist import checklist
    from liftgate.registry.history import of_alias
    from liftgate.registry.transitions import transition

    now = utc_now()
    old, new = before.aliases if before else {}, after.aliases if after else {}
    kinds = {
        name: kind
        for name in sorted(old.keys() | new.keys())
        if (
            kind := transition(
                old.get(name), new.get(name), of_alias(evidence.history, name) if alone else ()
            )
        )
    }
    lists = {
        name: items
        for name, kind in kinds.items()
        if kind == "promotion" and (items := checklist(name, before, after, evidence, policy, now))
    }
    findings = check_registry(before, after, evidence, policy, now, alone=alone)
    return {"changes": kinds, "checklist": lists}, findings


def _as_it_stands(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[Finding]]:
    from liftgate.files import read_bytes
    from liftgate.findings import ordered
    from liftgate.registry.models import read_models
    from liftgate.registry.standing import standing

    models = read_models(read_bytes(arguments.root / "models.yaml", "registry"), "models.yaml")
    return {"changes": {}, "checklist": {}}, ordered(dict.fromkeys(standing(models)))
