"""The extra `[secrets]`: hundreds of issuers' marks, by Kingfisher's rules, offline."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from liftgate.data.checks.context import Context
from liftgate.data.checks.secrets import secret
from liftgate.data.dataset import Row
from liftgate.data.scan import as_json, batches
from liftgate.data.text import shown
from liftgate.errors import MissingExtra
from liftgate.files import cache_folder
from liftgate.findings import Finding


def more_secrets(context: Context) -> Iterator[Finding]:
    """Credentials that the rule `secret` does not know, as findings of that rule; nothing is sent anywhere."""
    scanner = _scanner()
    told = {finding.line for finding in secret(context)}
    for rows, text, ends in batches(context.dataset.rows, _written):
        found = sorted((f.location["start_offset"], f.rule_id) for f in scanner.scan(text) if f.visible)
        at = 0
        for start, name in found:
            while ends[at] <= start:
                at += 1
            row = rows[at]
            if row.line not in told:
                told.add(row.line)
                kind = shown(name.rpartition(".")[2], "another kind")
                yield context.finding("secret", f"holds a credential ({kind}); revoke it", row)


def _written(row: Row) -> bytes:
    # JSON inside strings reads like JSON outside, so that a key still stands before its value.
    return as_json(row).replace(b'\\"', b'"')


@cache
def _scanner() -> Any:
    try:
        from kingfisher_sdk import Rules, Scanner
    except ImportError:
        raise MissingExtra("secrets", "kingfisher-secret-scanner") from None
    # Compiling the rules takes ten seconds and more; reading them back one.
    return Scanner(Rules(cache_dir=str(cache_folder() / "secret-rules")))
