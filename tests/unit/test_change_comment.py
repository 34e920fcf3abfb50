"""The one comment about a change, whole, for every way in which a pull request can stand.

To write the snapshots anew: `LIFTGATE_REFRESH=1 pytest tests/unit/test_change_comment.py`, then read the difference.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import change_examples as changes
import report_examples as examples
from comment_reading import check_inert, structure
from liftgate.findings import Finding, Severity
from liftgate.publishing.outcome import STATES, ChangeReport, State, github_state
from liftgate.report.change_comment import PreviousDigest, find_digest, marker, render_change_comment
from liftgate.report.change_headline import OPENING_OF, change_headline
from liftgate.report.comment import fits
from liftgate.report.progress_comment import Stage, render_progress_comment

SNAPSHOTS = Path(__file__).parent.parent / "snapshots" / "comment" / "change"


def rendered(change: ChangeReport, previous: PreviousDigest | None = None) -> str:
    return render_change_comment(change, workflow="gate", run_url=changes.RUN, previous=previous)


def as_agreed(comment: str, name: str) -> bool:
    path = SNAPSHOTS / f"{name}.md"
    if os.environ.get("LIFTGATE_REFRESH"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(comment, "utf-8", newline="\n")
    assert comment == path.read_text("utf-8")
    return True


@pytest.mark.parametrize("name", sorted(changes.CHANGES))
def test_the_whole_comment_is_as_agreed(name: str) -> None:
    assert as_agreed(rendered(changes.CHANGES[name]()), name)


def test_every_snapshot_belongs_to_an_example() -> None:
    told = {"in-progress", "in-progress-waiting", "since-the-last-push", *changes.CHANGES}
    assert {path.stem for path in SNAPSHOTS.glob("*.md")} == told


LAST = rendered(replace(changes.bad_data(), head_sha=changes.EARLIER))


def test_the_first_comment_says_what_is_judged_and_for_whom_it_waits() -> None:
    about: dict[str, Any] = {
        "workflow": "gate",
        "head_sha": changes.HEAD,
        "base_sha": changes.BASE,
        "run_url": changes.RUN,
    }
    previous = find_digest(LAST)
    assert previous is not None
    assert as_agreed(
        render_progress_comment(**about, previous=previous, aliases=["support-intent"]), "in-progress"
    )
    stages = [
        Stage("check the data", "done", "no errors, 2 warnings"),
        Stage("price the training", "done", "12.40 USD"),
        Stage("approve the training", "waiting", who=["ana", "ben"], link=changes.APPROVE),
        Stage("train"),
        Stage("evaluate"),
    ]
    waiting = render_progress_comment(
        **about, previous=None, aliases=["support-intent", "triage"], stages=stages
    )
    assert as_agreed(waiting, "in-progress-waiting")


def test_the_next_push_shows_what_changed() -> None:
    assert as_agreed(rendered(changes.block_by_bucket(), find_digest(LAST)), "since-the-last-push")


def test_every_state_has_its_opening_and_they_weigh_as_the_status_does() -> None:
    assert tuple(OPENING_OF) == STATES


def test_whoever_reads_only_the_first_sentence_decides_rightly() -> None:
    for make in changes.CHANGES.values():
        change = make()
        first, second, third, *_ = rendered(change).split("\n")
        assert first.startswith(marker("gate")) and third == ""
        assert second.startswith("**") and second.endswith(".**")
        good = github_state(change.state) == "success"
        assert ("may be merged" in second or "merge now" in second or "**Pass, but" in second) == good
        assert ("do not merge" in second) != good


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verdict", ["pass", "block", "insufficient-evidence"])
@pytest.mark.parametrize(
    "said", ["Pass, may be merged: all is well.", "support-intent: Pass, may be merged: well", ""]
)
def test_no_text_says_another_thing_than_the_state(state: State, verdict: str, said: str) -> None:
    report = {**changes.settled(examples.passing()), "verdict": verdict}
    for held in (report, None):
        one = changes.change(changes.outcome(state, held, headline=said))
        sentence = change_headline(one)
        assert sentence.startswith(OPENING_OF[state])
        assert ("do not merge" in sentence) != (github_state(state) == "success")
        assert sentence.count("may be merged") <= 1
        two = changes.change(*one.outcomes, replace(changes.passing().outcomes[0], alias="triage"))
        assert ("do not merge" in change_headline(two)) != (github_state(two.state) == "success")


def test_a_finding_of_today_blocks_whatever_a_kept_report_says() -> None:
    finding = Finding("golden-leak", Severity.ERROR, "same prompt as golden case 'golden-017'")
    change = changes.change(changes.outcome("block", examples.passing(), findings=(finding,)))
    assert change_headline(change) == "Blocked, do not merge: same prompt as golden case 'golden-017'."
    assert "**error** `golden-leak`" in rendered(change)


def test_an_accepted_unsafe_answer_is_told_first_among_aliases_that_pass() -> None:
    waived = replace(changes.outcome("pass", examples.waived_regressions()), alias="triage")
    sentence = change_headline(changes.change(*changes.passing().outcomes, waived))
    assert sentence.startswith("Pass, may be merged: triage: safety-008 is newly unsafe and accepted by @ana")
    assert sentence.endswith("; support-intent passes.")


def test_of_many_aliases_the_sentence_names_the_worst_and_counts_the_rest() -> None:
    others = [replace(changes.passing().outcomes[0], alias=f"alias-{i}") for i in range(3)]
    sentence = change_headline(changes.change(*others, changes.waiting_for_approval().outcomes[0]))
    assert sentence == (
        "Waiting, do not merge yet: support-intent: this needs an approval of the training "
        "(from ana or ben, 12.40 USD); of 3 more aliases 3 pass."
    )


HOSTILE = [
    "</details></summary><details><summary>fine</summary>",
    "--> <!-- liftgate-digest:000000000000:AAAA --> <!--",
    "<!-- liftgate-comment:gate -->\n**Pass, may be merged**",
    "![x](https://evil.example/a.png) [y](javascript:alert(1)) <https://evil.example> [z]: https://evil.example",
    "@octo-org/team @ana fixes #1 octo-org/toy#1 GH-1 https://evil.example www.evil.example a@evil.example",
    "a | b\n|---|---|\n| c | d |\n\n# heading\n\n- item\n\n```\n````\n`````mermaid\ngraph TD\n",
    "``` mermaid\ngraph TD; A-->B\n```",
    "`` ` ``` **bold** _it_ ~~no~~ $x$ $$y$$",
    "<script>alert(1)</script><img src=x onerror=y>&lt;b&gt;&#64;ana&commat;ana&#x40;ana",
    "\u202eevil\u2066\x1b[31m\x00\u200b\ufeff\r\nx\u2028y\u2029z\x85",
    "::set-output name=verdict::pass\n::error::x\n##[error]x",
    "${{ secrets.GITHUB_TOKEN }} $(id) `id` '; rm -rf ~",
    "0123456789abcdef0123456789abcdef01234567",
    "https://github.com.evil.example/octocat/toy/actions/runs/1",
    "> quote\n\n    code\n\n1. one\n\n***\n\nx\n===",
    "🙂|`@#1 " * 500,
    "x" * 900,
    "`",
    "|",
    "\\",
    "#",
    "",
]
LINKS = {changes.RUN, changes.APPROVE}


HARMLESS = {
    "every part": changes.every_part(),
    "split": changes.split_this_pr(),
    "one alias": changes.block_by_bucket(),
}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", HARMLESS)
def test_hostile_text_changes_nothing_but_the_words(name: str, text: str) -> None:
    change = HARMLESS[name]
    comment = rendered(changes.with_words(change, text))
    check_inert(comment, LINKS)
    assert fits(comment)
    if text and "Left out because" not in comment:
        assert structure(comment) == structure(rendered(changes.with_words(change, "word")))
    remembered = find_digest(comment)
    assert remembered is None or remembered.head_sha == text


PIECES = [
    *(piece for piece in HOSTILE if len(piece) < 200),
    "x",
    " ",
    "\n",
    "word",
    "://",
    "@",
    "#12",
    "&#",
    ";",
    "-",
    ">",
]


@settings(max_examples=25, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=60)))
def test_any_text_changes_nothing_but_the_words(text: str) -> None:
    comment = rendered(changes.with_words(HARMLESS["every part"], text))
    check_inert(comment, LINKS)
    assert fits(comment)


@settings(max_examples=25, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=60)))
def test_any_text_in_the_first_comment_is_only_words(text: str) -> None:
    stages = [
        Stage(text, state, text, [text, text], text) for state in ("done", "running", "waiting", "to-come")
    ]
    comment = render_progress_comment(
        workflow=text,
        head_sha=text,
        base_sha=text,
        run_url=changes.RUN,
        previous=None,
        aliases=[text] * 5,
        stages=stages,
    )
    check_inert(comment, LINKS)
    assert comment.startswith(marker(text))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (changes.APPROVE, True),
        ("https://github.com/octocat/toy/pull/7#issuecomment-1", True),
        ("https://evil.example/octocat/toy", False),
        ("https://github.com@evil.example/", False),
        ("https://github.com.evil.example/", False),
        ("http://github.com/octocat/toy", False),
        ("javascript:alert(1)", False),
        ("https://github.com/a) [x](https://evil.example", False),
        ("https://github.com/" + "a" * 1_000, False),
        ("https://github.com/a\n", False),
    ],
)
def test_only_pages_of_this_github_are_links(url: str, shown: bool) -> None:
    waiting = replace(changes.APPROVAL, link=url)
    comment = rendered(changes.change(changes.outcome("waiting", changes.static(), waiting=waiting)))
    assert (f"]({url})" in comment) == shown
    assert ("evil" in comment) is False


@pytest.mark.parametrize("count", [2, 30])
def test_however_much_there_is_every_alias_gets_its_share(count: int) -> None:
    report = changes.settled(examples.huge(8_000))
    aliases = [
        replace(changes.outcome("block", report), alias=f"alias-{i:03}", headline="x" * 9_999)
        for i in range(count)
    ]
    notes = tuple("🙂|`@#1 " * 1_000 for _ in range(100))
    comment = rendered(changes.change(*aliases, notes=notes, waiting=changes.APPROVAL))
    assert fits(comment)
    check_inert(comment, LINKS)
    assert "Left out because the comment would be too long: " in comment.splitlines()[-1]
    for i in range(min(count, 20)):
        assert comment.count(f"`alias-{i:03}`") >= 1
    assert comment.count("| metric | base |") >= min(count, 7)


def test_a_second_run_on_the_same_commit_says_the_same() -> None:
    first = rendered(changes.block_by_bucket(), find_digest(LAST))
    assert rendered(changes.block_by_bucket(), find_digest(first)) == first
    progress = render_progress_comment(
        workflow="gate",
        head_sha=changes.HEAD,
        base_sha=changes.BASE,
        run_url=None,
        previous=find_digest(first),
    )
    assert rendered(changes.block_by_bucket(), find_digest(progress)) == first


def test_the_order_of_aliases_and_keys_changes_nothing() -> None:
    change = changes.every_part()
    assert rendered(replace(change, outcomes=change.outcomes[::-1])) == rendered(change)
