"""What publishing leaves behind on disk: the outputs of the step, the job summary and the report's files."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from liftgate.errors import InputError, LiftgateError
from liftgate.files import write_bytes, write_json
from liftgate.publishing.annotations import SUMMARY_BYTES, Lines, annotated, log_lines, summary, warning
from liftgate.publishing.outcome import ChangeReport
from liftgate.publishing.outputs import render_outputs
from liftgate.report.annotations import inert


def say(lines: Sequence[str]) -> None:
    """Lines for the log that are no commands, whatever is in them."""
    sys.stderr.write("".join(f"{inert(line)}\n" for line in lines))


def say_change(change: ChangeReport, changed: Lines | None = None) -> None:
    """The headline and what it rests on; with the lines of the diff, on GitHub, also as annotations."""
    say(log_lines(change))
    if changed is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write("".join(f"{line}\n" for line in annotated(change, changed)))


def warn(notes: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """What could not be published: annotations on GitHub, plain lines elsewhere."""
    on_github = environment.get("GITHUB_ACTIONS") == "true"
    lines = [warning(note) if on_github else f"warning: {inert(note)}" for note in dict.fromkeys(notes)]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def tell(error: LiftgateError) -> None:
    """An error as the log may hold it: a place in it is the name of a file that somebody chose."""
    first, *others = f"error: {error}".splitlines()
    sys.stderr.write(
        "".join(f"{line}\n" for line in [inert(first), *(f"  {inert(line)}" for line in others)])
    )


def write_outputs(values: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> None:
    """Append to $GITHUB_OUTPUT, if there is one."""
    if target := environment.get("GITHUB_OUTPUT"):
        text = render_outputs(values, f"liftgate_{secrets.token_hex(16)}")
        try:
            with Path(target).open("a", encoding="utf-8") as handle:
                handle.write(text)
        except OSError as error:
            raise InputError(f"$GITHUB_OUTPUT cannot be written: {error.strerror}") from None


def write_summary(
    comment: str, notes: Sequence[str], environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Append to the job summary; why that failed. It never changes a verdict."""
    if not (target := environment.get("GITHUB_STEP_SUMMARY")):
        return []
    try:
        path = Path(target)
        room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
        with path.open("ab") as handle:
            handle.write(summary(comment, dict.fromkeys(notes), room).encode("utf-8", "replace"))
    except OSError as error:
        return [f"the job summary cannot be written: {error.strerror}"]
    return []


def write_artifacts(out: Path, change: ChangeReport, comment: str) -> None:
    """comment.md of the whole change, and report.json, comment.md and report.html in a folder for each alias."""
    from liftgate.report.comment import render_comment
    from liftgate.report.html import render_html

    write_bytes(out / "comment.md", comment.encode("utf-8", "replace"))
    for outcome in change.outcomes:
        if outcome.report is None:
            continue
        folder = out / folder_name(outcome.alias)
        write_json(folder / "report.json", outcome.report)
        write_bytes(folder / "comment.md", render_comment(outcome.report, show=change.show).encode())
        write_bytes(folder / "report.html", render_html(outcome.report, show=change.show).encode())


def folder_name(alias: str) -> str:
    """An alias as one name of a folder: it comes from a path of the pull request and leads nowhere else."""
    from urllib.parse import quote

    name = quote(alias[:100], safe="", errors="replace")
    return f"alias-{name}" if name.startswith(".") else name
