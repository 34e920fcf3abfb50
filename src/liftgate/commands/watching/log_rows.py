"""Rows of request logs one by one, checked, with their owner: for what needs more than counts."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.registry.models import Models
    from liftgate.watch.owners import Owner

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def requests(
    models: Models, logs: Iterable[Path], refused: Counter[str] | None = None
) -> Iterator[tuple[Owner, Mapping[str, Any], str]]:
    """(owner, row, time in UTC) of every request whose owner is known, mirrored ones included.

    Lines that cannot be used are passed over; `refused` counts them by what is wrong with them.
    """
    from liftgate.commands.watching.log_files import parsed
    from liftgate.watch import otel
    from liftgate.watch.owners import Owner, Owners
    from liftgate.watch.tally import refusal

    owners = Owners(models)
    for path in logs:
        for _, values in parsed(path):
            for value in values:
                exported = isinstance(value, dict) and otel.is_export(value)
                for row in otel.rows_of(value) if exported else (value,):
                    why = refusal(row)
                    if row is None or why is not None or "status" not in row:
                        if why is not None and refused is not None:
                            refused[why] += 1
                        continue
                    owner = owners.of(row.get("alias"), row.get("variant"), row["model"])
                    if isinstance(owner, Owner):
                        yield owner, row, utc(row["at"])


def utc(at: str) -> str:
    """A checked time as 2026-11-25T09:00:00Z."""
    time = datetime.datetime.fromisoformat(at).astimezone(datetime.UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def existing(logs: Iterable[Path]) -> list[Path]:
    """The logs, all of which have to be there before the first is read."""
    listed = list(logs)
    missing = [path for path in listed if not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: no such request log", hint="check the path")
    return listed
