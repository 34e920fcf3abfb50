"""`liftgate watch shadow`: what a variant did with mirrored or served requests, from the request log."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import ExitCode, InputError
from liftgate.report.numbers import plural

if TYPE_CHECKING:
    from liftgate.registry.models import Alias, Models, Variant
    from liftgate.verdict.comparison import Comparison
    from liftgate.watch.shadow import Shadows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The variant, the log, and where the report goes."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument("variant", metavar="VARIANT")
    parser.add_argument("--log", type=Path, nargs="+", required=True, metavar="FILE", help="request logs")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="requests from here on, such as 2026-11-25T09:00:00Z"
    )
    parser.add_argument("--to", dest="until", metavar="TIME", help="requests before this time")
    parser.add_argument(
        "--metric", metavar="NAME",
        help="the score that decides (default: not-escalated where all pairs have it, else answered)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="the report (default: evals/reports/ALIAS/VARIANT.shadow.json below --root)",
    )  # fmt: skip
    parser.add_argument("--comparison", type=Path, metavar="FILE", help="also the whole comparison.json")
    parser.add_argument("--json", action="store_true", help="report and comparison on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write the report: 0, 10 when the variant is proven worse, 11 when nothing could be paired."""
    from liftgate.config import Document, check
    from liftgate.files import pretty, read_bytes, sha256_bytes, write_bytes
    from liftgate.project import Ruler
    from liftgate.registry.models import read_models
    from liftgate.watch.shadow import compare_shadows, shadow_report

    root = arguments.root
    models = read_models(read_bytes(root / "models.yaml", "registry"), "models.yaml")
    alias = models.alias(arguments.alias)
    variant = alias.variants.get(arguments.variant)
    if variant is None:
        raise InputError(f"models.yaml: {alias.name} has no variant {arguments.variant!r}")
    refused: Counter[str] = Counter()
    found = _gathered(arguments, models, alias, variant, refused)
    if not found.requests:
        raise InputError(
            f"the log holds no request of {alias.name} {variant.name} in this time{_unusable(refused, '; ')}",
            hint="mirrored requests are lines with `shadow: true`; see docs/guides/watch.md",
        )
    metrics, comparison = found.metrics(), None
    metric = arguments.metric or ("not-escalated" if "not-escalated" in metrics else "answered")
    if metrics and metric not in metrics:
        raise InputError(f"not every pair has the score {metric}", hint=f"all have: {', '.join(metrics)}")
    report = shadow_report(found, alias, variant, "liftgate watch shadow", metric if metrics else None)
    if problems := check(Document("the report", report), "shadow-report"):
        raise InputError("the log makes no report", problems=problems)
    if metrics:
        comparison = compare_shadows(found, alias, variant, Ruler(root, None).policy, metric)
    out = arguments.out or root / "evals" / "reports" / alias.name / f"{variant.name}.shadow.json"
    data = pretty(report)
    write_bytes(out, data)
    if arguments.comparison and comparison is not None:
        write_bytes(arguments.comparison, comparison.to_json())
    if arguments.json:
        whole = None if comparison is None else comparison.summary()
        sys.stdout.write(pretty({"schema_version": 1, "report": report, "comparison": whole}).decode())
    written = f"{_written(out, root, sha256_bytes(data))}; liftgate registry promote takes it along"
    _tell(found, comparison, metric, _unusable(refused), written)
    if comparison is None:
        return ExitCode.PASS if variant.rollout_percent else ExitCode.INSUFFICIENT_EVIDENCE
    worse = any(part.state == "fail" for part in comparison.parts if part.name in _DECIDING)
    return ExitCode.BLOCKED if worse else ExitCode.PASS


_DECIDING = ("lift", "regression-share", "latency", "json-valid")


def _gathered(
    arguments: argparse.Namespace, models: Models, alias: Alias, variant: Variant, refused: Counter[str]
) -> Shadows:
    from liftgate.commands.watching.log_rows import existing, requests
    from liftgate.watch.owners import DEFAULT
    from liftgate.watch.shadow import Shadows

    logs, (since, until) = existing(arguments.log), _range(arguments)
    found = Shadows()
    # Twice over the log: which of the default model's answers are needed is known only after the first time.
    for owner, row, at in requests(models, logs, refused):
        if owner == (alias.name, variant.name) and since <= at < until:
            found.take(row, at)
    for owner, row, at in requests(models, logs):
        if owner == (alias.name, DEFAULT) and not row.get("shadow") and since <= at < until:
            found.pair(row)
    return found


def _range(arguments: argparse.Namespace) -> tuple[str, str]:
    from liftgate.commands.watching.log_rows import utc
    from liftgate.watch.tally import minute_of

    for option, given in (("--from", arguments.since), ("--to", arguments.until)):
        if given is not None and minute_of(given) is None:
            raise InputError(f"{option}: no time with a zone, such as 2026-11-25T09:00:00Z")
    since, until = arguments.since, arguments.until
    return (utc(since) if since else "", utc(until) if until else "9")


def _unusable(refused: Counter[str], before: str = "") -> str:
    """`240 lines could not be used (240: scores are not numbers from 0 to 1)`."""
    if not refused:
        return ""
    each = "; ".join(f"{number:,}: {why}" for why, number in refused.most_common(5))
    return f"{before}{plural(refused.total(), 'line')} could not be used ({each})"


def _written(out: Path, root: Path, sha256: str) -> str:
    place = out.relative_to(root).as_posix() if out.is_relative_to(root) else str(out)
    return f"{place}: sha256 {sha256}"


def _tell(found: Shadows, comparison: Comparison | None, metric: str, unusable: str, written: str) -> None:
    lines = [
        f"{found.requests:,} requests from {found.first} to {found.last}, {found.errors:,} without an answer"
    ]
    if unusable:
        lines.append(unusable)
    if comparison is None and not found.ours:
        lines.append("none of them was mirrored, so none is compared with the default model's answer")
    elif comparison is None:
        lines.append("no mirrored request could be paired with the default model's answer by its id")
    else:
        lines.append(f"{len(found.pairs):,} pairs, by {metric}:")
        lines += [
            f"  {part.name}: {part.state} ({part.detail})"
            for part in comparison.parts
            if part.name in _DECIDING
        ]
    if found.without_id:
        lines.append(f"{found.without_id:,} requests have no id and could not be paired")
    sys.stderr.write("\n".join([*lines, written]) + "\n")
