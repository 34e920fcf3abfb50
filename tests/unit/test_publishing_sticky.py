"""The sticky comment: ours alone, written when it reads differently, and shorter when GitHub takes no more."""

from __future__ import annotations

from liftgate.github.api import Comment
from liftgate.publishing.sticky import ours, reads_the_same, shorter

BOT, MARKER = "github-actions[bot]", "<!-- liftgate:verdict"


def comment(number: int, author: str = BOT, body: str = f"{MARKER} digest=x -->\nhello") -> Comment:
    return Comment(number, author, body, f"https://x/{number}")


def test_a_marker_that_a_stranger_pasted_is_not_ours() -> None:
    kept = ours([comment(1, "mallory"), comment(2, "github-actions")], BOT, MARKER)
    assert (kept.comment, kept.older) == (None, ())


def test_of_our_own_the_newest_is_kept_whatever_the_order() -> None:
    kept = ours([comment(9), comment(3), comment(5, "Github-Actions[bot]")], BOT, MARKER)
    assert kept.comment == comment(9)
    assert [each.id for each in kept.older] == [3, 5]


def test_a_comment_of_ours_that_quotes_the_marker_is_another_comment() -> None:
    assert ours([comment(1, body=f"look: {MARKER}")], BOT, MARKER).comment is None
    assert ours([comment(1, body=f"\r\n{MARKER} -->")], BOT, MARKER).comment is not None


def test_line_ends_and_space_around_are_no_difference() -> None:
    assert reads_the_same(comment(1, body="a \r\nb\r\n"), "a\nb\n\n")
    assert not reads_the_same(comment(1, body="a\nb"), "a\nc")


def test_what_is_left_when_github_takes_no_more() -> None:
    body = f"{MARKER} -->\n**Blocked.**\n\n| a |\n|---|\n| 1 |\n\n<details><summary>x</summary>\n\ny\n\n</details>\n"
    cut = "_GitHub did not take the whole report; it is in the job summary._"
    assert shorter(body) == [
        f"{MARKER} -->\n**Blocked.**\n\n| a |\n|---|\n| 1 |\n\n{cut}\n",
        f"{MARKER} -->\n**Blocked.**\n\n{cut}\n",
    ]
