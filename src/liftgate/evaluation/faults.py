"""Why one attempt at a request gave no answer, and what that means for the request and for the run."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Retry(Enum):
    """What a fault means for the request, and for the run."""

    NO = "no"
    """This case cannot be answered."""
    THROTTLED = "throttled"
    """The server asks for patience."""
    OVERLOADED = "overloaded"
    """The server failed; it may recover."""
    CONNECTION = "connection"
    """The reply never came whole."""
    UNREACHABLE = "unreachable"
    """Nothing listens there."""
    TIMEOUT = "timeout"
    """The reply did not come in time."""
    GARBLED = "garbled"
    """The reply came whole and means nothing."""
    RUN = "run"
    """Every other request would meet the same: the run fails."""


@dataclass(frozen=True)
class Fault:
    """Why one attempt gave no answer. `detail` is the provider's own remark, kept out of results and logs
    unless it is known not to quote the prompt."""

    kind: str
    message: str
    retry: Retry
    retry_after_s: float | None = None
    detail: str = ""


class Unsendable(Exception):
    """The provider's wire format has no place for a request; the sentence quotes none of it."""


def garbled(kind: str, message: str) -> Fault:
    """A reply that came whole and means nothing."""
    return Fault(kind, message, Retry.GARBLED)


def retry_after_s(headers: Mapping[str, str], unix_s: float) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return _seconds(float(milliseconds) / 1000)
        value = headers.get("Retry-After")
        if value is None:
            return None
        try:
            return _seconds(float(value))
        except ValueError:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - unix_s)
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds(value: float) -> float | None:
    return value if 0 <= value < float("inf") else None
