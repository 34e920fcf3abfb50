"""A verdict that somebody else reached while a machine waited for its turn: found, not trained and asked for again."""

from __future__ import annotations

import argparse
import datetime
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from liftgate.commands.sources.ledgers import BRANCH_PREFIX, open_ledger

if TYPE_CHECKING:
    from liftgate.commands.sources.pulled import Pulled
    from liftgate.publishing.outcome import AliasOutcome


def known_verdicts(
    arguments: argparse.Namespace, at: Pulled, aliases: Sequence[str], say: Callable[[str], None]
) -> Mapping[str, AliasOutcome] | None:
    """The outcomes of these aliases, when the verdict of each is kept; their run folders are written below `--out`.

    None where one of them is still to be reached, and where the ledger is no branch: then nothing is known here.
    """
    from liftgate.commands.judging.change import judge_change
    from liftgate.commands.judging.results_branch import ResultsBranch, unpack

    if not arguments.ledger.startswith(BRANCH_PREFIX):
        return None
    results = ResultsBranch(arguments.root, arguments.ledger.removeprefix(BRANCH_PREFIX))
    change = judge_change(
        arguments.root,
        at.base,
        at.pull.head_sha,
        ledger=open_ledger(arguments.ledger, arguments.root),
        results=results,
        today=datetime.datetime.now(datetime.UTC).date(),
        author=at.pull.author,
        repository=at.github.repository,
        change=at.change,
        base_ref=at.default_branch,
        default_branch=at.default_branch,
    )
    found = {each.alias: each for each in change.outcomes if each.alias in aliases}
    if set(found) != set(aliases) or not all(each.found and each.key for each in found.values()):
        return None
    archives = {alias: results.branch.get(f"{each.key}.tar.gz") for alias, each in found.items()}
    for alias, packed in archives.items():
        if packed is None:
            return None
        shutil.rmtree(arguments.out / alias, ignore_errors=True)
        unpack(packed, arguments.out / alias)
        say(f"{alias}: its verdict is known, nothing is trained and nobody is asked\n{found[alias].headline}")
    return found
