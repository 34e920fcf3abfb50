"""Parts of the comment about a change that no report holds: approval, progress, checklist, and the last push."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from liftgate.report import numbers
from liftgate.report.change_headline import either, usd
from liftgate.report.comment_digest import AliasDigest, PreviousDigest, alias_digest, digest_of
from liftgate.report.comment_markup import NAME_LIMIT, SENTENCE_LIMIT, table
from liftgate.report.escape import Markdown, code, escape
from liftgate.report.links import commit, is_ours, link

if TYPE_CHECKING:
    from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting

_CHECKS: Final = {True: Markdown("✓ done"), False: Markdown("**✗ missing**"), None: Markdown("**? unknown**")}
_SAID: Final = {
    "error": "not judged",
    "block": "blocked",
    "insufficient-evidence": "insufficient evidence",
    "waiting": "waiting",
    "running": "in progress",
    "pass": "pass",
    "nothing": "nothing to gate",
}


def approval_table(waiting: Waiting, run_url: str | None) -> Markdown:
    """What is needed, from whom, and how it is given."""
    ways = []
    if is_ours(waiting.link, run_url):
        ways.append(link("open this page and approve", waiting.link, run_url))
    if waiting.label:
        ways.append(Markdown(f"set the label {code(waiting.label, NAME_LIMIT)}"))
    rows = [
        ("who", escape(either(waiting.who) if waiting.who else "somebody with the right to", SENTENCE_LIMIT)),
        ("how", Markdown(", or ".join(ways) or "in this pull request")),
    ]
    if waiting.usd:
        rows.append(("price", escape(usd(waiting.usd))))
    if waiting.digest:
        rows.append(("for exactly this plan", code(waiting.digest, NAME_LIMIT)))
    if waiting.expires:
        rows.append(("lasts", escape(waiting.expires)))
    head = f"needed|{escape(waiting.what)}"
    return Markdown("".join(table(head, "ll", rows, lambda row: [Markdown(row[0]), row[1]])))


def where_it_stands(outcome: AliasOutcome) -> Markdown:
    """The way to a verdict in one line, with the place that was reached in bold."""
    at = "approval" if outcome.state == "waiting" else outcome.stage or "training"
    names = ["data", "price", "approval", "training", "evaluation", "verdict"]
    words = {
        "approval": "waiting for an approval" if outcome.waiting is None else "waiting",
        "training": "training" + _by(outcome),
        "evaluation": "evaluation",
    }
    reached = names.index(at)
    done = [f"✓ {name}" for name in names[:reached]]
    return Markdown(" → ".join([*done, f"**… {words[at]}**", *names[reached + 1 :]]))


def _by(outcome: AliasOutcome) -> str:
    provider = f" at {escape(outcome.provider, NAME_LIMIT)}" if outcome.provider else ""
    return provider + (f", job {escape(outcome.job_id, NAME_LIMIT)}" if outcome.job_id else "")


def checklist_table(items: Sequence[Mapping[str, Any]]) -> Markdown:
    """Each item of a promotion with what shows that it is so."""

    def cells(item: Mapping[str, Any]) -> list[Markdown]:
        told = (str(item.get("item", "")), str(item.get("evidence") or "none"))
        return [escape(told[0]), _CHECKS[_ok(item)], escape(told[1])]

    # What is missing is what a reviewer looks for.
    ordered = sorted(items, key=lambda item: [False, None, True].index(_ok(item)))
    return Markdown("".join(table("before this is promoted|done|evidence", "lll", ordered, cells)))


def _ok(item: Mapping[str, Any]) -> bool | None:
    ok = item.get("ok")
    return ok if isinstance(ok, bool) else None


def since_last_push(
    outcome: AliasOutcome, change: ChangeReport, before: PreviousDigest | None
) -> Iterator[Markdown]:
    """What was told of the commit before, and what is told now."""
    now = digest_of(change, None)
    was = alias_digest(before, outcome.alias) if before else None
    is_ = alias_digest(now, outcome.alias) if now else None
    if before is None or was is None or is_ is None:
        return
    same = "the same" if was.rows == is_.rows else "changed"
    rows = [
        ("verdict", _SAID[was.state], _SAID[is_.state]),
        *([("lift", _lift(was), _lift(is_))] if (was.lift, is_.lift) != (None, None) else []),
        ("errors", numbers.count(was.errors), numbers.count(is_.errors)),
        ("warnings", numbers.count(was.warnings), numbers.count(is_.warnings)),
        *([("training rows", "", same)] if was.rows and is_.rows else []),
    ]
    head = f"what|commit {commit(before.head_sha)}|now, {commit(change.head_sha)}"
    yield from table(head, "lll", rows, lambda row: [escape(cell) for cell in row])


def _lift(digest: AliasDigest) -> str:
    return numbers.NONE if digest.lift is None else numbers.change(digest.lift)
