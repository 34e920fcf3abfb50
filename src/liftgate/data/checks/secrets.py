"""Secrets: credentials in a training file."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.scan import matches
from liftgate.findings import Finding

# Issuers mark their credentials so that they can be found; what has no mark needs a telling word and chance.
_MARKED: Final = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_\-]{20,}",
    "an API key of a model provider": r"\bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_\-]{20,}",
    "a Stripe key": r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    "a Slack token": r"\bxox[abeprs]-[A-Za-z0-9\-]{10,}",
    "a Google API key": r"\bAIza[A-Za-z0-9_\-]{35}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "a PyPI token": r"\bpypi-AgE[A-Za-z0-9_\-]{50,}",
    "a SendGrid key": r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password inside an address": r"\b[a-z][a-z0-9+.\-]{1,12}://[^\s:/@\"]+:[^\s:/@\"]{3,}@[A-Za-z0-9.\-]+",
}
_ASSIGNED: Final = (
    r"(?i)(?:pass(?:word|wd)?|secret|token|api[ _\-]?key|access[ _\-]?key|account[ _\-]?key|client[ _\-]?secret)"
    r"(?: is)?\s*(?:\\?[\"'])?\s*[:=]?\s*(?:\\?[\"'])?[A-Za-z0-9+/=_\-]{16,}"
)
CANDIDATE: Final = "|".join((*_MARKED.values(), f"(?:{_ASSIGNED})"))
_KINDS: Final = {kind: re.compile(pattern) for kind, pattern in _MARKED.items()}
_TAIL: Final = re.compile(r"[A-Za-z0-9+/=_\-]{16,}$")
_LEAST_BITS: Final = 3.5


def secret(context: Context) -> Iterator[Finding]:
    """A row holds a credential: a token with an issuer's mark, a private key, a password in an address.

    Text after words such as `password` or `api key` counts when it is long and looks random. The extra
    `[secrets]` knows hundreds of issuers more.
    Why: whoever can sample from the model, or read the file, can use the credential.
    Fix: revoke it first, then remove the row. This finding cannot be waived.
    """
    told: set[tuple[int, str]] = set()
    # Rows of a broken shape too: whoever must mend the row should revoke the credential now.
    for match in matches(context.dataset.rows, CANDIDATE):
        kind = _kind(match.text)
        if kind and (match.row.line, kind) not in told:
            told.add((match.row.line, kind))
            yield context.finding("secret", f"holds {kind}; revoke it", match.row)


def located(text: str) -> int | None:
    """How many letters at the end of a candidate are the credential itself, None when it is none."""
    marked = [found.start() for pattern in _KINDS.values() if (found := pattern.search(text))]
    if marked:
        return len(text) - min(marked)
    tail = _TAIL.search(text)
    return len(tail.group()) if tail and _looks_random(tail.group()) else None


def _kind(text: str) -> str | None:
    for kind, pattern in _KINDS.items():
        if pattern.search(text):
            return kind
    tail = _TAIL.search(text)
    return "what looks like a credential" if tail and _looks_random(tail.group()) else None


def _looks_random(text: str) -> bool:
    """Letters and digits mixed, and as many bits a character as chance would give."""
    if not (re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)):
        return False
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts) >= _LEAST_BITS
