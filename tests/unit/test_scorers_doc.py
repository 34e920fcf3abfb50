"""docs/scorers.md lists every scorer, in the words of its own documentation."""

from __future__ import annotations

import inspect
from pathlib import Path

from liftgate.evaluation.scorers import SCORERS

PAGE = Path(__file__).parent.parent.parent / "docs" / "scorers.md"


def table() -> list[str]:
    lines = []
    for name, scorer in sorted(SCORERS.items()):
        said = " ".join((inspect.getdoc(scorer) or "").split("\n\n")[0].split()).replace("|", "\\|")
        options = ", ".join(
            f"`{option}`{' (required)' if required else ''}"
            for option, (_, required) in scorer.OPTIONS.items()
        )
        lines.append(f"| `{name}` | {said} | {options} |")
    return lines


def test_the_table_of_scorers_is_that_of_the_code() -> None:
    written = (
        PAGE.read_text("utf-8").split("| scorer | grades | options |\n|---|---|---|\n")[1].split("\n\n")[0]
    )
    assert written.splitlines() == table()
