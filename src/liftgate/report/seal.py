"""The digest by which a report shows that nobody changed it after it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liftgate.digests import digest

SEAL: Final = "report_sha256"


def seal(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with a digest over everything else in it."""
    body = {key: value for key, value in report.items() if key != SEAL}
    return {**body, SEAL: digest(body)}


def seal_holds(report: Mapping[str, Any]) -> bool:
    """Whether the report is as it was sealed."""
    return bool(report.get(SEAL) == seal(report)[SEAL])
