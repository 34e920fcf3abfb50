"""The aliases of a change, one after the other: what fails for one is an error of that one, and the others go on."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from liftgate.commands.judging.alias import AliasJudge, Judging, failed
from liftgate.commands.judging.content import hashes_at
from liftgate.commands.judging.next_word import Names
from liftgate.commands.judging.results_branch import ResultsBranch
from liftgate.commands.sources.places import Places
from liftgate.commands.sources.pull_tree import Limits, pull_tree
from liftgate.errors import LiftgateError
from liftgate.findings import Finding, blocks
from liftgate.plan import Plan
from liftgate.publishing.outcome import AliasOutcome
from liftgate.registry.models import Models, read_models
from liftgate.repository import show
from liftgate.training.ledger import Ledger

_RULER_FILES = ("evals/policy.yaml", "evals/prices.yaml", "evals/sunsets.yaml")


@dataclass(frozen=True)
class Change:
    """A change and who it is; see `judge_change`."""

    root: Path
    base: str
    head: str
    plan: Plan
    author: str | None
    repository: str | None
    name: str | None
    now: datetime.datetime
    merge_group: bool
    limits: Limits | None


class _NoEntries:
    """A ledger that nobody can read: nothing is known, approved or found."""

    def get(self, name: str) -> bytes | None:
        return None

    def names(self, folder: str) -> list[str]:
        return []

    def all_in(self, folder: str) -> list[tuple[str, bytes]]:
        return []

    def put_new(self, name: str, data: bytes) -> bool:
        return False


def judge_aliases(
    change: Change,
    aliases: Sequence[str],
    ledger: Ledger | None,
    results: ResultsBranch | None,
    say: Callable[[str], None],
) -> tuple[dict[str, AliasOutcome], tuple[Finding, ...]]:
    """The outcome of each alias, and what was found of the files of all of them; errors among these stop everything.

    Raises `InputError` when the change's files cannot be read from the clone.
    """
    root, plan = change.root, change.plan
    folders = [f"evals/{alias}" for alias in aliases]
    base_files = hashes_at(root, change.base, *_RULER_FILES, *folders)
    outcomes = {}
    with pull_tree(root, change.head, aliases, change.limits) as pull:
        if blocks(pull.findings):
            return {}, pull.findings
        place = Judging(
            root,
            change.base,
            change.head,
            plan,
            pull,
            base_files,
            _models(root, change.base),
            _models(root, change.head),
            ledger or Ledger(_NoEntries()),
            ledger is not None,
            results,
            Names(change.author, change.repository, change.name),
            change.now,
            change.merge_group,
            say,
        )
        for alias in aliases:
            with tempfile.TemporaryDirectory(prefix="liftgate-alias-") as folder:
                outcomes[alias] = _judged(place, alias, Path(folder).resolve())
    return outcomes, ()


def _judged(place: Judging, alias: str, folder: Path) -> AliasOutcome:
    names = Places(folder / "run" / "ruler", place.pull.root, folder)
    try:
        return AliasJudge(place, alias, folder).outcome()
    except LiftgateError as error:
        problems = [str(problem) for problem in error.problems[:3]]
        why = names.text("; ".join([error.sentence, *problems]))
    except Exception as error:
        why = f"an unexpected {type(error).__name__} came up; this is a bug of Liftgate"
    return failed(alias, place.plan.aliases[alias], why)


def _models(root: Path, commit: str) -> Models | None:
    data = show(root, commit, "models.yaml")
    return None if data is None else read_models(data, "models.yaml")
