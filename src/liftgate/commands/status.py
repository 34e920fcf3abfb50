"""`liftgate status`: every alias, its variants, how they stand and what was spent; as text, JSON or one HTML file."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import BRANCH_PREFIX, add_ledger, open_ledger
from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.policy import Policy
    from liftgate.registry.models import Alias, Model, Variant
    from liftgate.report.status import AliasStatus, Due, Status, VariantStatus
    from liftgate.report.status_chart import Measured
    from liftgate.training.ledger import Entry
    from liftgate.training.sunset import Sunsets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, and the page."""
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write one self-contained page")
    parser.add_argument(
        "--today", type=_day, metavar="DATE", help="the day that ages are counted on (default: today, UTC)"
    )
    parser.add_argument("--json", action="store_true", help="the same as one JSON object on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, tell, write; 0 whatever stands there: a page judges nothing."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.files import pretty, write_bytes
    from liftgate.report.status import render_text, to_dict

    status = read_status(arguments.root, arguments.ledger, arguments.today or utc_now().date())
    if arguments.html is not None:
        from liftgate.report.status_html import render_status_html

        write_bytes(arguments.html, render_status_html(status).encode())
    if arguments.json:
        sys.stdout.write(pretty(to_dict(status)).decode())
    sys.stderr.write(render_text(status))
    if arguments.html is not None:
        sys.stderr.write(f"\npage  {arguments.html}\n")
    return ExitCode.PASS


def read_status(root: Path, where: str, today: datetime.date) -> Status:
    """Everything that the page says, from models.yaml, evals/ and the ledger."""
    from liftgate.files import read_bytes
    from liftgate.project import Ruler
    from liftgate.registry.models import read_models
    from liftgate.report.status import Status, months_of
    from liftgate.training.approval import parse_time
    from liftgate.training.spent import spent_in
    from liftgate.training.sunset import Sunsets

    models = read_models(read_bytes(root / "models.yaml", "registry"), "models.yaml")
    ruler, notes = Ruler(root, None), []
    sunsets = Sunsets(ruler.sunsets)
    if sunsets.rows is None:
        notes.append("There is no evals/sunsets.yaml, so nothing says when hosted models end.")
    entries: list[Entry] = []
    training: list[tuple[datetime.date, Any]] = []
    if where.startswith(BRANCH_PREFIX) or Path(where).is_dir():
        ledger = open_ledger(where, root)
        entries = [entry for _, entry in ledger.entries("verdicts")]
        training = [(spent.day, spent.usd) for spent in spent_in(ledger)]
    else:
        notes.append("No ledger was read (--ledger names one): verdicts and spend are not known.")
    from decimal import Decimal

    paid = [(parse_time(e["at"]).date(), Decimal(e["usd"])) for e in entries if "usd" in e]
    aliases = [
        _alias(root, alias, entries, sunsets, ruler.policy, today) for alias in models.aliases.values()
    ]
    return Status(today, aliases, months_of(training, paid), notes)


def _alias(
    root: Path, alias: Alias, entries: Sequence[Entry], sunsets: Sunsets, policy: Policy, today: datetime.date
) -> AliasStatus:
    from liftgate.report.status import AliasStatus

    names = {v.entry.get("manifest_digest"): v.name for v in alias.variants.values()}
    history = _history([entry for entry in entries if entry["alias"] == alias.name], names)
    for variant in alias.variants.values():
        if not any(point.variant == variant.name for point in history):
            history += _of_report(root, variant)
    history.sort(key=lambda point: point.at)
    return AliasStatus(
        alias.name,
        alias.default.model_id,
        alias.default.provider,
        _sunset(sunsets, alias.default, today),
        [
            _variant(alias.name, variant, entries, history, sunsets, policy, today)
            for variant in alias.variants.values()
        ],
        history,
    )


def _history(entries: Sequence[Entry], names: Mapping[Any, str]) -> list[Measured]:
    """One point a report: the same one may stand under the key of its content, too."""
    from liftgate.report.status_chart import Measured
    from liftgate.training.approval import parse_time

    found: dict[str, Measured] = {}
    for entry in sorted(entries, key=lambda each: (str(each["at"]), str(each["key"]))):
        if "lift" not in entry:
            continue
        digest = entry.get("manifest_digest")
        named = names.get(digest) if digest else None
        key = f"{entry['report_sha256']} {entry.get('cycle')}"
        found.setdefault(
            key,
            Measured(
                parse_time(entry["at"]),
                named or ("a candidate" if digest is None else f"candidate {digest[:8]}"),
                entry["verdict"],
                entry.get("metric", ""),
                entry.get("n"),
                entry["lift"],
                entry.get("low"),
                entry.get("high"),
            ),
        )
    return list(found.values())


def _of_report(root: Path, variant: Variant) -> list[Measured]:
    """The report that a variant pins, where the ledger says nothing of it."""
    from liftgate.commands.watching.pinned import pinned_report
    from liftgate.registry.evidence import at
    from liftgate.report.status_chart import Measured

    report, when = pinned_report(root, variant), at(variant.entry.get("evaluated_at"))
    comparison = None if report is None else report.get("comparison")
    if report is None or when is None or not isinstance(comparison, dict):
        return []
    lift = comparison["lift"]
    if lift["mean"] is None:
        return []
    told = (lift["metric"], lift["n"], lift["mean"], lift["low"], lift["high"])
    return [Measured(when, variant.name, report["verdict"], *told)]


def _variant(
    alias: str,
    variant: Variant,
    entries: Sequence[Entry],
    history: Sequence[Measured],
    sunsets: Sunsets,
    policy: Policy,
    today: datetime.date,
) -> VariantStatus:
    from liftgate.report.status import Due, VariantStatus
    from liftgate.watch.ages import evaluated

    newest = next((point for point in reversed(history) if point.variant == variant.name), None)
    entry, stale = variant.entry, Due(None)
    if (last := evaluated(alias, variant, entries)) is not None:
        on = last.when.astimezone(datetime.UTC).date() + datetime.timedelta(days=policy.max_report_age_days)
        stale = Due((on - today).days, on)
    return VariantStatus(
        variant.name,
        variant.model.model_id,
        variant.model.provider,
        variant.dataset_version,
        variant.rollout_percent,
        entry.get("shadow_percent", 0),
        newest,
        stale,
        _sunset(sunsets, variant.model, today),
        str(entry.get("owner", "")),
        str(entry.get("on_call", "")),
    )


def _sunset(sunsets: Sunsets, model: Model, today: datetime.date) -> Due:
    """The nearest end of a model or of what it was made from; own weights never end."""
    from liftgate.report.status import Due
    from liftgate.training.sunset import OURS

    if model.provider in OURS:
        return Due(None, never=True)
    ends = [sunsets.end_of(model.provider, name) for name in (model.model_id, model.base) if name]
    days = [end.shutdown_on for end in ends if end.shutdown_on is not None]
    return Due((min(days) - today).days, min(days)) if days else Due(None)


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a day, such as 2026-11-25") from None
