"""`liftgate registry record`: write a verdict into the ledger, after making it again from its stored answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from liftgate.commands.ledgers import add_ledger, open_ledger
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run folder, where its results stay, and the ledger."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a finished run folder, .liftgate/<alias>")
    parser.add_argument(
        "--results", metavar="PLACE", help="where the folder is kept, for the next look (default: DIR)"
    )
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the clone (default: here)")
    parser.add_argument("--json", action="store_true", help="the entry on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record what the answers give: 0, or 2 when the folder has no verdict or says another."""
    from liftgate.commands.evidence import rebuild
    from liftgate.commands.gate import read_report
    from liftgate.commands.hosted import utc_now
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
    name = verdict_name(report["verdict_key"])
    known = ledger.read(name)
    if known is not None and known["verdict"] != report["verdict"]:
        raise InputError(f"the ledger holds another verdict under {report['verdict_key']}")
    entry = dict(known) if known else verdict_entry(report, arguments.results or str(arguments.folder))
    if known is None:
        ledger.keep(name, {**entry, "at": rfc3339(utc_now())})
    if arguments.json:
        sys.stdout.write(pretty(dict(ledger.read(name) or {})).decode())
    sys.stderr.write(f"{report['verdict']} recorded under {report['verdict_key'][:12]}…\n")
    return ExitCode.PASS


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
    from liftgate.commands.evidence import rebuild

    try:
        report = rebuild(Path(location)).report
    except InputError:
        return None
    key = report["verdict_key"]
    return None if key is None else (str(key), str(report["verdict"]))
