"""Findings from the launch of a training to a model that can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "another-manifest": Told(
        "error",
        """The manifest at hand is not the one that `--digest` named; nothing was started.
        Why: what was approved or dispatched is another training than the change asks for now.
        Fix: take the digest that the message names, after its approval; the change may have been pushed to since.""",
    ),
    "training-not-offered": Told(
        "error",
        """The provider lets this account train no job on this base.
        Why: the job would be refused.
        Fix: ask the provider for access, or train on another base.""",
    ),
    "over-model-limit": Told(
        "error",
        """Rows, training tokens or epochs are more than the provider takes for one job on this base.
        Why: the job would be refused, or cut.
        Fix: fewer of what the message names, or another base.""",
    ),
    "unknown-model-limit": Told(
        "warning",
        """The provider names no limit for training on this base, or could not be asked.
        Why: it may refuse the job, which costs nothing.
        Fix: nothing; read its documentation where the job is refused.""",
    ),
    "training-running": Told(
        "error",
        """The training is to begin, or at work, and nothing is compared before it ends.
        It stands in the report as the reason why there is no verdict; the status says pending, and the exit code is 5
        where a job runs.
        Why: silence is no pass.
        Fix: wait; `poll.yml` looks again, at a desk the same command goes on. Where a launch wrote down no job for an
        hour: `liftgate train --resume`.""",
    ),
    "training-not-started": Told(
        "error",
        """The training was not started; the lines before say what stands against it.
        Why: without a model there is nothing to compare.
        Fix: as those lines say.""",
    ),
    "training-failed": Told(
        "error",
        """The job failed at the provider, or all of its jobs failed or were cancelled, and there is no model.
        Why: what was paid for gave nothing that could be judged.
        Fix: mend what the provider's code and the named rows say; `liftgate train --relaunch` after a new approval.""",
    ),
    "training-cancelled": Told(
        "error",
        """The job was cancelled and gave no model.
        Why: without a model there is nothing to compare.
        Fix: `liftgate train --relaunch` after a new approval.""",
    ),
    "row-refused": Told(
        "error",
        """The provider says that it cannot train on this row.
        Told beside `training-failed`, for the lines that the provider names.
        Why: one such row fails the whole job.
        Fix: mend or remove the row in a new version of the dataset.""",
    ),
    "not-evaluated": Told(
        "error",
        """The model is trained, and no evaluation of it is recorded yet.
        It stands in the report as the reason why there is no verdict; the status says pending.
        Why: a model that nobody measured is no pass.
        Fix: wait for `evaluate.yml`, or `liftgate run` at a desk and `liftgate registry record`.""",
    ),
    "not-deployed": Told(
        "notice or error",
        """The trained model answers from a deployment only, and has none.
        A notice of `train`; an error of `run`, which wanted to ask it.
        Why: a deployment may cost money while it stands, so nobody starts one unasked.
        Fix: on Bedrock `liftgate serve`, then run again; elsewhere deploy it at the provider.""",
    ),
    "model-does-not-answer": Told(
        "error",
        """The trained model was asked one thing and gave no answer.
        Why: an evaluation of it would be hundreds of failures.
        Fix: what the message says: wait until it is ready, or mend access; then run again.""",
    ),
    "model-not-asked": Told(
        "error",
        """The model is trained, and was not yet asked whether it answers.
        Why: it is proposed and evaluated only once it does.
        Fix: run again.""",
    ),
    "overfit": Told(
        "warning",
        """The validation loss was best at an earlier step and rose to the end of the training.
        Why: the model learns the training rows by heart.
        Fix: fewer epochs, or `early_stopping` in the card's training section, which keeps the best step.""",
    ),
    "quantised-perplexity": Told(
        "error",
        """The quantised base, or the candidate on it, is more perplexed by held-out rows than the policy takes.
        The measure is the perplexity of the base as it is; `training.max_quantised_perplexity_ratio` is the limit.
        Measured before the first step, so that nothing is trained on such a base, and again on the answers after it.
        Why: the adapter would mend the damage of the quantisation instead of learning the task.
        Fix: train by method `lora`, take another base, or raise the limit in its own pull request.""",
    ),
    "rendering-differs": Told(
        "error",
        """The adapter was trained on prompts that were rendered otherwise than those it is asked.
        Why: a chat template that changed in between costs more than most trainings gain.
        Fix: train again with this version.""",
    ),
    "merged-differs": Told(
        "error",
        """The merged model gives other answers than the adapter on its base; it was not written.
        Told by `liftgate train --merge`.
        Why: the golden set was answered by the adapter, so its verdict says nothing of another model.
        Fix: serve base and adapter as they were evaluated, or train by `lora` instead of on a quantised base.""",
    ),
}
