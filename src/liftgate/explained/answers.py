"""Findings about the answers that a verdict is made of, and about one that is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "arm-not-asked": Told(
        "notice",
        """The arm that stands for what callers get today was not asked.
        No variant is rolled out yet, or its adapter is not in this store.
        Why: the candidate is then held against base alone.
        Fix: nothing before the first promotion; later run where the adapter is.""",
    ),
    "shard-missing": Told(
        "error",
        """A shard of the answers is missing, not whole, there twice, or of another division.
        Why: a verdict over some of the cases is one that somebody chose.
        Fix: run the named shards again (on GitHub: re-run the failed jobs); what is stored is not asked twice.""",
    ),
    "variant-not-asked": Told(
        "error",
        """A live variant could not be asked again: its weights are not in the store of this machine.
        Told by `liftgate reevaluate`.
        Why: what callers get today is then known by an old verdict only.
        Fix: run it where the weights are, or bring them into the store.""",
    ),
    "evaluation-unfinished": Told(
        "warning",
        """A budget or a deadline stopped the evaluation; there is no verdict.
        Why: half of an evaluation is neither a pass nor the candidate's fault, so it ends as insufficient evidence.
        Fix: run the same command again: what is answered is kept. Or raise the limit that the message names.""",
    ),
}
