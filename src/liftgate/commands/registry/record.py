"""`liftgate registry record`: write a verdict into the ledger, after making it again from its stored answers."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import add_ledger, open_ledger
from liftgate.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from liftgate.training.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run folder, where its results stay, and the ledger."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a finished run folder, .liftgate/<alias>")
    parser.add_argument(
        "--results", metavar="PLACE", help="where the folder is kept, for the next look (default: DIR)"
    )
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the clone (default: here)")
    parser.add_argument("--json", action="store_true", help="the entry on stdout")
    add_ledger(parser)
    change = parser.add_argument_group(
        "the change that the folder was made for, to find its verdict by content"
    )
    change.add_argument(
        "--results-branch",
        nargs="?",
        const="origin",
        metavar="REMOTE",
        help="keep the folder on the branch liftgate-results of this remote (default: origin)",
    )
    change.add_argument("--base", metavar="REF", help="the commit that the ruler was read from")
    change.add_argument("--head", metavar="REF", default="HEAD", help="the change (default: HEAD)")
    change.add_argument("--pull", type=int, metavar="N", help="the change is the head of this pull request")
    change.add_argument(
        "--head-sha",
        metavar="SHA",
        help="with --pull: the commit that was run; refuse when its head is another",
    )


def run(arguments: argparse.Namespace) -> int:
    """Record what the answers give: 0, or 2 when the folder has no verdict, says another, or is of another change."""
    from liftgate.commands.judging.evidence import rebuild
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.sources.report_file import read_report
    from liftgate.files import pretty
    from liftgate.training.approval import rfc3339
    from liftgate.training.ledger import verdict_name

    report = read_report(arguments.folder / "report.json")
    made = rebuild(arguments.folder).report
    if made != report:
        raise InputError(
            f"{arguments.folder}: the report is not what its answers give",
            hint=f"liftgate registry verify --report {arguments.folder / 'report.json'} names the first difference",
        )
    if report["verdict_key"] is None or report["comparison"] is None:
        raise InputError(f"{arguments.folder}: nothing was compared, so there is no verdict to record")
    ledger = open_ledger(arguments.ledger, arguments.root)
    place, key = arguments.results or str(arguments.folder), None
    if arguments.results_branch:
        from liftgate.commands.judging.results_branch import keep_results

        key = _content_key(arguments, report)
        place = keep_results(arguments.root, arguments.results_branch, key, arguments.folder)
    name = verdict_name(report["verdict_key"])
    known = ledger.read(name)
    if known is not None and known["verdict"] != report["verdict"]:
        raise InputError(f"the ledger holds another verdict under {report['verdict_key']}")
    now = rfc3339(utc_now())
    if known is None:
        ledger.keep(name, {**verdict_entry(report, place), "at": now})
    if key is not None:
        _keep_for_content(ledger, key, report, place, now)
    if arguments.json:
        sys.stdout.write(pretty(dict(ledger.read(name) or {})).decode())
    under = report["verdict_key"] if key is None else key
    sys.stderr.write(f"{report['verdict']} recorded under {under[:12]}…\n")
    return ExitCode.PASS


def _content_key(arguments: argparse.Namespace, report: dict[str, Any]) -> str:
    """The key under which this change looks for its verdict. Raises `InputError` for a report of another change."""
    import tempfile

    from liftgate.commands.judging.content import Hashes, asks_promoted, hashes_at, key_of
    from liftgate.commands.launching.local_terms import manifest_of
    from liftgate.commands.sources.pull_tree import complete_history, fetch_pull, pull_tree
    from liftgate.project import plan_of, read_subject, ruler_of
    from liftgate.registry.models import read_models
    from liftgate.repository import show

    if not arguments.base:
        raise InputError(
            "--results-branch needs --base REF", hint="name the commit that the run was judged by"
        )
    root, alias = arguments.root, report["alias"]
    head = arguments.head
    if arguments.pull is not None:
        head = fetch_pull(root, arguments.pull, arguments.results_branch)
        if arguments.head_sha not in {None, head}:
            raise InputError(
                f"pull/{arguments.pull} moved on since it was run, so the run is not of what it holds now",
                hint="its new head is judged by itself",
            )
        complete_history(root, arguments.base, head, arguments.results_branch)
    plan, base, head = plan_of(root, arguments.base, head)
    with pull_tree(root, head, [alias]) as pull, tempfile.TemporaryDirectory(prefix="liftgate-") as folder:
        ruler = ruler_of(pull.root, Path(folder), base, plan, alias)
        digest = None
        with contextlib.suppress(InputError):
            # A local base that only this machine's folder names has no revision here.
            digest = manifest_of(read_subject(pull.root, alias)).digest
        problems = [*pull.findings, *Hashes.of(pull, ruler, alias, digest).differences(report)]
        registry = show(root, head, "models.yaml")
        models = None if registry is None else read_models(registry, "models.yaml")
        asked = asks_promoted(root, base, head, plan, alias)
        key = key_of(alias, plan, pull.files, hashes_at(root, base, "evals"), models, asks_promoted=asked)
    if problems:
        raise InputError(
            f"{arguments.folder}: the run is not of this change, so its verdict is not recorded for it",
            problems=[Problem(each.place, each.message) for each in problems],
            hint="run it again for the commits that --base and --head name",
        )
    return key


def _keep_for_content(ledger: Ledger, key: str, report: dict[str, Any], place: str, now: str) -> None:
    from liftgate.training.ledger import verdict_name

    known = ledger.read(verdict_name(key))
    if known is None:
        ledger.keep(verdict_name(key), {**verdict_entry(report, place), "key": key, "at": now})
    elif known["report_sha256"] != report["report_sha256"]:
        raise InputError(
            f"the ledger holds another report under {key[:12]}…",
            hint="the first verdict of a content stands; change the content, or take the first one back by hand",
        )


def verdict_entry(report: dict[str, Any], results: str) -> dict[str, Any]:
    """A verdict's entry but for its time."""
    lift, training = report["comparison"]["lift"], report["training"] or {}
    measured = {"metric": lift["metric"], "n": lift["n"], "lift": lift["mean"]}
    ends = {"low": lift["low"], "high": lift["high"]}
    known = {key: value for key, value in {**measured, **ends}.items() if value is not None}
    return {
        "schema_version": 1,
        "entry": "verdict",
        "key": report["verdict_key"],
        "verdict": report["verdict"],
        "alias": report["alias"],
        "manifest_digest": training.get("manifest_digest"),
        "results": results,
        "report_sha256": report["report_sha256"],
        **known,
    }


def recompute(location: str) -> tuple[str, str] | None:
    """(verdict key, verdict) as the stored results give them now; None when they are gone or were altered.

    What `training.ledger.find_verdict` asks before an entry counts.
    """
    from liftgate.commands.judging.evidence import rebuild

    try:
        report = rebuild(Path(location)).report
    except InputError:
        return None
    key = report["verdict_key"]
    return None if key is None else (str(key), str(report["verdict"]))
