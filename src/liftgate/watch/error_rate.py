"""The error rate of a variant, in every window of the judged days, against what it should be. Pure.

Reference of a window is the default model in the same minutes, so that an outage of the provider that meets both
accuses nobody; where it has too few requests, the variant itself in the seven days before. With x errors of n
requests against y of m, x given x + y is at most Binomial(x + y, rn / (rn + m)) when the rate is no more than r times
the reference (r of the policy; Przyborowski and Wilenski 1940). A window alarms when that is beyond its share of
alpha, which all windows of all variants divide among them (Bonferroni), when it holds `min_requests`, and when each
of its three thirds is above r times the reference: a burst of one minute is no window. Windows of a whole day find what
few requests cannot show in minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from liftgate.findings import Finding, Severity
from liftgate.rollout_policy import WatchPolicy
from liftgate.watch.owners import DEFAULT, Owner
from liftgate.watch.tally import DAY, Counts, Floats, Series, Tallies
from liftgate.watch.words import clock, share

RULE = "error-rate"
_OWN_MINUTES = 7 * DAY
_THIRDS = 3


@dataclass(frozen=True)
class _Windows:
    """One entry a window, by its last minute: our errors and requests, the reference's, and where it comes from."""

    owner: Owner
    width: int
    ends: Counts
    errors: Counts
    requests: Counts
    ref_errors: Counts
    ref_requests: Counts
    beside: Counts
    sustained: Counts


def error_findings(tallies: Tallies, policy: WatchPolicy) -> Iterator[tuple[Owner, Finding]]:
    """At most one finding a variant: its worst window, since when, and how many stretches there were."""
    looked = [
        _windows(owner, series, tallies.series.get(Owner(owner.alias, DEFAULT)), tallies, policy, width)
        for owner, series in sorted(tallies.series.items())
        for width in (policy.window_minutes, DAY)
    ]
    tests = sum(each.ends.size for each in looked)
    told: set[Owner] = set()
    for each in looked:
        if not each.ends.size or each.owner in told:
            continue
        p = _p_values(each, policy.max_error_ratio)
        alarms = np.flatnonzero((p <= policy.alpha / tests) & (each.sustained == 1))
        if alarms.size:
            told.add(each.owner)
            yield each.owner, _finding(each, p, alarms, tallies, policy)


def _windows(
    owner: Owner, series: Series, default: Series | None, tallies: Tallies, policy: WatchPolicy, width: int
) -> _Windows:
    start = (tallies.days - policy.days) * DAY
    ends = np.arange(start + width - 1, tallies.days * DAY)
    errors, requests = _Sums(series.errors), _Sums(series.requests)
    x, n = errors.of(ends - width + 1, ends), requests.of(ends - width + 1, ends)
    own_from = np.maximum(ends - width + 1 - _OWN_MINUTES, 0)
    y, m = errors.of(own_from, ends - width), requests.of(own_from, ends - width)
    beside = np.zeros(ends.size, dtype=np.int64)
    if default is not None and owner.variant != DEFAULT:
        there = _Sums(default.requests).of(ends - width + 1, ends)
        enough = there >= policy.min_requests
        y = np.where(enough, _Sums(default.errors).of(ends - width + 1, ends), y)
        m = np.where(enough, there, m)
        beside = enough.astype(np.int64)
    sustained = np.ones(ends.size, dtype=bool)
    for third in range(_THIRDS):
        first = ends - width + 1 + third * width // _THIRDS
        last = ends - width + (third + 1) * width // _THIRDS
        sustained &= errors.of(first, last) * m > policy.max_error_ratio * y * requests.of(first, last)
    kept = (n >= policy.min_requests) & (m >= policy.min_requests)
    columns = (ends, x, n, y, m, beside, sustained.astype(np.int64))
    return _Windows(owner, width, *(each[kept] for each in columns))


class _Sums:
    """Sums over stretches of minutes, ends included; an empty stretch is 0."""

    def __init__(self, values: Counts) -> None:
        self._upto = np.concatenate(([0], np.cumsum(values)))

    def of(self, first: Counts, last: Counts) -> Counts:
        sums: Counts = self._upto[last + 1] - self._upto[first]
        return sums


def _p_values(each: _Windows, ratio: float) -> Floats:
    total = each.errors + each.ref_errors
    part = ratio * each.requests / (ratio * each.requests + each.ref_requests)
    p = np.ones(each.ends.size)
    some = each.errors > 0
    p[some] = special.betainc(each.errors[some], total[some] - each.errors[some] + 1, part[some])
    return p


def _finding(each: _Windows, p: Floats, alarms: Counts, tallies: Tallies, policy: WatchPolicy) -> Finding:
    worst = alarms[np.lexsort((each.ends[alarms], p[alarms]))[0]]
    width = each.width
    ends = each.ends[alarms]
    breaks = np.flatnonzero(np.diff(ends) > width)
    stretches = breaks.size + 1
    at = int(np.searchsorted(ends[breaks], each.ends[worst]))
    groups = np.split(ends, breaks + 1)
    first, last = int(groups[at][0]) - width + 1, int(groups[at][-1])
    reference = (
        "the default model in the same minutes" if each.beside[worst] else "its own in the seven days before"
    )
    also = f"; {stretches} such stretches" if stretches > 1 else ""
    message = (
        f"{share(each.errors[worst], each.requests[worst])} of the requests fail, and "
        f"{share(each.ref_errors[worst], each.ref_requests[worst])} of {reference}; the policy allows "
        f"{policy.max_error_ratio:g} times that for less than {'a day' if width == DAY else f'{width} minutes'}; from "
        f"{clock(tallies.first + first)} to {clock(tallies.first + last + 1)}{also}"
    )
    return Finding(RULE, Severity.ERROR, message)
