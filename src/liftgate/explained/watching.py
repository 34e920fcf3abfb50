"""Findings after the merge: `liftgate watch` about what callers get, `liftgate backlog` about what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "stale-weights": Told(
        "error or warning or notice",
        """A served variant was last evaluated longer ago than `max_report_age_days`, or nothing says when.
        A notice in the last 30 days before that, a warning in the last week.
        Why: a verdict is about the day on which it was made.
        Fix: `liftgate reevaluate <alias>`.""",
        weighed="in watch",
    ),
    "re-evaluation-failed": Told(
        "error",
        """The newest verdict about a served variant's weights is no pass.
        Why: callers get a model that would not be let in today.
        Fix: `liftgate registry rollback <alias> <variant>`, then read the report (docs/runbooks/rollback.md).""",
        weighed="in watch",
    ),
    "silent-weights": Told(
        "error or warning",
        """The same prompts are answered otherwise than before, beyond what noise does.
        It is a warning for a week once the model was evaluated again.
        Why: the weights behind the id may have changed without a word.
        Fix: ask the provider; `reevaluate.yml` evaluates it at once, or `liftgate reevaluate` by hand.""",
        weighed="in watch",
    ),
    "no-canary": Told(
        "warning or notice",
        """For 15 days nobody has asked the canary's prompts of a model that callers get, or nobody ever did.
        Why: weights that change behind an id would not be seen.
        Fix: read the log of `liftgate reevaluate`, which says what kept it, or run `liftgate watch canary`.""",
        weighed="in watch",
    ),
    "error-rate": Told(
        "error",
        """Requests to a variant fail more often than `watch.max_error_ratio` times those to the default model.
        Where few requests get the default model, it is held against its own week before.
        Why: callers get errors that the default model would not give them.
        Fix: roll back first, look later (docs/runbooks/rollback.md).""",
        weighed="in watch",
    ),
    "score-drop": Told(
        "error or warning",
        """A score of live requests fell by `watch.max_score_drop` or more; a warning where only the fall is sure.
        Why: answers got worse, or other questions are asked.
        Fix: read answers of now and before; `liftgate watch sample` draws them. A judge may have moved, too
        (docs/runbooks/judge-drift.md).""",
        weighed="in watch",
    ),
    "slow-answers": Told(
        "error",
        """The 95th percentile of a day's latency is above `watch.max_p95_ratio` times its reference.
        That is the default model's on the same day, else its own on the seven days before.
        Why: callers wait, or give up.
        Fix: look at the endpoint's load and quota; `liftgate load-test` measures it.""",
        weighed="in watch",
    ),
    "no-requests": Told(
        "warning",
        """Callers should get a variant, and the log has no request of it; or the log has none of these days at all.
        Why: the flag may not be read, or the log not be whole; silence is no health.
        Fix: ask with `liftgate registry resolve` who should answer, and look at the application and the log.""",
        weighed="in watch",
    ),
    "unknown-model": Told(
        "error",
        """Requests went to a model, or by an alias, that `models.yaml` does not name.
        Why: somebody serves a model that no gate has seen.
        Fix: register it, or find who sends them; the finding names the first line of the log.""",
        weighed="in watch",
    ),
    "unreadable-requests": Told(
        "warning or notice",
        """Lines of the request log cannot be used, or may be of several aliases; a warning from 1% on.
        Why: what is not read may be what failed.
        Fix: write the form that docs/guides/watch.md describes, with `alias` and `variant`.""",
        weighed="in watch",
    ),
    "gate-never-failed": Told(
        "warning",
        """All verdicts of an alias are passes, and there are `watch.min_verdicts` or more.
        Why: a gate that never says no may not be able to.
        Fix: give it a model that is worse; `liftgate demo` shows one that is blocked.""",
        weighed="in watch",
    ),
    "gate-never-passed": Told(
        "warning",
        """No verdict of an alias is a pass, and there are `watch.min_verdicts` or more.
        Why: thresholds or the golden set may be out of reach.
        Fix: `liftgate noise` says what the model alone does; then the policy, or the rows.""",
        weighed="in watch",
    ),
    "gate-flaky": Told(
        "warning",
        """More than a tenth of the weights that were judged again got both a pass and a block.
        Why: a verdict that turns by itself is no reason to merge or not to.
        Fix: more golden cases, or repeats; `liftgate noise` measures what the model alone does.""",
        weighed="in watch",
    ),
    "another-golden": Told(
        "warning",
        """Runs were answered on another golden set than the present one, and are left out of the backlog.
        Why: what they say of a case says nothing of this one.
        Fix: evaluate those prompts on the present set, where they still matter.""",
    ),
    "too-few-prompt-versions": Told(
        "notice",
        """Fewer than three prompt versions were measured on this golden set.
        Why: a case belongs to training only when three prompts in a row get it wrong.
        Fix: measure more prompt versions, or give the runs of earlier ones.""",
    ),
    "decision-unknown-case": Told(
        "warning",
        """A reviewer's decision `fix` is about a case that is not in the golden set or safety suite any more.
        Why: the backlog cannot say what kind of question it was.
        Fix: take the entry out of `evals/<alias>/waivers.yaml`.""",
    ),
    "shadow-unfit": Told(
        "warning",
        """The shadow report of a variant is not there as `models.yaml` pins it; the backlog leaves it out.
        Why: an edited report would write the next dataset.
        Fix: commit the report that `liftgate watch shadow` wrote, and pin its sha256.""",
    ),
}
