"""Cases: golden sets that claim more evidence than they hold."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.cluster import near_groups
from liftgate.findings import Finding, Severity


def unclustered_cases(context: Context) -> Iterator[Finding]:
    """Golden cases nearly repeat one another and carry no common `cluster_id`.

    Why: the verdict counts them as independent evidence, so its interval is too narrow.
    Fix: `liftgate data cluster CASES --write`, or replace all but one of them.
    """
    for cases in context.golden:
        for group in near_groups(cases.cases):
            bare = [case for case in group if not case.cluster_id]
            if bare:
                others = [f"{case.line}" for case in group if case is not bare[0]][:5]
                message = (
                    f"nearly repeated on line{'s' if len(others) > 1 else ''} {', '.join(others)} "
                    f"({len(group)} cases, {len(bare)} without cluster_id)"
                )
                yield Finding("unclustered-cases", Severity.WARNING, message, cases.path, bare[0].line)
