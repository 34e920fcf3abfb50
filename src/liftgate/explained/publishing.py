"""Findings where a change is judged by the default branch: who has to look, a new ruler, stored results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "eval-owners": Told(
        "notice",
        """The change moves the ruler, and the message names who has to agree by CODEOWNERS of the base branch.
        Why: whoever sets the thresholds decides what may ship.
        Fix: ask them for a review.""",
        weighed="everywhere",
    ),
    "no-eval-owners": Told(
        "error",
        """The change moves the ruler, and CODEOWNERS of the base branch names nobody for the file.
        Why: then anybody could let anything through.
        Fix: land a line such as `/evals/ @your-org/eval-owners` first (docs/guides/protect.md).""",
        weighed="everywhere",
    ),
    "ruler-not-tried": Told(
        "notice",
        """No answers are stored for the rows as they are, so nobody knows what the new ruler makes of them.
        Why: its owners cannot see what it would have said.
        Fix: go on; the next change of the dataset is measured by it.""",
    ),
    "ruler-turns-verdict": Told(
        "warning",
        """The same answers get another verdict by the new policy.
        Why: a policy that is moved to let one model pass looks like this.
        Fix: its owners should know why; say it in the pull request.""",
    ),
    "ruler-unusable": Told(
        "error",
        """The ruler that the change brings cannot be read, or not with the rows as they are.
        Why: merged, it would stop every change of the alias.
        Fix: mend the places that the message names.""",
    ),
    "retrain-together": Told(
        "error",
        """Several queued changes of one alias were each judged alone.
        Why: no verdict exists for what they make together.
        Fix: take one out of the queue, merge the other, bring the first up to date and train again.""",
    ),
    "results-not-recorded": Told(
        "warning",
        """Results lie on the results branch that the ledger does not know; they are left out.
        Why: only the two together show that a job of the default branch wrote them.
        Fix: find out who wrote them; `liftgate registry record` writes both.""",
    ),
    "results-missing": Told(
        "error",
        """The ledger has a verdict for this content, and its results are gone.
        Why: a verdict counts when it can be made again from its answers.
        Fix: restore the results branch from a clone that has them; the first verdict of a content stands, so a new
        evaluation does not take its place.""",
    ),
    "results-altered": Told(
        "error or warning",
        """Stored results do not give what the ledger says of them.
        A warning of `liftgate backlog`, which leaves such a run out.
        Why: somebody may have written a pass.
        Fix: find out who wrote to the results branch, restore it from its history.""",
    ),
    "results-of-another-change": Told(
        "error",
        """Stored results lie under this content's key and are of other rows, prompts or another ruler.
        Why: a verdict counts for what was measured.
        Fix: find out who wrote to the results branch, restore it from its history.""",
    ),
}
