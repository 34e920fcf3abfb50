"""`liftgate backlog`: what the next dataset needs, from prompts that fail, reviewers and shadow traffic.

It writes no training row and starts nothing. Without --write or --pull-request it only says what it would do.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.registry.proposing import add_pull_request
from liftgate.commands.sources.ledgers import add_ledger
from liftgate.commands.watching.backlog_found import Found, place
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.watching.backlog_reading import Read
    from liftgate.watch.backlog import Row
    from liftgate.watch.backlog_words import Standing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The alias, where to look, and what to do with what was found."""
    parser.add_argument(
        "alias", nargs="?", metavar="ALIAS", help="this alias only (default: each one that has a suite)"
    )
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    where = parser.add_argument_group("where to look (decisions are read from waivers.yaml)")
    where.add_argument(
        "--run",
        dest="runs",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="answers under one prompt, or a finished run folder; repeat, oldest first",
    )
    where.add_argument(
        "--results-branch",
        nargs="?",
        const="origin",
        metavar="REMOTE",
        help="every recorded run of the alias on the branch liftgate-results (default: origin); needs its --ledger",
    )
    where.add_argument(
        "--shadow",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="shadow report; may be repeated (default: those that models.yaml pins)",
    )
    add_ledger(where)
    what = parser.add_argument_group("what to do with it")
    what.add_argument("--write", action="store_true", help="write evals/ALIAS/backlog.jsonl in the work tree")
    add_pull_request(what, "propose it on a branch of its own, and ask to merge it")
    parser.add_argument("--json", action="store_true", help="rows and words as one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Look, say, and write or propose as asked; 0, whatever was found."""
    from liftgate.files import pretty, write_bytes

    if arguments.write and arguments.pull_request:
        raise InputError(
            "--write edits the work tree and --pull-request a branch of its own", hint="choose one of them"
        )
    aliases = [arguments.alias] if arguments.alias else _aliases(arguments)
    documents = []
    for alias in aliases:
        read, number = _read(arguments, alias), None
        if arguments.pull_request:
            from liftgate.commands.watching.backlog_request import request

            found, number = request(arguments, alias, partial(find, read))
        else:
            path = arguments.root / place(alias)
            found = find(read, path.read_bytes() if path.is_file() else b"")
            if arguments.write and found.data != found.known:
                write_bytes(path, found.data)
        documents.append(_json(found, number))
        sys.stderr.write("\n".join(_told(found, arguments, number)) + "\n")
    if arguments.json:
        whole = documents[0] if arguments.alias else {"schema_version": 1, "aliases": documents}
        sys.stdout.write(pretty(whole).decode())
    return ExitCode.PASS


def _aliases(arguments: argparse.Namespace) -> list[str]:
    """Every alias that has a suite. Raises `InputError` where runs or shadow reports of one were named."""
    if arguments.runs or arguments.shadow:
        raise InputError("--run and --shadow are about one alias", hint="name it: liftgate backlog ALIAS")
    return sorted(path.parent.name for path in (arguments.root / "evals").glob("*/suite.yaml"))


def find(read: Read, known: bytes) -> Found:
    """The backlog that follows from what was read and from what stands there."""
    from liftgate.watch.backlog import (
        from_decisions,
        from_prompts,
        from_shadow,
        merged,
        read_backlog,
        write_backlog,
    )
    from liftgate.watch.backlog_words import data_body, golden_body, judge_note, title
    from liftgate.watch.prompt_versions import in_sequence

    alias, path = read.alias, place(read.alias)
    old = read_backlog(known, path)
    versions, findings = in_sequence(read.versions, read.suite.golden_sha256, f"evals/{alias}/golden.jsonl")
    fixes, unknown = from_decisions(alias, read.decisions, read.cases)
    shadows = [row for report, sha256 in read.shadows for row in from_shadow(alias, report, sha256)]
    rows = merged(old, [*from_prompts(alias, versions), *fixes, *shadows])
    there = {row.id for row in old}
    fresh = [row for row in rows if row.id not in there]
    standing = _standing(read, rows, versions)
    wrong = {
        kind: [each for each in read.decisions if each.kind == kind] for kind in ("bad-label", "judge-wrong")
    }
    checked = read.ruler.calibration(alias)
    measured = None
    if checked is not None:
        measured = (checked.calibration.metric, checked.calibration.human_pairs, checked.calibration.kappa)
    return Found(
        alias=alias,
        path=path,
        known=known,
        data=write_backlog(rows),
        rows=rows,
        fresh=fresh,
        standing=standing,
        title=title(alias),
        body=data_body(alias, rows, fresh, standing),
        golden=golden_body(alias, wrong["bad-label"], read.cases),
        judge=judge_note(alias, wrong["judge-wrong"], measured, read.ruler.policy),
        findings=[*read.findings, *findings, *unknown],
    )


def _read(arguments: argparse.Namespace, alias: str) -> Read:
    from liftgate.commands.sources.ledgers import open_ledger
    from liftgate.commands.watching.backlog_reading import read_all

    remote = arguments.results_branch
    ledger = None if remote is None else open_ledger(arguments.ledger, arguments.root)
    return read_all(
        arguments.root,
        alias,
        runs=arguments.runs,
        shadows=arguments.shadow,
        ledger=ledger,
        remote=remote,
    )


def _standing(read: Read, rows: list[Row], versions: list[Any]) -> Standing:
    from liftgate.data.dataset import read_rows
    from liftgate.project import read_subject
    from liftgate.watch.backlog_words import Standing
    from liftgate.watch.prompt_versions import plateau

    policy, slots = read.ruler.policy, {slot for row in rows for slot in row.slots}
    reviewed, written = 0, set()
    if (read.ruler.folder / "datasets" / read.alias / "card.yaml").is_file():
        subject = read_subject(read.ruler.folder, read.alias)
        halves = [subject.train_path, *([subject.validation_path] if subject.validation_path else [])]
        for path in halves:
            with subject.data(path).open("rb") as file:
                dataset = read_rows(file, str(path))
            written |= {row.id for row in dataset.rows} & slots
            if path == subject.train_path:
                reviewed = sum(row.reviewed for row in dataset.rows)
    wanted = policy.trigger.min_reviewed_rows
    return Standing(reviewed, wanted, len(slots), len(written), plateau(versions, policy))


def _told(found: Found, arguments: argparse.Namespace, number: int | None) -> list[str]:
    from liftgate.findings import ordered

    said = [
        f"{f.place + ': ' if f.place else ''}{f.severity}: {f.message} [{f.rule}]"
        for f in ordered(found.findings)
    ]
    if found.data == found.known:
        said.append(f"{found.path}: nothing new, {len(found.rows)} cases stand there")
    elif arguments.write:
        said.append(f"{found.path} is written: {len(found.rows)} cases, {len(found.fresh)} of them new")
    elif number is not None:
        said.append(f"pull request #{number}")
    else:
        said.append(f"{found.path} would change; --write writes it, --pull-request proposes it")
    if found.rows:
        said += ["", found.title, "", found.body.rstrip()]
    if found.golden:
        said += ["", f"A pull request for the golden set of {found.alias}:", "", found.golden.rstrip()]
    if found.judge:
        said += ["", found.judge.rstrip()]
    return said


def _json(found: Found, number: int | None) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "alias": found.alias,
        "path": found.path,
        "rows": [row.to_dict() for row in found.rows],
        "new": sorted(row.id for row in found.fresh),
        "trigger": found.standing.to_dict(),
        "title": found.title,
        "body": found.body,
        "golden_body": found.golden,
        "judge_note": found.judge,
        "pull_request": number,
        "findings": [finding.to_dict() for finding in found.findings],
    }
