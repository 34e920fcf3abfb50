"""One arm asked: its questions, its answers, its run."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liftgate.commands.asking.graders import Budget
    from liftgate.commands.asking.spending import PairLimits
    from liftgate.evaluation.arms import Arm
    from liftgate.evaluation.endpoints import Endpoint
    from liftgate.evaluation.grading import Answers
    from liftgate.evaluation.later import Later
    from liftgate.evaluation.limits import Limits
    from liftgate.evaluation.prompts import Prompt
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.runner import Asking, Tally
    from liftgate.evaluation.runs import EvalRun
    from liftgate.evaluation.shards import Shard
    from liftgate.evaluation.suite_folder import SuiteFolder


def evaluate(
    folder: SuiteFolder,
    arm: Arm,
    endpoint: Endpoint,
    *,
    model: str,
    prompt: Prompt | None = None,
    store: ResponseStore | None = None,
    repeats: Iterable[int] = (0,),
    safety_repeats: Iterable[int] = (0,),
    only: Collection[str] | None = None,
    filtered: Mapping[str, Any] | None = None,
    shard: Shard | None = None,
    limits: Limits | None = None,
    against: EvalRun | None = None,
    budget: Budget | None = None,
    tally: Tally | None = None,
) -> EvalRun:
    """One arm's answers to the suite's golden and safety cases, graded. Nothing is written but the store.

    `only` narrows to some case ids: a confirmation asks the cases in doubt again, under repeat numbers of
    its own. `filtered` says in run.json what a person narrowed the run to. `against` is base's run, which some
    judges hold the answers against, and `budget` what judges may spend. Raises `ProviderError` when the
    endpoint gives up and `Unfinished` at a limit, with every answer so far in the store.
    """
    from liftgate.commands.asking.graders import later_of
    from liftgate.evaluation.runner import run_arm

    asking = asking_of(folder, arm, endpoint, prompt, store, repeats, safety_repeats, only)
    later_of(folder, arm, asking, against=against, budget=budget).check(asking.questions)
    answers = run_arm(
        asking.questions,
        prompt=asking.prompt,
        endpoint=endpoint,
        sampling=asking.sampling,
        store=store,
        truncated=asking.truncated,
        shard=shard,
        limits=limits,
        label=f"evaluate {model}",
        tally=tally,
    )
    later = later_of(folder, arm, asking, against=against, budget=budget)
    return run_of(folder, arm, model, asking, answers, later, filtered=filtered, shard=shard)


def evaluate_pair(
    folder: SuiteFolder,
    arms: tuple[Arm, Arm],
    endpoints: tuple[Endpoint, Endpoint],
    *,
    models: tuple[str, str],
    store: ResponseStore | None = None,
    repeats: Iterable[int] = (0,),
    safety_repeats: Iterable[int] = (0,),
    only: Collection[str] | None = None,
    held: PairLimits | None = None,
    budget: Budget | None = None,
    tally: Tally | None = None,
) -> tuple[EvalRun, EvalRun]:
    """Two arms asked in one stream, a request of each in turn, so that their latencies may be compared."""
    from liftgate.commands.asking.graders import later_of
    from liftgate.evaluation.runner import run_pair

    first, second = (
        asking_of(folder, arm, endpoint, None, store, repeats, safety_repeats, only)
        for arm, endpoint in zip(arms, endpoints, strict=True)
    )
    later_of(folder, arms[0], first, budget=budget).check(first.questions)
    label = f"evaluate {arms[0].name} and {arms[1].name} in turn"
    limits, prices = (None, (None, None)) if held is None else held
    answers = run_pair(first, second, limits=limits, prices=prices, label=label, tally=tally)
    one = run_of(
        folder, arms[0], models[0], first, answers[0], later_of(folder, arms[0], first, budget=budget)
    )
    later = later_of(folder, arms[1], second, against=one, budget=budget)
    later.check(second.questions)
    return one, run_of(folder, arms[1], models[1], second, answers[1], later)


def asking_of(
    folder: SuiteFolder,
    arm: Arm,
    endpoint: Endpoint,
    prompt: Prompt | None,
    store: ResponseStore | None,
    repeats: Iterable[int],
    safety_repeats: Iterable[int],
    only: Collection[str] | None,
) -> Asking:
    """The questions of a suite as one arm is asked them."""
    from dataclasses import replace

    from liftgate.evaluation.retrieval import with_passages
    from liftgate.evaluation.runner import Asking
    from liftgate.evaluation.suite import questions

    suite = folder.suite
    prompt = folder.prompt(arm) if prompt is None else prompt
    asked = questions(folder.golden, suite.metrics, repeats=repeats, buckets=suite.buckets)
    if folder.safety is not None:
        asked += questions(folder.safety, suite.safety_metrics, repeats=safety_repeats)
    if only is not None:
        asked = [question for question in asked if question.case.id in only]
    if arm.retriever is not None:
        asked = [
            replace(question, case=with_passages(question.case, folder.passages(arm, question.case)))
            for question in asked
        ]
    return Asking(asked, prompt, endpoint, suite.sampling_of(arm), store, suite.truncated)


def run_of(
    folder: SuiteFolder,
    arm: Arm,
    model: str,
    asking: Asking,
    answers: Answers,
    later: Later,
    *,
    filtered: Mapping[str, Any] | None = None,
    shard: Shard | None = None,
) -> EvalRun:
    """The answers, with what is graded later, and all that run.json says of them."""
    from liftgate.evaluation.later import grade_later
    from liftgate.evaluation.runs import EvalRun
    from liftgate.evaluation.shards import part_of
    from liftgate.verdict.safety import SAFETY_METRIC

    suite = folder.suite
    metrics = list(suite.metrics)
    if folder.safety is not None:
        known = {item.name for item in metrics}
        metrics += [item for item in suite.safety_metrics if item.name not in known]
    identity = asking.endpoint.identity()
    meta: dict[str, Any] = {}
    if filtered is not None:
        meta["filter"] = dict(filtered)
    if shard is not None and answers.positions is not None:
        meta["part"] = part_of(shard, answers.positions, len(asking.questions))
    if later.judges:
        meta["judges"] = {name: judge.about() for name, judge in sorted(later.judges.items())}
    if arm.retriever is not None:
        meta["retriever"] = folder.retriever_identity(arm)
    if folder.safety is not None and (own := [item.name for item in suite.safety_metrics]) != [SAFETY_METRIC]:
        meta["safety_metrics"] = own
    placed = range(len(asking.questions)) if answers.positions is None else answers.positions
    rows, judged = grade_later(later, [asking.questions[place] for place in placed], answers.rows)
    return EvalRun.from_rows(
        rows,
        model=model,
        endpoint=asking.endpoint.kind,
        arm=arm.name,
        metrics=[item.name for item in metrics],
        scorers={item.name: item.version for item in metrics},
        primary_metric=suite.primary_metric or (suite.metrics[0].name if suite.alias is None else None),
        deterministic=asking.endpoint.deterministic,
        golden_sha256=folder.golden_sha256,
        safety_sha256=folder.safety_sha256,
        suite_sha256=folder.suite_sha256,
        prompt_sha256=asking.prompt.sha256,
        chat_template_sha256=identity.get("chat_template_sha256"),
        sampling=asking.sampling.to_dict(),
        truncated=suite.truncated,
        identity=identity,
        usage={**answers.usage.to_dict(), **judged},
        **meta,
    )


def shard_of(text: str) -> Shard:
    """Argument type: K/N."""
    from liftgate.evaluation.shards import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
