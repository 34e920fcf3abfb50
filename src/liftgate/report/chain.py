"""A chain from rows to flag, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from liftgate.findings import Finding
from liftgate.registry.chain import LINKS, Chain, Link
from liftgate.report.escape import clean

_SHOWN: Final = 10
_MARKS: Final = {"holds": "✓", "broken": "✗", "missing": "·", "unchecked": "?"}
_LIMIT: Final = 300
_WIDTH: Final = max(map(len, LINKS))


def chain_lines(chain: Chain) -> Iterator[str]:
    """The outcome first, then a line a link, then whatever was not made again."""
    name = f"{chain.alias} {chain.variant}"
    first = chain.first
    if first is None:
        yield f"{name}: verified, from rows to flag"
    else:
        said = "not verified, the first broken link is" if first.state == "broken" else "incomplete, it lacks"
        yield f"{name}: {said} {first.name}"
        yield from (f"  {_told(finding)}" for finding in first.findings[:1])
    for link in chain.links:
        yield from _link(link)
    for why in chain.unchecked:
        yield f"  not checked: {clean(why, _LIMIT)}"


def _link(link: Link) -> Iterator[str]:
    head = f"  {_MARKS[link.state]} {link.name.ljust(_WIDTH)}"
    if not link.findings:
        yield f"{head}  {clean(link.told, _LIMIT) or 'not checked'}"
        return
    for number, finding in enumerate(link.findings[:_SHOWN]):
        yield f"{head if not number else ' ' * len(head)}  {_told(finding)} [{finding.rule}]"
    if len(link.findings) > _SHOWN:
        yield f"{' ' * len(head)}  and {len(link.findings) - _SHOWN:,} more"


def _told(finding: Finding) -> str:
    return clean(f"{finding.place}: {finding.message}" if finding.place else finding.message, _LIMIT)
