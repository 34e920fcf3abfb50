"""The ledger: what was planned, approved, launched, spent and judged. Append-only JSON, one document a name.

Names: `plans/<digest>.json`, `approvals/<digest>/<seal>.json`, `locks/<digest>/<attempt>.json`,
`jobs/<digest>/<nnn>.json`, `verdicts/<key>.json` and `looks/<subject>/<week>-<asked>.json`. A name is written once:
whoever comes second with other words is told no, and that is what every promise of `launch` rests on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

import orjson

from liftgate.config import schema
from liftgate.digests import digest, pretty
from liftgate.errors import InputError, ProviderError

Entry = Mapping[str, Any]
SEAL: Final = "entry_sha256"
_NAME: Final = re.compile(
    r"(plans|verdicts)/[0-9a-f]{64}\.json|approvals/[0-9a-f]{64}/[0-9a-f]{64}\.json"
    r"|locks/[0-9a-f]{64}/[0-9]{3}\.json|jobs/[0-9a-f]{64}/[0-9]{3}\.json"
    r"|looks/[0-9a-f]{64}/[0-9]{4}-W[0-9]{2}-[0-9a-f]{16}\.json"
)
_KINDS: Final = {
    "plans": "plan",
    "approvals": "approval",
    "locks": "lock",
    "jobs": "job",
    "verdicts": "verdict",
    "looks": "look",
}


class LedgerRefused(ProviderError):
    """The place that keeps the ledger takes no entry, or cannot be reached."""


class Backend(Protocol):
    """Where the documents lie. A name that exists is never written again."""

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, or None. Raises `LedgerRefused` when the place cannot be read."""
        ...

    def names(self, folder: str) -> list[str]:
        """Every name below a folder, sorted."""
        ...

    def all_in(self, folder: str) -> list[tuple[str, bytes]]:
        """Name and bytes of everything below a folder, sorted by name, as it stood at one moment where there is one."""
        ...

    def put_new(self, name: str, data: bytes) -> bool:
        """Write a name that does not exist; False when it does. Raises `LedgerRefused`; then nothing is sure."""
        ...


@dataclass(frozen=True)
class Ledger:
    """Entries that are sealed when written and held against seal, schema and name when read."""

    backend: Backend

    def read(self, name: str) -> Entry | None:
        """One entry, or None. Raises `InputError` when it is not what was written."""
        data = self.backend.get(_checked(name))
        return None if data is None else _entry(name, data)

    def names(self, folder: str) -> list[str]:
        """The name of every entry below a folder, sorted. Raises `InputError` for a file of another form."""
        names = self.backend.names(folder)
        _only_ours(folder, names)
        return names

    def entries(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Every entry below a folder, by name."""
        found = self.backend.all_in(folder)
        _only_ours(folder, [name for name, _ in found])
        for name, data in found:
            yield name, _entry(name, data)

    def create(self, name: str, body: Entry) -> bool:
        """Seal and write; True when the ledger now holds exactly this, False when something else was first."""
        entry = sealed(body)
        _hold(name, entry)
        if self.backend.put_new(_checked(name), pretty(entry)):
            return True
        return self.read(name) == entry

    def keep(self, name: str, body: Entry) -> None:
        """Write an entry that may only ever say this. Raises `InputError` when another stands there."""
        if not self.create(name, body):
            raise InputError(
                f"the ledger already holds another {name}",
                hint="entries are never changed; whatever differs needs a digest of its own",
            )


def sealed(body: Entry) -> dict[str, Any]:
    """The entry with the digest over everything else in it."""
    kept = {key: value for key, value in body.items() if key != SEAL}
    return {**kept, SEAL: digest(kept)}


def plan_name(manifest_digest: str) -> str:
    """Where a manifest lies."""
    return f"plans/{manifest_digest}.json"


def approval_name(entry: Entry) -> str:
    """Where an approval lies: under its own seal, so that an edited one is in the wrong place."""
    return f"approvals/{entry['digest']}/{sealed(entry)[SEAL]}.json"


def lock_name(manifest_digest: str, attempt: int) -> str:
    """Where the right to create one job lies."""
    return f"locks/{manifest_digest}/{attempt:03}.json"


def job_name(manifest_digest: str, number: int) -> str:
    """Where one event in the life of a manifest's jobs lies."""
    return f"jobs/{manifest_digest}/{number:03}.json"


def verdict_name(key: str) -> str:
    """Where a verdict lies."""
    return f"verdicts/{key}.json"


def look_name(subject: str, week: str, asked_sha256: str) -> str:
    """Where a look at a model's answers lies: one for each week and way of asking."""
    return f"looks/{subject}/{week}-{asked_sha256[:16]}.json"


def find_verdict(
    ledger: Ledger, key: str, recompute: Callable[[str], tuple[str, str] | None]
) -> Entry | None:
    """The verdict under a key, when its stored results still say so.

    `recompute` takes the location of the results and answers (verdict key, verdict), or None when they are gone.
    Whatever it answers differently makes the entry count for nothing.
    """
    entry = ledger.read(verdict_name(key))
    if entry is None or recompute(entry["results"]) != (key, entry["verdict"]):
        return None
    return entry


def _only_ours(folder: str, names: Sequence[str]) -> None:
    if not all(map(_NAME.fullmatch, names)):
        raise InputError(
            f"the ledger holds a file of another form under {folder}/",
            hint="only Liftgate writes the ledger; take the file out",
        )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a ledger entry")
    return name


def _entry(name: str, data: bytes) -> Entry:
    try:
        entry = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _edited(name, "is not valid JSON") from None
    if not isinstance(entry, dict) or entry != sealed(entry):
        raise _edited(name, "was edited after it was written")
    _hold(name, entry)
    return entry


def _hold(name: str, entry: Entry) -> None:
    """Refuse an entry whose form or name is wrong, without repeating what it says."""
    folder, _, rest = name.partition("/")
    kind = _KINDS.get(folder, "")
    if not kind or not _validator(kind).is_valid(dict(entry)):
        raise _edited(name, "does not have the form of its kind")
    own = {
        "plan": lambda: f"{entry['digest']}.json",
        "verdict": lambda: f"{entry['key']}.json",
        "approval": lambda: f"{entry['digest']}/{entry[SEAL]}.json",
        "lock": lambda: f"{entry['digest']}/{entry['attempt']:03}.json",
        "job": lambda: f"{entry['digest']}/{entry['number']:03}.json",
        "look": lambda: f"{entry['subject']}/{entry['week']}-{entry['asked_sha256'][:16]}.json",
    }[kind]()
    if own != rest:
        raise _edited(name, "stands under the name of another entry")


def _edited(name: str, why: str) -> InputError:
    return InputError(
        f"ledger entry {name} {why}",
        hint="only Liftgate writes the ledger; restore the entry from its history",
    )


@cache
def _validator(kind: str) -> Any:
    import jsonschema_rs

    whole = schema("ledger")
    return jsonschema_rs.validator_for({"$defs": whole["$defs"], "$ref": f"#/$defs/{kind}"})
