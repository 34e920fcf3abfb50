"""Keeps one comment under a pull request up to date. Whatever goes wrong here is told and never changes a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from liftgate.github.api import Comment, GitHub, GitHubRefused
from liftgate.publishing.sticky import Kept, ours, reads_the_same, shorter

ATTEMPTS = 3
Render = Callable[[str | None], str]


@dataclass
class StickyComment:
    """Our comment under one pull request; `notes` collects why it could not be written."""

    github: GitHub
    number: int
    marker: str
    notes: list[str] = field(default_factory=list)

    def put(self, render: Render) -> str | None:
        """Write what `render` makes of the present comment's text; its address, or None when that failed."""
        try:
            return self._put(render)
        except GitHubRefused as refused:
            hint = ""
            if refused.code in {401, 403, 404}:
                hint = "; give this job `permissions: pull-requests: write`"
            self.notes.append(
                f"the comment under pull request {self.number} cannot be written: {refused.sentence}{hint}. "
                "The verdict stands."
            )
            return None

    def _put(self, render: Render) -> str | None:
        for _ in range(ATTEMPTS):
            kept = self._kept()
            body = render(kept.comment.body if kept.comment else None)
            if kept.comment is not None and reads_the_same(kept.comment, body):
                self._drop(kept)
                return kept.comment.url
            written = self._write(kept.comment, body)
            if written is None:
                # Deleted between looking and writing; what stands there now decides.
                continue
            if kept.comment is not None:
                self._drop(kept)
                return written.url
            # Another run may have made one at the same moment: the newest stays, whoever wrote it.
            again = self._kept()
            if again.comment is None or again.comment.id == written.id:
                self._drop(again)
                return written.url
        self.notes.append(f"the comment under pull request {self.number} was deleted while it was written")
        return None

    def _kept(self) -> Kept:
        return ours(self.github.comments(self.number), self.github.login(), self.marker)

    def _write(self, comment: Comment | None, body: str) -> Comment | None:
        for text in dict.fromkeys([body, *shorter(body)]):
            if comment is not None and reads_the_same(comment, text):
                return comment
            try:
                if comment is None:
                    return self.github.create_comment(self.number, text)
                return self.github.edit_comment(comment.id, text)
            except GitHubRefused as refused:
                if comment is not None and refused.code == 404:
                    return None
                if refused.code != 422:
                    raise
                last = refused
        raise last

    def _drop(self, kept: Kept) -> None:
        for old in kept.older:
            try:
                self.github.request("DELETE", f"/issues/comments/{old.id}")
            except GitHubRefused as refused:
                self.notes.append(f"an older comment of ours could not be deleted: {refused.sentence}")
