"""Write docs/rules.md from the rules' docstrings and the flagged examples under tests/examples/."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "rules.md"
ROW_LIMIT = 400
_INTRO = """\
Generated from the rules and their examples by `make docs`; `make check` holds the two together.
`liftgate validate --explain RULE` prints one of them.

An error blocks, a warning is shown, a notice informs. The severities here are those without a policy;
`rules: {duplicate-row: warning}` in `evals/policy.yaml` sets another one, `off` silences a rule. A finding about
rows that have a `metadata.id` can be waived for those rows, with an owner and a last day, in
`evals/<alias>/waivers.yaml` of the base branch. `secret` and `golden-leak` can not.
Every row shown here is our own invention."""
_WAIVABLE = "Can be waived for named rows."
_NOT_WAIVABLE = "Cannot be waived."
_EXTRA = "Asked for by name"
_BESIDE = "What stands beside the rows"
_VERDICT = "The verdict"
_WEIGHED = """\
What `compare`, `gate` and `run` find. A policy's `rules` weigh these, too: a finding that it lowers no longer counts,
its part is shown and does not gate; one that it raises to an error blocks. The rules of safety and completeness
always count: a policy can raise them and never lower them, and a report says so where one tries. No waiver reaches
any of these."""


def document() -> str:
    """The whole page."""
    from liftgate.data.beside import BESIDE, EXTRA
    from liftgate.data.checks import RULES
    from liftgate.verdict.rules import NEVER_LOWERED
    from liftgate.verdict.rules import RULES as VERDICT

    families: dict[str, list[str]] = {}
    for rule, function in RULES.items():
        families.setdefault(_family(function), []).append(rule)
    lines = ["# Rules of the data gate", "", _INTRO, ""]
    for family, rules in [
        *families.items(),
        (_EXTRA, list(EXTRA)),
        (_BESIDE, list(BESIDE)),
        (_VERDICT, list(VERDICT)),
    ]:
        lines.append(f"- [{family}](#{_anchor(family)}): {', '.join(f'[{rule}](#{rule})' for rule in rules)}")
    for family, rules in families.items():
        lines += ["", f"## {family}"]
        for rule in rules:
            lines += ["", f"### {rule}", *_described(inspect.getdoc(RULES[rule])), *_example(rule)]
    lines += ["", f"## {_EXTRA}"]
    for rule, check in EXTRA.items():
        lines += ["", f"### {rule}", *_described(inspect.getdoc(check)), "", _WAIVABLE]
    lines += ["", f"## {_BESIDE}", "", "These need no rows, and no waiver reaches them."]
    for rule, check in BESIDE.items():
        lines += ["", f"### {rule}", *_described(inspect.getdoc(check))]
    lines += ["", f"## {_VERDICT}", "", _WEIGHED]
    for rule, text in VERDICT.items():
        lines += ["", f"### {rule}", *_described(inspect.cleandoc(text))]
        if rule in NEVER_LOWERED:
            lines += ["", "Never lowered."]
    return "\n".join(lines) + "\n"


def _family(function: Callable[..., Any]) -> str:
    """The first words of the module that a rule lives in, up to its colon."""
    module = inspect.getmodule(function)
    return (inspect.getdoc(module) or "").partition(":")[0].partition(".")[0]


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _described(docstring: str | None) -> Iterator[str]:
    """A docstring as paragraphs: what, then `Why:` and `Fix:` in bold."""
    paragraph: list[str] = []
    for line in [*(docstring or "").splitlines(), ""]:
        if paragraph and (not line.strip() or line.startswith(("Why:", "Fix:"))):
            yield ""
            yield re.sub(r"^(Why|Fix):", r"**\1:**", " ".join(paragraph))
            paragraph = []
        if line.strip():
            paragraph.append(line.strip())


def _example(rule: str) -> Iterator[str]:
    from rule_examples import EXAMPLES, dataset_of, findings_in

    folder = EXAMPLES / rule / "flagged"
    with tempfile.TemporaryDirectory() as work, contextlib.chdir(folder):
        found = findings_in(Path(), rule, Path(work))
        said = [{**each, "path": str(each["path"]).replace(f"{work}/", "")} for each in found]
        rows = dataset_of(Path()).read_bytes().split(b"\n")
    severities = list(dict.fromkeys(each["severity"] for each in said))
    yield ""
    yield f"Severity: {' or '.join(severities)}. {_WAIVABLE if _waivable(found, rows) else _NOT_WAIVABLE}"
    first = next((each for each in said if each["line"]), said[0])
    shown = [_row(rows[first["line"] - 1])] if first["line"] and first["line"] <= len(rows) else []
    yield ""
    yield "```text"
    yield from shown
    yield _finding(first)
    yield "```"


def _waivable(found: list[dict[str, Any]], rows: list[bytes]) -> bool:
    """Whether a waiver for every row of the example reaches one of these findings."""
    from liftgate.data.dataset import read_rows
    from liftgate.data.waivers import Waiver, apply_waivers
    from liftgate.findings import Finding

    read = read_rows(b"\n".join(rows), "").rows
    ids, day = frozenset(row.id for row in read if row.id), datetime.date.max
    waivers = [Waiver(rule, ids, "", "", day, "", 1) for rule in {each["rule"] for each in found}]
    return bool(apply_waivers(map(Finding.from_dict, found), waivers, read, day)[1])


def _finding(finding: Mapping[str, Any]) -> str:
    place = finding["path"] + (f":{finding['line']}" if finding["line"] else "")
    return f"{place}: {finding['severity']}: {finding['message']} [{finding['rule']}]"


def _row(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= ROW_LIMIT else f"{text[:ROW_LIMIT]}… ({len(text):,} characters)"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    text = document()
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text("utf-8") == text else "docs/rules.md is out of step: run make docs")
    TARGET.write_text(text, "utf-8")
