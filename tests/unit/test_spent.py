"""What a month has cost, by the ledger: launches on their UTC day, at what is known of their price."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from liftgate.training.budget import Spent
from liftgate.training.ledger import Ledger, job_name, lock_name
from liftgate.training.ledger_folder import Folder
from liftgate.training.spent import spent_in

ONE, TWO = "a" * 64, "b" * 64


def lock(ledger: Ledger, digest: str, attempt: int, at: str, usd: str) -> None:
    ledger.keep(
        lock_name(digest, attempt),
        {
            "schema_version": 1,
            "entry": "lock",
            "digest": digest,
            "attempt": attempt,
            "holder": "run-1",
            "at": at,
            "approval": None,
            "usd": usd,
            "price_sha256": "c" * 64,
        },
    )


def event(ledger: Ledger, digest: str, number: int, what: str, attempt: int, **more: Any) -> None:
    ledger.keep(
        job_name(digest, number),
        {
            "schema_version": 1,
            "entry": "job",
            "digest": digest,
            "number": number,
            "event": what,
            "attempt": attempt,
            "holder": "run-1",
            "at": "2026-11-02T08:00:00Z",
            **more,
        },
    )


def test_a_launch_costs_what_it_was_allowed_until_its_job_says_what_it_cost(tmp_path: Path) -> None:
    ledger = Ledger(Folder(tmp_path))
    lock(ledger, ONE, 1, "2026-10-31T23:59:59Z", "5.00")  # given back unused
    event(ledger, ONE, 1, "released", 1)
    lock(ledger, ONE, 2, "2026-10-31T23:59:59.999999Z", "5.00")
    event(ledger, ONE, 2, "submitted", 2, job_id="job-1")
    event(ledger, ONE, 3, "finished", 2, job_id="job-1", state="succeeded", usd="4.25")
    lock(ledger, TWO, 1, "2026-11-01T00:00:00Z", "7.00")
    event(ledger, TWO, 1, "submitted", 1, job_id="job-2")
    event(ledger, TWO, 2, "finished", 1, job_id="job-2", state="failed", usd=None)
    lock(ledger, TWO, 2, "2026-11-03T00:00:00Z", "8.00")  # its create may have happened
    found = spent_in(ledger)
    assert found == [
        Spent(datetime.date(2026, 10, 31), Decimal("4.25")),
        Spent(datetime.date(2026, 11, 1), Decimal("7.00")),
        Spent(datetime.date(2026, 11, 3), Decimal("8.00")),
    ]
    assert spent_in(ledger, but=TWO) == found[:1]


def test_an_empty_ledger_has_cost_nothing(tmp_path: Path) -> None:
    assert spent_in(Ledger(Folder(tmp_path))) == []
