"""What each finding means that is no rule of the data gate, the verdict or a promotion: literal tables by stage.

Those three have tables of their own (`data.checks`, `verdict.rules`, `registry.rules`), beside the code that finds
them. These findings are found all over the program, and this is where they are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained import answers, chain, change, money, publishing, training, watching
from liftgate.explained.told import Told

__all__ = ["ALIKE", "RULES", "STAGES", "Told", "weighed_rules"]
STAGES: Final[Mapping[str, Mapping[str, Told]]] = {
    "The plan and the change": change.RULES,
    "Price and approval": money.RULES,
    "Launch and training": training.RULES,
    "Answers and verdict": answers.RULES,
    "Publishing": publishing.RULES,
    "The chain of a served model": chain.RULES,
    "Watch and backlog": watching.RULES,
}
RULES: Final[Mapping[str, Told]] = {rule: told for table in STAGES.values() for rule, told in table.items()}
ALIKE: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("no-decision", "decision-missing"),
        "the document `decision.yaml`: of a training that costs money, and of a promotion. `against-decision` and "
        "`decision-incomplete` are about it, too; all others that begin with `decision-` are about a reviewer's "
        "decision in `waivers.yaml`.",
    ),
    (
        ("decision-unused", "decision-unknown-case"),
        "a reviewer's decision about a case that is not there: of the verdict, and of the backlog.",
    ),
    (
        ("unknown-model",),
        "of a change: no job of the ledger made the model. Of `watch`: a request went to a model that "
        "`models.yaml` does not name.",
    ),
    (
        ("shadow-unfit", "results-altered"),
        "an error of a promotion or of a verdict, and a warning of the backlog, which leaves the file out.",
    ),
    (
        ("variant-mismatch", "manifest-differs", "manifest-altered"),
        "hashes of `models.yaml` against dataset and card of the change, against the manifest that is recorded, and "
        "against the committed file of it.",
    ),
    (
        ("report-missing", "report-altered", "manifest-missing", "manifest-differs"),
        "both a rule of a promotion, which the policy may weigh in part, and a link of `registry verify`, which "
        "always counts.",
    ),
    (
        ("results-altered", "results-differ"),
        "the answers on the results branch, and the cases inside a committed report.",
    ),
    (
        ("another-golden", "report-by-another-golden"),
        "runs that the backlog leaves out, and a report that a promotion rests on.",
    ),
    (
        ("overfit-risk", "overfit"),
        "before the training, by its numbers; after it, by its losses.",
    ),
    (
        ("missing-price", "answer-cost-unknown"),
        "no price to hold a budget, which blocks; no price to compare answers by, which is a doubt.",
    ),
    (
        ("not-deployed", "model-not-asked", "model-does-not-answer", "not-evaluated"),
        "the order of a trained model's first day: no address, not asked, asked in vain, asked and not yet measured.",
    ),
    (
        ("over-budget",),
        "a finding about a training, and in `results.jsonl` the kind of error of a request for which no money was "
        "left.",
    ),
)
"""Ids that are easily taken for one another, and what tells them apart. Ids are contracts, so they stay."""


def weighed_rules() -> list[str]:
    """The rules of these tables whose severity a policy sets, at least in `watch`."""
    return [rule for rule, told in RULES.items() if told.weighed != "nowhere"]
