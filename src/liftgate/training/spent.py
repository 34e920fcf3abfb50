"""What trainings have cost, by the ledger: what a month's budget has already gone into."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from liftgate.training.approval import parse_time
from liftgate.training.budget import Spent
from liftgate.training.ledger import Entry, Ledger


def spent_in(ledger: Ledger, *, but: str | None = None) -> list[Spent]:
    """Every launch that created a job or may have, on its UTC day; `but` leaves out one manifest's digest.

    A launch counts at the price that it was allowed, until the provider says what its job cost; a failed job whose
    cost nobody knows still counts. Only a lock that its holder gave back unused counts for nothing.
    """
    locks = [entry for _, entry in ledger.entries("locks") if entry["digest"] != but]
    events = [entry for _, entry in ledger.entries("jobs") if entry["digest"] != but]
    return [spent for lock in locks for spent in _of(lock, events)]


def spent_by_manifest(ledger: Ledger) -> dict[str, Decimal]:
    """The same in sums, by manifest digest."""
    events = [entry for _, entry in ledger.entries("jobs")]
    sums: dict[str, Decimal] = {}
    for _, lock in ledger.entries("locks"):
        usd = sum((spent.usd for spent in _of(lock, events)), Decimal(0))
        sums[lock["digest"]] = sums.get(lock["digest"], Decimal(0)) + usd
    return sums


def _of(lock: Entry, events: list[Entry]) -> Iterator[Spent]:
    launch = (lock["digest"], lock["attempt"])
    mine = [event for event in events if (event["digest"], event["attempt"]) == launch]
    if any(event["event"] == "released" for event in mine):
        return
    jobs = {event["job_id"] for event in mine if event["event"] == "submitted"}
    ended = {
        event["job_id"]: event["usd"]
        for event in events
        if event["event"] == "finished" and event["digest"] == lock["digest"] and event.get("usd") is not None
    }
    allowed = Decimal(lock["usd"])
    day = parse_time(lock["at"]).date()
    if not jobs:
        yield Spent(day, allowed)
    for job in sorted(jobs):
        yield Spent(day, Decimal(ended[job]) if job in ended else allowed)
