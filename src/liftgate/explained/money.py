"""Findings before anything is paid: prices, budgets, ends of models, decision document, approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "missing-price": Told(
        "error",
        """The price table cannot price the training, or the answers of an arm or of a judge.
        Why: no budget holds what nobody has priced.
        Fix: add the row to `evals/prices.yaml` with its source and date; `"0"` where the machine is paid for.""",
    ),
    "stale-price": Told(
        "warning",
        """A price was read more than 45 days ago, on a day to come, or there is no table (told by `watch`).
        Why: an approval holds a number that nobody asks any more.
        Fix: read the provider's page, correct the row and its `checked_on`.""",
        weighed="in watch",
    ),
    "over-budget": Told(
        "error",
        """The training may cost more than the policy's `cost.max_training_usd`; the high end of the estimate counts.
        Why: nobody has agreed to that amount.
        Fix: fewer epochs or rows, or raise the limit in its own pull request (docs/runbooks/budget-exceeded.md).""",
    ),
    "over-eval-budget": Told(
        "error or warning",
        """Asking every arm costs more than `cost.max_eval_usd`: surely (an error), or if answers are long (a warning).
        Why: an evaluation stops at its budget, and half of one is no verdict.
        Fix: narrow the suite or its `max_tokens`, or raise the limit in its own pull request.""",
    ),
    "over-month-budget": Told(
        "error",
        """With this training the month's trainings come to more than `cost.max_month_usd`.
        Why: small trainings add up to what nobody approved.
        Fix: wait for the next month (UTC), or raise the limit in its own pull request.""",
    ),
    "month-not-counted": Told(
        "warning",
        """The policy limits a month, and there is no ledger to count it from.
        Why: the limit holds only where the trainings before are known.
        Fix: name the ledger with `--ledger`, on GitHub `git:origin`.""",
    ),
    "unbounded-answers": Told(
        "error",
        """Answers of an arm have no limit, and they cost money.
        Why: one answer without end can cost more than all others; no budget can hold that.
        Fix: set `max_tokens` in the suite's `sampling`.""",
    ),
    "row-cut-in-training": Told(
        "warning",
        """Rows are longer than the model trains on, and are cut there.
        Why: what is cut is the end, usually the answer, which is then not learnt.
        Fix: shorten the rows that the message names, or take a base that trains on longer ones.""",
    ),
    "overfit-risk": Told(
        "warning",
        """More than 3 epochs over fewer than 200 rows.
        Why: so few rows are learnt by heart before they are understood.
        Fix: fewer epochs or more rows, and watch the validation loss.""",
    ),
    "sunset": Told(
        "error or warning or notice",
        """A model ends too soon, or nobody has looked when: the base of a training, what callers get, a judge.
        An error where training on it is closed, where it is gone, where fewer days are left than the policy's `sunset`
        wants, where it ends before it pays back, or where no table says anything. A warning before that. A notice where
        no row speaks of the model.
        Why: a model that is trained on a dying base dies with it.
        Fix: take the road that the message names, or add the model to `evals/sunsets.yaml` with source and date
        (docs/guides/migrate.md).""",
        weighed="in watch",
    ),
    "stale-sunsets": Told(
        "warning",
        """A row of `evals/sunsets.yaml` that was used has not been checked for long, or on a day to come.
        Why: providers announce nearer ends.
        Fix: read the provider's page, correct the row and its `checked_on`.""",
        weighed="in watch",
    ),
    "no-decision": Told(
        "error or warning",
        """A training that costs money, or of which nobody knows the cost, has no decision document that can be used,
        or one with open questions. A warning where the training is free and the document is there all the same.
        Why: most tasks are cheaper solved by a prompt or by retrieval; somebody has to say why not this one.
        Fix: write `evals/<alias>/decision.yaml`; `liftgate decide <alias>` says what is still open
        (docs/guides/decide.md).""",
        weighed="everywhere",
    ),
    "against-decision": Told(
        "error",
        """The change would train, and the decision document, or the decision matrix by it, recommends another road.
        Why: the cheaper road was measured, and it is enough.
        Fix: take that road; or correct the document where the task or the reports have changed.""",
        weighed="everywhere",
    ),
    "decision-incomplete": Told(
        "warning",
        """The training costs money, and the decision matrix cannot tell yet which road to take.
        Why: the missing answer may be a cheaper road.
        Fix: answer what the message lists; `liftgate decide <alias> --measure` asks the arms that need no training.""",
        weighed="everywhere",
    ),
    "path-not-measured": Told(
        "warning",
        """A path that the decision document calls tried is not borne out by a report.
        Told by `liftgate decide`; the path counts as one that nobody measured.
        Why: an outcome in prose is an opinion.
        Fix: name its report, under `evals/reports/<alias>/`, and its arm; `liftgate decide <alias> --measure` writes
        one.""",
    ),
    "approval-missing": Told(
        "error",
        """The training needs an approval, and none counts: there is none, or the message says why it is void.
        Why: an approval is bound to one manifest, price, policy and change; a later push cannot ride on it.
        Fix: one of the policy's `approvers` approves this digest, by the label or `liftgate approve`
        (docs/guides/approve.md).""",
    ),
    "provider-not-allowed": Told(
        "error",
        """The policy does not let this provider hold rows of this classification.
        A card without `data_classification` counts as restricted.
        Why: a provider keeps uploads by its own terms.
        Fix: train elsewhere, or classify the rows in `card.yaml`; the policy's `providers_by_classification` says who
        may.""",
    ),
    "too-few-reviewed-rows": Told(
        "error",
        """Fewer rows were read by a person than `trigger.min_reviewed_rows` asks for.
        Why: a paid training on unread rows teaches what nobody has seen.
        Fix: review more rows (`metadata.reviewed: true`), or lower the limit in its own pull request.""",
    ),
}
