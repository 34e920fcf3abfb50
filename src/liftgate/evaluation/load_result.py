"""What an endpoint bore: every request as it ended, and the numbers over them. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# What providers say of an account's limits beside an answer, in the words that most of them share.
_LIMITS: Final = {
    "requests_per_minute": ("x-ratelimit-limit-requests", "ratelimit-limit", "x-ratelimit-limit"),
    "tokens_per_minute": ("x-ratelimit-limit-tokens",),
}
_KEPT: Final = re.compile(r"(x-)?ratelimit-(limit|remaining|reset)(-requests|-tokens)?")
_VALUE: Final = re.compile(r"[A-Za-z0-9.,;=: ]{1,60}")


@dataclass(frozen=True)
class Shot:
    """One request. `status` is None where no whole reply came, `kind` why there is no usable answer."""

    status: int | None
    latency_ms: float | None = None
    kind: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Load:
    """All requests of one test. `headers` are the last that spoke of limits; `stopped` says what ended it early."""

    shots: Sequence[Shot]
    duration_s: float
    concurrency: int
    headers: Mapping[str, str] = field(default_factory=dict)
    stopped: str | None = None

    @property
    def latencies_ms(self) -> list[float]:
        """Of usable answers, shortest first."""
        return sorted(
            shot.latency_ms for shot in self.shots if shot.kind is None and shot.latency_ms is not None
        )

    @property
    def failures(self) -> Counter[str]:
        """How often each kind of failure came."""
        return Counter(shot.kind for shot in self.shots if shot.kind is not None)

    def share(self, first: int, last: int) -> float:
        """Of all requests, those answered with a status from `first` to `last`."""
        hit = sum(shot.status is not None and first <= shot.status <= last for shot in self.shots)
        return round(hit / len(self.shots), 6)

    def numbers(self) -> dict[str, Any]:
        """The measured part of a load report. Needs at least one usable answer."""
        latencies = self.latencies_ms
        written = sum(shot.output_tokens for shot in self.shots)
        return {
            "duration_s": round(self.duration_s, 3),
            "concurrency": self.concurrency,
            "requests": len(self.shots),
            "errors": sum(shot.kind is not None and shot.status != 429 for shot in self.shots),
            "p50_ms": round(quantile(latencies, 0.5), 3),
            "p95_ms": round(quantile(latencies, 0.95), 3),
            "requests_per_second": round(len(self.shots) / self.duration_s, 3),
            "input_tokens": sum(shot.input_tokens for shot in self.shots),
            "output_tokens": written,
            "output_tokens_per_second": round(written / self.duration_s, 3),
            "share_429": self.share(429, 429),
            "share_5xx": self.share(500, 599),
            "failures": dict(sorted(self.failures.items())),
        }


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def limit_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that speak of limits, in lower case; whatever has an odd value is left out."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if _KEPT.fullmatch(name.lower()) and _VALUE.fullmatch(value)
    }


def quota_of(headers: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider grants: what a person said of it first, then what its headers say."""
    quota: dict[str, Any] = {}
    for key, names in _LIMITS.items():
        for name in names:
            digits = headers.get(name, "").split(",")[0].split(";")[0].strip()
            if digits.isascii() and digits.isdecimal() and 0 < int(digits) < 2**53:
                quota.setdefault(key, int(digits))
    if quota:
        quota["source"] = "headers of the replies"
    quota |= said
    return quota or {"source": "no reply named a limit, and none was given"}
