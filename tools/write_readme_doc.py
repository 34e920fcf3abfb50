"""Fill the generated parts of README.md: a comment of the bot, the action's inputs and outputs, the exit codes.

Each part stands between `<!-- NAME: generated -->` and `<!-- /NAME -->`; everything else is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from liftgate.cli import EXIT_CODES

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "README.md"
COMMENT = ROOT / "tests" / "snapshots" / "comment" / "change" / "block-by-bucket.md"
_SHOWN = "Findings and what to do next"


def document(text: str) -> str:
    """The page with its generated parts as they are now. Exits with the name of a part that has no place."""
    for name, part in parts().items():
        pattern = re.compile(rf"(<!-- {name}: generated -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        found = pattern.search(text)
        if found is None or len(pattern.findall(text)) > 1:
            sys.exit(f"README.md has no single place for {name!r}")
        text = f"{text[: found.end(1)]}{part}\n{text[found.start(2) :]}"
    return text


def parts() -> dict[str, str]:
    """Name of each generated part, and its text."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    return {
        "comment": _comment(COMMENT.read_text("utf-8")),
        "inputs": _inputs(action["inputs"]),
        "outputs": _outputs(action["outputs"]),
        "exit-codes": EXIT_CODES.removeprefix("exit codes: ").replace(", ", " · "),
    }


def _comment(snapshot: str) -> str:
    """Headline, table and first finding as the snapshot has them, quoted; the rest by its titles."""
    body = re.sub(r"<!--.*?-->", "", snapshot).strip()
    top = body.split("<details", 1)[0].strip()
    titles = re.findall(r"<summary>(.*?)</summary>", body)
    opened = body.split(f"<summary>{_SHOWN}</summary>", 1)[1].strip()
    finding, fix = opened.split("\n\n", 1)[0], re.findall(r"^\d+\. (.*)$", opened, re.MULTILINE)[1]
    rest = ", ".join(title for title in titles if title != _SHOWN)
    lines = [
        *top.splitlines(),
        "",
        finding,
        "",
        f"*What to do next:* {fix}",
        "",
        f"<sub>Folded: {rest}.</sub>",
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _inputs(inputs: Mapping[str, Any]) -> str:
    rows = ["| input | default | meaning |", "|---|---|---|"]
    for name, said in inputs.items():
        default = "required" if said.get("required") else f"`{said['default']}`" if said["default"] else ""
        rows.append(f"| `{name}` | {default} | {_cell(said['description'])} |")
    return "\n".join(rows)


def _outputs(outputs: Mapping[str, Any]) -> str:
    rows = ["| output | meaning |", "|---|---|"]
    return "\n".join(
        [*rows, *(f"| `{name}` | {_cell(said['description'])} |" for name, said in outputs.items())]
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    before = TARGET.read_text("utf-8")
    after = document(before)
    if "--check" in sys.argv:
        sys.exit(0 if before == after else "README.md is out of step: run make docs")
    TARGET.write_text(after, "utf-8")
