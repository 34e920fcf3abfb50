"""The run that a verdict of the ledger rests on, for somebody who has a clone and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from liftgate.errors import InputError, LiftgateError

if TYPE_CHECKING:
    from liftgate.commands.judging.results_branch import ResultsBranch
    from liftgate.commands.sources.registry_evidence import Reader
    from liftgate.training.ledger import Entry, Ledger

_KEY: Final = re.compile(r"[0-9a-f]{7,64}")


class Recorded(NamedTuple):
    """A run folder with the key under which its verdict stands."""

    folder: Path
    key: str


def recorded_run(
    ledger: Ledger, results: ResultsBranch, alias: str, key: str, of_base: Reader, folder: Path
) -> Recorded:
    """Unpack the run of a recorded verdict below `folder`, which is new, and make its report again.

    `key` is the beginning of the verdict's key; "" takes the newest pass of `alias` whose rows `of_base` holds. Raises
    `InputError` when there is none, and when its answers do not give what the ledger says.
    """
    if key and not _KEY.fullmatch(key):
        raise InputError("a verdict's key begins with at least 7 characters of 0-9 and a-f")
    found = [entry for entry in _kept(ledger, alias) if entry["key"].startswith(key)]
    if not key:
        found = [entry for entry in found if entry["verdict"] == "pass"]
    if not found:
        what = f"no verdict {key!r} of {alias}" if key else f"no pass of {alias} whose answers are kept"
        raise InputError(
            f"the ledger has {what}",
            hint="liftgate status tells what the ledger has; --run DIR takes a run folder of this machine",
        )
    if key and len(found) > 1:
        raise InputError(f"several verdicts of {alias} begin with {key!r}", hint="give more of the key")
    for number, entry in enumerate(found):
        made = _unpacked(results, entry, folder / str(number))
        if key or _merged(of_base, alias, made):
            return Recorded(folder / str(number), entry["key"])
    raise InputError(
        f"the rows of no pass of {alias} are on the base branch",
        hint="merge the pull request that passed first; --recorded KEY takes a verdict all the same",
    )


def _kept(ledger: Ledger, alias: str) -> Iterator[Entry]:
    """Verdicts of an alias whose answers lie on the results branch, the newest first."""
    from liftgate.commands.judging.results_branch import results_place

    mine = [entry for _, entry in ledger.entries("verdicts") if entry["alias"] == alias]
    for entry in sorted(mine, key=lambda entry: (entry["at"], entry["key"]), reverse=True):
        if entry["results"] == results_place(entry["key"]) and entry.get("manifest_digest"):
            yield entry


def _unpacked(results: ResultsBranch, entry: Entry, folder: Path) -> Mapping[str, Any]:
    from liftgate.commands.judging.evidence import rebuild
    from liftgate.commands.judging.results_branch import unpack
    from liftgate.files import read_json

    key = f"{entry['key'][:12]}…"
    packed = results.branch.get(f"{entry['key']}.tar.gz")
    if packed is None:
        raise InputError(
            f"the results of {key} are not on the branch liftgate-results",
            hint="restore the branch; --recorded KEY takes another verdict",
        )
    try:
        unpack(packed, folder)
        made = rebuild(folder).report
        written = read_json(folder / "report.json")
    except LiftgateError as error:
        raise InputError(f"the results of {key} do not hold: {error.sentence}") from None
    if written != made or made["report_sha256"] != entry["report_sha256"]:
        raise InputError(
            f"the results of {key} give another report than the ledger has",
            hint="find out who wrote to the branch liftgate-results",
        )
    return made


def _merged(of_base: Reader, alias: str, report: Mapping[str, Any]) -> bool:
    card, dataset = of_base(f"datasets/{alias}/card.yaml"), report["dataset"] or {}
    return card is not None and str(dataset.get("train_sha256")).encode() in card
