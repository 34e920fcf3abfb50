"""Personal data and credentials in somebody's answer, masked before a comment shows it."""

from __future__ import annotations

from typing import Final, Literal

from liftgate.report.escape import clean

Show = Literal["ids", "redacted", "full"]
"""What a comment tells of an answer: nothing but its case, the answer without personal data, or all of it."""

# Far more than any table shows of an answer, so that a value which the table would cut is still recognised.
_LOOKED_AT: Final = 1_200
# The end of a cut text may be the beginning of a value that nothing recognises any more.
_UNSURE: Final = 64


def redacted(text: str) -> str:
    """One line of the text with a placeholder such as [EMAIL] for each personal value or credential."""
    # Late, because its rules load numpy, and the comment of a rollback shows no answer.
    from liftgate.data.rewriting.spans import spans

    shown = clean(text, _LOOKED_AT)
    known = len(shown) if len(shown) < _LOOKED_AT else shown.rfind(" ", 0, _LOOKED_AT - _UNSURE) + 1
    pieces, at = [], 0
    for span in spans(shown, "", strict=True):
        if span.kind is not None and span.start < known:
            pieces += [shown[at : span.start], f"[{span.kind}]"]
            at = span.end
    return "".join([*pieces, shown[at:known], "…" * (known < len(shown))])
