"""`liftgate evaluate`: one model answers a suite's cases, every answer is kept, and the run is written."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode, InputError, ProviderError, StillRunning

if TYPE_CHECKING:
    from liftgate.evaluation.endpoints import Endpoint
    from liftgate.evaluation.prompts import Prompt
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.runner import Tally
    from liftgate.evaluation.runs import EvalRun
    from liftgate.evaluation.suite import Arm
    from liftgate.evaluation.suite_folder import SuiteFolder

DEFAULT_STORE: Final = Path(".liftgate/responses.sqlite")
DEFAULT_KEY_VARIABLE: Final = "OPENAI_API_KEY"
_SHOWN_KINDS: Final = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The contract's flags; what the suite says is overridden by what stands here."""
    what = parser.add_argument_group("what is asked (one of --suite and --cases)")
    what.add_argument("--suite", type=Path, metavar="FILE", help="evals/<alias>/suite.yaml")
    what.add_argument(
        "--arm", metavar="NAME", help="arm of the suite whose prompt is used (default: candidate)"
    )
    what.add_argument("--cases", type=Path, metavar="FILE.jsonl", help="golden cases without a suite")
    what.add_argument(
        "--scorer", action="append", default=[], metavar="NAME", help="scorer for --cases; may be repeated"
    )
    what.add_argument("--prompt", type=Path, metavar="FILE", help="prompt file instead of the arm's")
    who = parser.add_argument_group("who answers")
    who.add_argument("--model", metavar="MODEL", help="model id; for local, a model or adapter folder")
    who.add_argument("--endpoint", required=True, metavar="NAME", help="openai, local or recorded")
    who.add_argument("--base-url", metavar="URL", help="any OpenAI-compatible server (default: OpenAI's)")
    who.add_argument(
        "--api-key-env", default=DEFAULT_KEY_VARIABLE, metavar="NAME", help="variable with the key"
    )
    who.add_argument("--recorded", type=Path, metavar="FILE", help="answers for --endpoint recorded")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--temperature", type=_temperature, metavar="T", help="instead of the suite's (default: 0)"
    )
    how.add_argument("--max-tokens", type=_count, metavar="N", help="longest answer, instead of the suite's")
    how.add_argument(
        "--truncated", choices=("error", "score"), help="answers cut at the token limit (default: error)"
    )
    how.add_argument("--repeats", type=_count, default=1, metavar="N", help="answers per case (default: 1)")
    how.add_argument(
        "--safety-repeats", type=_count, metavar="N", help="answers per safety case (default: --repeats)"
    )
    how.add_argument(
        "--concurrency", type=_count, default=8, metavar="N", help="requests at once (default: 8)"
    )
    how.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="S", help="seconds per attempt (default: 60)"
    )
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--store",
        type=Path,
        default=DEFAULT_STORE,
        metavar="FILE",
        help=f"answers (default: {DEFAULT_STORE})",
    )
    kept.add_argument("--no-store", action="store_true", help="ask everything anew and keep nothing")
    kept.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets run.json and results.jsonl"
    )
    kept.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Read, ask, write; 0 when at least one case was answered."""
    from liftgate.evaluation.endpoints import Settings, open_endpoint
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.run_folder import write_run
    from liftgate.evaluation.runner import Tally
    from liftgate.evaluation.suite_folder import prompt_file

    folder = _folder(arguments)
    arm = folder.suite.arm(arguments.arm)
    settings = Settings(
        model=_model(arguments, arm),
        base_url=arguments.base_url,
        api_key=os.environ.get(arguments.api_key_env) if arguments.api_key_env else "",
        concurrency=arguments.concurrency,
        timeout_s=arguments.timeout,
        recorded=arguments.recorded,
    )
    prompt = None if arguments.prompt is None else prompt_file(arguments.prompt)
    endpoint = open_endpoint(arguments.endpoint, settings)
    _make(arguments.out)
    keeps = not arguments.no_store and endpoint.kind != "recorded"
    store = ResponseStore(arguments.store) if keeps else None
    tally = Tally()
    try:
        evaluated = evaluate(
            folder,
            arm,
            endpoint,
            model=settings.model,
            prompt=prompt,
            store=store,
            repeats=range(arguments.repeats),
            safety_repeats=range(arguments.safety_repeats or arguments.repeats),
            tally=tally,
        )
    except KeyboardInterrupt:
        raise StillRunning(f"interrupted: {_kept(tally, store)}", hint=command_line(arguments)) from None
    except ProviderError as error:
        hint = f"{error.hint}; {_kept(tally, store)}" if error.hint else _kept(tally, store)
        raise ProviderError(error.sentence, problems=error.problems, hint=hint) from None
    finally:
        if store is not None:
            store.close()
    write_run(arguments.out, evaluated)
    _report(evaluated, arguments)
    return ExitCode.PASS


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
    tally: Tally | None = None,
) -> EvalRun:
    """One arm's answers to the suite's golden and safety cases, graded. Nothing is written but the store.

    `only` narrows to some case ids: a confirmation asks the cases in doubt again, under repeat numbers of
    its own. Raises `ProviderError` when the endpoint gives up, with every answer so far in the store.
    """
    from liftgate.evaluation.runner import run_arm
    from liftgate.evaluation.runs import EvalRun
    from liftgate.evaluation.suite import questions

    suite = folder.suite
    prompt = folder.prompt(arm) if prompt is None else prompt
    asked = questions(folder.golden, suite.metrics, repeats=repeats, buckets=suite.buckets)
    metrics = list(suite.metrics)
    if folder.safety is not None:
        asked += questions(folder.safety, suite.safety_metrics, repeats=safety_repeats)
        metrics += [
            item for item in suite.safety_metrics if item.name not in {known.name for known in metrics}
        ]
    if only is not None:
        asked = [question for question in asked if question.case.id in only]
    answers = run_arm(
        asked,
        prompt=prompt,
        endpoint=endpoint,
        sampling=suite.sampling,
        store=store,
        truncated=suite.truncated,
        label=f"evaluate {model}",
        tally=tally,
    )
    identity = endpoint.identity()
    return EvalRun.from_rows(
        answers.rows,
        model=model,
        endpoint=endpoint.kind,
        arm=arm.name,
        metrics=[item.name for item in metrics],
        scorers={item.name: item.version for item in metrics},
        primary_metric=suite.primary_metric or (suite.metrics[0].name if suite.alias is None else None),
        deterministic=endpoint.deterministic,
        golden_sha256=folder.golden_sha256,
        safety_sha256=folder.safety_sha256,
        suite_sha256=folder.suite_sha256,
        prompt_sha256=prompt.sha256,
        chat_template_sha256=identity.get("chat_template_sha256"),
        sampling=suite.sampling.to_dict(),
        truncated=suite.truncated,
        identity=identity,
        usage=answers.usage.to_dict(),
    )


def command_line(arguments: argparse.Namespace) -> str:
    """The command that these arguments came from, for a person to run again."""
    words = ["liftgate", "evaluate"]
    usual = argparse.ArgumentParser()
    add_arguments(usual)
    for name, value in vars(arguments).items():
        flag = f"--{name.replace('_', '-')}"
        if name == "run" or value == usual.get_default(name):
            continue
        for each in value if isinstance(value, list) else [value]:
            words += [flag] if each is True else [flag, str(each)]
    return shlex.join(words)


def _folder(arguments: argparse.Namespace) -> SuiteFolder:
    from dataclasses import replace

    from liftgate.evaluation.suite_folder import read_suite, suite_of_cases

    if (arguments.suite is None) == (arguments.cases is None):
        raise InputError(
            "what should be asked?", hint="give either --suite FILE, or --cases FILE.jsonl --scorer NAME"
        )
    if arguments.suite is not None:
        if arguments.scorer:
            raise InputError("--scorer goes with --cases", hint="a suite names its scorers itself")
        folder = read_suite(arguments.suite)
    else:
        if arguments.arm is not None:
            raise InputError("--arm goes with --suite", hint="give a prompt file with --prompt instead")
        if not arguments.scorer:
            raise InputError("--cases needs a scorer", hint="for example --scorer exact_match")
        folder = suite_of_cases(arguments.cases, arguments.scorer)
    sampling = folder.suite.sampling
    if arguments.temperature is not None:
        sampling = replace(sampling, temperature=arguments.temperature)
    if arguments.max_tokens is not None:
        sampling = replace(sampling, max_tokens=arguments.max_tokens)
    truncated = arguments.truncated or folder.suite.truncated
    return replace(folder, suite=replace(folder.suite, sampling=sampling, truncated=truncated))


def _model(arguments: argparse.Namespace, arm: Arm) -> str:
    if arguments.model:
        return str(arguments.model)
    if arm.model not in {"default", "candidate"}:
        return arm.model
    if arguments.endpoint == "recorded":
        return "recorded"
    raise InputError("which model should answer?", hint="--model MODEL")


def _make(out: Path) -> None:
    # Before any answer is paid for.
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made: {error.strerror}") from None


def _kept(tally: Tally, store: ResponseStore | None) -> str:
    if store is None:
        return "without a store nothing is kept"
    return f"{tally.kept} of {tally.wanted} answers are kept in {store.path}; the same command goes on"


def _report(evaluated: EvalRun, arguments: argparse.Namespace) -> None:
    from liftgate.evaluation.grading import error_counts
    from liftgate.files import pretty

    usage: dict[str, Any] = dict(evaluated.meta["usage"])
    means = {name: _mean([row["scores"].get(name) for row in evaluated.rows]) for name in evaluated.metrics}
    if arguments.json:
        summary = {
            "schema_version": 1,
            "model": evaluated.model,
            "arm": evaluated.meta["arm"],
            "out": str(arguments.out),
            "rows": len(evaluated.rows),
            "usage": usage,
            "means": {name: mean for name, (mean, _) in means.items()},
        }
        sys.stdout.write(pretty(summary).decode())
    lines = [
        f"{evaluated.model}: {usage['answers']} answers, {usage['cached']} of them stored before, "
        f"{usage['errors']} errors → {arguments.out}"
    ]
    for name, (mean, n) in means.items():
        lines.append(f"  {name} {'unscored' if mean is None else f'{mean:.3f}'} (n={n})")
    kinds = error_counts(evaluated.rows).most_common()
    said = ", ".join(f"{count} × {kind}" for kind, count in kinds[:_SHOWN_KINDS])
    if usage["errors"] == len(evaluated.rows):
        hint = f"each row of {arguments.out / 'results.jsonl'} says why"
        if kinds[0][0] == "truncated":
            hint = "raise max_tokens, or score cut answers as they stand with `truncated: score` in the suite"
        raise ProviderError(f"no case has an answer that counts: {said}", hint=hint)
    if kinds:
        lines.append(f"warning: unscored, not zero: {said}; see `error` in {arguments.out / 'results.jsonl'}")
    if usage["truncated"] and evaluated.meta["truncated"] == "score":
        lines.append(
            f"note: {usage['truncated']} answers were cut at the token limit and scored as they stand"
        )
    sys.stderr.write("\n".join(lines) + "\n")


def _mean(scores: list[float | None]) -> tuple[float | None, int]:
    known = [score for score in scores if score is not None]
    return (sum(known) / len(known) if known else None), len(known)


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return value


def _temperature(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not a temperature from 0 to 2")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
