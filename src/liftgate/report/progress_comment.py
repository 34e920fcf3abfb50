"""The comment that is there at once: what is being judged, how far it is, and for whom it waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from liftgate.report import numbers
from liftgate.report.change_headline import OPENING_OF, either
from liftgate.report.comment_digest import PreviousDigest, first_line
from liftgate.report.comment_markup import MOST_ITEMS, NAME_LIMIT, blocks, fits, lines
from liftgate.report.escape import Markdown, clean, escape
from liftgate.report.headline import HEADLINE_LIMIT
from liftgate.report.links import commit, is_ours, link

_MARKS: Final = {"done": "✓", "running": "…", "waiting": "…", "to-come": "·"}
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Stage:
    """One stage of judging: `detail` says what came of it or runs; `who` and `link` for whom it waits, and where."""

    name: str
    state: Literal["done", "running", "waiting", "to-come"] = "to-come"
    detail: str = ""
    who: Sequence[str] = ()
    link: str | None = None


STAGES: Final[tuple[Stage, ...]] = (
    Stage("read the change", "running"),
    Stage("check the data"),
    Stage("look up the verdict"),
    Stage("tell the result"),
)
"""What is said before anything is known."""


def render_progress_comment(
    *,
    workflow: str,
    head_sha: str,
    base_sha: str,
    run_url: str | None,
    previous: PreviousDigest | None,
    aliases: Sequence[str] = (),
    stages: Sequence[Stage] = STAGES,
) -> str:
    """Markdown for GitHub. It remembers for the verdict's comment what the comment before it said."""
    head = lines(
        first_line(workflow, previous),
        Markdown(f"**{escape(_headline(aliases, stages), HEADLINE_LIMIT)}**"),
    )
    about = f"Commit {commit(head_sha)} against {commit(base_sha)}"
    if is_ours(run_url, run_url):
        about += f" · {link('this run', run_url, run_url)}"
    listed = lines(*(_line(stage, run_url) for stage in stages[:MOST_ITEMS]))
    text = blocks(head, Markdown(about), *([listed] if stages else []), *_earlier(head_sha, previous)) + "\n"
    if not fits(text):
        raise AssertionError("a comment of a few lines is longer than a comment")
    return text


def _headline(aliases: Sequence[str], stages: Sequence[Stage]) -> str:
    few = [clean(alias, 60) for alias in aliases[:_MOST_NAMED]]
    left = len(aliases) - len(few)
    named = (
        " and ".join([", ".join(few), f"{numbers.count(left)} more"] if left > 0 else few) or "this change"
    )
    waits = next((stage for stage in stages if stage.state == "waiting"), None)
    if waits is not None:
        by = f", for {either(waits.who)}" if waits.who else ""
        return f"{OPENING_OF['waiting']}: {named}, now at: {clean(waits.name, 80)}{by}."
    runs = next((stage for stage in stages if stage.state == "running"), None)
    now = f", now: {clean(runs.name, 80)}" if runs else ""
    return f"{OPENING_OF['running']}: judging {named}{now}."


def _line(stage: Stage, run_url: str | None) -> Markdown:
    name = escape(stage.name, NAME_LIMIT)
    text = f"- {_MARKS.get(stage.state, '·')} " + (
        f"**{name}**" if stage.state in {"running", "waiting"} else name
    )
    if stage.detail:
        text += f": {escape(stage.detail)}"
    if stage.state == "waiting" and stage.who:
        text += f", waiting for {escape(either(stage.who))}"
    return Markdown(
        text + (f" · {link('open', stage.link, run_url)}" if is_ours(stage.link, run_url) else "")
    )


def _earlier(head_sha: str, previous: PreviousDigest | None) -> Iterator[Markdown]:
    if previous is not None and previous.head_sha != head_sha:
        told = f"What was said of commit {commit(previous.head_sha)} does not hold for this one."
        yield Markdown(f"<sub>{told}</sub>")
