"""What evaluate, noise and record have in common: which cases are asked of whom, within which limits."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import InputError, ProviderError, StillRunning

if TYPE_CHECKING:
    from liftgate.evaluation.arms import Arm
    from liftgate.evaluation.endpoints import Endpoint, Settings
    from liftgate.evaluation.limits import Limits
    from liftgate.evaluation.prompts import Prompt
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.runner import Tally
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.training.cost import TokenPrice

DEFAULT_STORE: Final = Path(".liftgate/responses.sqlite")


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Which cases, who answers, how, and within which limits."""
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
    what.add_argument(
        "--only", action="append", default=[], metavar="ID", help="this case only; may be repeated"
    )
    what.add_argument(
        "--bucket", action="append", default=[], metavar="NAME=VALUE", help="cases of this bucket only"
    )
    who = parser.add_argument_group("who answers")
    who.add_argument("--model", metavar="MODEL", help="model id; for local, a model or adapter folder")
    who.add_argument(
        "--endpoint",
        required=True,
        metavar="NAME",
        help="openai, bedrock, local, recorded, or one of the suite's `endpoints`",
    )
    who.add_argument("--base-url", metavar="URL", help="any OpenAI-compatible server (default: OpenAI's)")
    who.add_argument("--region", metavar="REGION", help="AWS region, for bedrock (default: AWS_REGION)")
    who.add_argument("--api-key-env", metavar="NAME", help="variable with the key (default: OPENAI_API_KEY)")
    who.add_argument(
        "--recorded",
        type=Path,
        metavar="PATH",
        help="answers for --endpoint recorded: a file, or a recording",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--temperature", type=_temperature, metavar="T", help="instead of the suite's (default: 0)"
    )
    how.add_argument("--max-tokens", type=count, metavar="N", help="longest answer, instead of the suite's")
    how.add_argument(
        "--truncated", choices=("error", "score"), help="answers cut at the token limit (default: error)"
    )
    how.add_argument(
        "--concurrency", type=count, default=8, metavar="N", help="requests at once (default: 8)"
    )
    how.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="seconds per attempt (default: 60)"
    )
    limits = parser.add_argument_group("limits (what is answered is kept, the same command goes on)")
    limits.add_argument("--max-usd", type=usd, metavar="USD", help="stop before more than this is spent")
    limits.add_argument("--deadline", type=seconds, metavar="S", help="stop after so many seconds")
    limits.add_argument(
        "--prices", type=Path, metavar="FILE", help="price table (default: prices.yaml above the suite)"
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Where answers are kept."""
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--store",
        type=Path,
        default=DEFAULT_STORE,
        metavar="FILE",
        help=f"answers (default: {DEFAULT_STORE})",
    )
    kept.add_argument(
        "--shared-store", type=Path, metavar="FILE", help="answers of others: read first, never written"
    )
    kept.add_argument("--no-store", action="store_true", help="keep nothing")


@dataclass(frozen=True)
class Asked:
    """A suite, one arm of it, and an open endpoint; `only` are the case ids that a filter chose."""

    folder: SuiteFolder
    arm: Arm
    prompt: Prompt
    settings: Settings
    endpoint: Endpoint
    limits: Limits
    only: frozenset[str] | None
    filtered: dict[str, Any] | None
    price_of: Callable[[str, str], TokenPrice | None]


def open_asked(arguments: argparse.Namespace) -> Asked:
    """Read what the words name and open the endpoint; nothing is sent. Raises `InputError`."""
    from dataclasses import replace

    from liftgate.commands.asking.opening import settings_of
    from liftgate.commands.asking.pricing import read_table
    from liftgate.evaluation.endpoints import open_endpoint
    from liftgate.evaluation.limits import Limits
    from liftgate.evaluation.suite_folder import prompt_file

    folder = _folder(arguments)
    arm = folder.suite.arm(arguments.arm)
    only = _selected(folder, arguments)
    kind, settings = settings_of(folder, arguments, arm)
    table = read_table(arguments)
    price = table.of(kind, settings.model)
    if arguments.max_usd is not None and price is None:
        raise InputError(
            f"--max-usd: no price is known for {kind} {settings.model!r}",
            hint="name a price table with input_usd_per_mtok and output_usd_per_mtok: --prices FILE",
        )
    if price is not None and getattr(arguments, "batch", False):
        price = table.in_batch(price, kind, settings.model)
    limits = Limits(price, max_usd=arguments.max_usd, deadline_s=arguments.deadline)
    limits.check(folder.suite.sampling)
    settings = replace(settings, limits=limits)
    prompt = folder.prompt(arm) if arguments.prompt is None else prompt_file(arguments.prompt)
    endpoint = open_endpoint(kind, settings)
    filtered = None
    if only is not None:
        words = {"only": sorted(arguments.only), "buckets": sorted(arguments.bucket)}
        filtered = {"cases": len(only), "of": len(_case_ids(folder)), **words}
    return Asked(folder, arm, prompt, settings, endpoint, limits, only, filtered, table.of)


def open_store(arguments: argparse.Namespace, endpoint: Endpoint) -> ResponseStore | None:
    """The store that answers go to, over the shared one. Recorded answers are in a file already."""
    from liftgate.evaluation.responses import ResponseStore

    if arguments.no_store and arguments.max_usd is not None:
        raise InputError("--max-usd goes with a store", hint="what is paid for must be kept: drop --no-store")
    if endpoint.kind == "recorded":
        return None
    shared = None
    if arguments.shared_store is not None:
        shared = ResponseStore(arguments.shared_store, read_only=True)
    return shared if arguments.no_store else ResponseStore(arguments.store, shared=shared)


@contextlib.contextmanager
def resumable(tally: Tally, store: ResponseStore | None, command: str) -> Iterator[None]:
    """Whatever ends the work early says how much is kept, and the command that goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise StillRunning(f"interrupted: {_kept(tally, store)}", hint=command) from None
    except StillRunning as stopped:
        raise type(stopped)(f"{stopped.sentence}; {_kept(tally, store)}", hint=command) from None
    except ProviderError as error:
        kept = f"{_kept(tally, store)}"
        hint = f"{error.hint}; {kept}" if error.hint else kept
        raise ProviderError(error.sentence, problems=error.problems, hint=hint) from None
    finally:
        if store is not None:
            store.close()


def command_line(
    name: str, declare: Callable[[argparse.ArgumentParser], None], arguments: argparse.Namespace
) -> str:
    """The command that these arguments came from, for a person to run again."""
    words = ["liftgate", name]
    usual = argparse.ArgumentParser()
    declare(usual)
    for key, value in vars(arguments).items():
        flag = f"--{key.replace('_', '-')}"
        if key == "run" or value == usual.get_default(key):
            continue
        for each in value if isinstance(value, list) else [value]:
            words += [flag] if each is True else [flag, str(each)]
    return shlex.join(words)


def make_folder(out: Path) -> None:
    """Make the output folder, before any answer is paid for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be made: {error.strerror}") from None


def count(text: str) -> int:
    """Argument type: a number from 1."""
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return value


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


def _case_ids(folder: SuiteFolder) -> list[str]:
    return [*folder.golden.by_id, *(folder.safety.by_id if folder.safety else ())]


def _selected(folder: SuiteFolder, arguments: argparse.Namespace) -> frozenset[str] | None:
    """The cases that --only and --bucket leave; None without either. Raises `InputError` when none is left."""
    from liftgate.config import did_you_mean
    from liftgate.errors import Problem

    if not arguments.only and not arguments.bucket:
        return None
    known = _case_ids(folder)
    unknown = [name for name in arguments.only if name not in set(known)]
    problems = [Problem(f"--only {name}", f"no such case{did_you_mean(name, known)}") for name in unknown]
    cases = [*folder.golden, *(folder.safety or ())]
    left = set(arguments.only or known)
    for word in arguments.bucket:
        name, _, value = word.partition("=")
        inside = {case.id for case in cases if value and case.buckets.get(name) == value}
        if not inside:
            values = sorted({f"{key}={each}" for case in cases for key, each in case.buckets.items()})
            problems.append(Problem(f"--bucket {word}", f"no case is in it{did_you_mean(word, values)}"))
        left &= inside
    if problems or not left:
        raise InputError(
            "no case is selected", problems=problems, hint="an empty run says nothing about a model"
        )
    return frozenset(left)


def _kept(tally: Tally, store: ResponseStore | None) -> str:
    if store is None or store.read_only:
        return "without a store nothing is kept"
    return f"{tally.kept} of {tally.wanted} answers are kept in {store.path}; the same command goes on"


def usd(text: str) -> Decimal:
    """Argument type: an amount of more than 0 US dollars."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in US dollars") from None
    if not value.is_finite() or value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 US dollars")
    return value


def _temperature(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not a temperature from 0 to 2")
    return value


def seconds(text: str) -> float:
    """Argument type: a number of seconds above 0."""
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
