"""Personal data and credentials in somebody's answer, masked before comment or page show it."""

from __future__ import annotations

from typing import Final, Literal

from liftgate.report.escape import clean, visible

Show = Literal["ids", "redacted", "full"]
"""What comment and page tell of an answer: nothing but its case, the answer without personal data, or all of it."""

# Far more than any table shows of an answer, so that a value which the table would cut is still recognised.
_LOOKED_AT: Final = 1_200
# The end of a cut text may be the beginning of a value that nothing recognises any more.
_UNSURE: Final = 64
# Where no such value goes on, also in scripts that write no spaces.
_ENDS: Final = " \n。，、！？；"


def redacted(text: str) -> str:
    """One line of the text with a placeholder such as [EMAIL] for each personal value or credential."""
    return _masked(clean(text, _LOOKED_AT), _LOOKED_AT)


def redacted_lines(text: str, limit: int) -> str:
    """The same with its lines, at most `limit` characters."""
    looked_at = limit + 2 * _UNSURE
    return visible(_masked(visible(text, looked_at), looked_at), limit)


def _masked(shown: str, looked_at: int) -> str:
    # Late, because its rules load numpy, and the comment of a rollback shows no answer.
    from liftgate.data.rewriting.spans import spans

    known = len(shown)
    if known >= looked_at:
        known = max(shown.rfind(space, 0, looked_at - _UNSURE) for space in _ENDS) + 1
    pieces, at = [], 0
    for span in spans(shown, "", strict=True):
        if span.kind is not None and span.start < known:
            pieces += [shown[at : span.start], f"[{span.kind}]"]
            at = span.end
    return "".join([*pieces, shown[at:known], "…" * (known < len(shown))])
