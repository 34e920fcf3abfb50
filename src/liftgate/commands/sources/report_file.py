"""report.json on disk: read back whole, written with its pages beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.policy import Policy


def read_report(path: Path) -> dict[str, Any]:
    """A report whose seal holds. Raises `InputError` naming the file when a byte of it changed."""
    from liftgate.files import pretty, read_bytes, read_json
    from liftgate.report.seal import seal_holds

    report = read_json(path)
    if not seal_holds(report) or pretty(report) != read_bytes(path):
        raise InputError(
            f"{path} was altered after Liftgate wrote it",
            hint="run liftgate run again; the verdict is recomputed from stored answers",
        )
    return report


def write_report(folder: Path, report: dict[str, Any], policy: Policy) -> None:
    """Write report.json, and comment.md and report.html as the policy wants answers shown."""
    from liftgate.files import write_bytes, write_json
    from liftgate.report.comment import render_comment
    from liftgate.report.html import render_html

    write_json(folder / "report.json", report)
    write_bytes(folder / "comment.md", render_comment(report, show=policy.report.show).encode())
    write_bytes(folder / "report.html", render_html(report, show=policy.report.show).encode())
