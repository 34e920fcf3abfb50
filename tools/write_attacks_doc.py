"""Write docs/attacks.md from tests/attacks.py, after looking that every attack has its test."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"
TARGET = ROOT / "docs" / "attacks.md"
_INTRO = """\
Generated from `tests/attacks.py` by `make docs`; `make check` holds the two together.

Whoever opens a pull request is the attacker here: they write every byte of it, from a fork or from a branch. They do
not write the default branch, the ledger or the results branch; where one of these is attacked as well, the row says
so. Every row is a test that tries it. "Is met by" is the rule of the finding, or the state of the change, that the
attacker meets. What a person has to look at is left to the owners that CODEOWNERS of the base names."""


def document() -> str:
    """The whole page. Exits with the names of attacks that no test tries."""
    from attacks import ATTACKS

    if missing := sorted({attack.test for attack in ATTACKS if not _is_there(attack.test)}):
        sys.exit(f"tests/attacks.py names tests that are not there: {', '.join(missing)}")
    if len({attack.name for attack in ATTACKS}) < len(ATTACKS):
        sys.exit("tests/attacks.py gives two attacks the same name")
    lines = [
        "# Attacks",
        "",
        _INTRO,
        "",
        "| attack | who tries it ... | is met by | test |",
        "|---|---|---|---|",
    ]
    for attack in ATTACKS:
        file, _, name = attack.test.partition("::")
        lines.append(f"| {attack.name} | {attack.does} | {attack.refused_by} | `{name}` in tests/{file} |")
    return "\n".join([*lines, "", f"{len(ATTACKS)} attacks."]) + "\n"


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = TESTS / file
    if not path.is_file():
        return False
    found = ast.parse(path.read_bytes()).body
    return name in {each.name for each in found if isinstance(each, ast.FunctionDef)}


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    text = document()
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text("utf-8") == text else "docs/attacks.md is out of step: run make docs")
    TARGET.write_text(text, "utf-8")
