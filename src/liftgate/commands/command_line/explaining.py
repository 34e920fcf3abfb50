"""What `liftgate validate --explain ID` prints: every table that explains a finding, asked for one id."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

from liftgate.config import did_you_mean
from liftgate.data.beside import BESIDE, EXTRA
from liftgate.data.checks import RULES as DATA
from liftgate.errors import InputError
from liftgate.explained import RULES as OTHERS
from liftgate.registry.rules import RULES as PROMOTION
from liftgate.verdict.rules import RULES as VERDICT

_MOST: Final = 12


def explained(rule: str) -> str:
    """The id and what it means, several meanings one after another. Raises `InputError` for an id that is none."""
    meanings = list(_meanings(rule))
    if not meanings:
        known = sorted({*DATA, *EXTRA, *BESIDE, *VERDICT, *PROMOTION, *OTHERS})
        words = set(rule.split("-")) - {"not", "no"}
        like = [name for name in known if words & set(name.split("-"))]
        hint = f"every id stands in docs/findings.md{'; some: ' + ', '.join(like[:_MOST]) if like else ''}"
        raise InputError(f"{rule!r} is not the id of a finding{did_you_mean(rule, known)}", hint=hint)
    if len(meanings) == 1:
        return f"{rule}\n\n{meanings[0][1]}\n"
    return "\n".join([rule, *(f"\n{where}: {text}" for where, text in meanings)]) + "\n"


def _meanings(rule: str) -> Iterator[tuple[str, str]]:
    functions = {**DATA, **EXTRA, **BESIDE}
    if rule in functions:
        yield "In rows", inspect.getdoc(functions[rule]) or ""
    if rule in VERDICT:
        yield "In a verdict", inspect.cleandoc(VERDICT[rule])
    if rule in PROMOTION:
        yield "In a promotion", inspect.cleandoc(PROMOTION[rule])
    if rule in OTHERS:
        told = OTHERS[rule]
        yield "Elsewhere", f"{told.lines}\nSeverity: {told.severity}."
