"""`liftgate init ALIAS --data FILE`: from rows to card, split, golden set, suite, policy and registry entry."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from liftgate.onboarding.documents import Naming
    from liftgate.onboarding.examples import Example, Source
    from liftgate.onboarding.proposal import Proposal
    from liftgate.onboarding.tasks import Answers
    from liftgate.policy import Policy

VERSION: Final = "1.0.0"
_ALIAS: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `init ALIAS`."""
    from liftgate.onboarding.names import CLASSIFICATIONS, PROVIDERS, TASKS

    parser.add_argument(
        "alias", nargs="?", metavar="ALIAS", help="the name callers use, such as support-intent"
    )
    rows = parser.add_argument_group("an alias from rows that are there; nothing is ever overwritten")
    rows.add_argument(
        "--data", type=Path, metavar="FILE", help=".csv, or .jsonl: chat rows, prompt and completion, a key for each"
    )  # fmt: skip
    rows.add_argument(
        "--golden", type=Path, metavar="FILE", help="your own test file: the golden set is made of it, not of --data"
    )  # fmt: skip
    rows.add_argument(
        "--validation", type=Path, metavar="FILE", help="your own validation file: --data is not split then"
    )  # fmt: skip
    rows.add_argument(
        "--cases", type=int, metavar="N", help="how many golden cases (default: as the lift asks; all of --golden)"
    )  # fmt: skip
    rows.add_argument(
        "--system-prompt", metavar="FILE|TEXT", help="what the model is asked with (default: that of the rows)"
    )  # fmt: skip
    rows.add_argument(
        "--input", metavar="COLUMN", help="the question's column or key (default: guessed, told)"
    )
    rows.add_argument("--label", metavar="COLUMN", help="the answer's column or key (default: guessed, told)")
    rows.add_argument("--task", choices=TASKS, help="default: by the answers, told")
    rows.add_argument("--provider", choices=PROVIDERS, default="local", help="who trains (default: local)")
    rows.add_argument("--base-model", metavar="NAME", help="what is tuned (default for local: embedded)")
    rows.add_argument("--region", metavar="NAME", help="of Amazon Bedrock")
    rows.add_argument(
        "--source", choices=("human", "synthetic", "prod_sample"), default="human",
        help="who wrote the rows, where they do not say (default: human)",
    )  # fmt: skip
    rows.add_argument("--reviewed", action="store_true", help="a person has looked at every row")
    rows.add_argument("--locale", metavar="NAME", help="language of the rows, such as en")
    rows.add_argument("--licence", metavar="TEXT", help="of the rows")
    rows.add_argument(
        "--classification", choices=CLASSIFICATIONS, help="of the rows: decides who may hold them"
    )
    rows.add_argument("--seed", type=int, default=0, help="of golden set and split (default: 0)")
    rows.add_argument(
        "--action", metavar="O/N@SHA", help="copy the workflows too, run by this commit of Liftgate's action"
    )
    rows.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")


def run(arguments: argparse.Namespace) -> int:
    """Read, propose, write all or nothing, say what comes next."""
    from liftgate.commands.onboarding.init_said import said
    from liftgate.onboarding.placing import place

    _check(arguments)
    root: Path = arguments.root
    sources = {each: _source(arguments, path) for each, path in _paths(arguments).items()}
    examples = [example for each in sources.values() for example in each.examples]
    answers = _answers(examples, arguments)
    system, whence = _system(arguments, examples, answers)
    policy = _policy(root)
    proposal = _proposal(arguments, sources, answers, system, policy)
    naming = _naming(arguments)
    new, extended, kept = _files(arguments, naming, answers, system, proposal)
    power = _power(root, new, policy, answers, naming)
    if not arguments.dry_run:
        place(root, new, extended)
    sys.stdout.write(
        said(
            arguments, naming, sources, answers, proposal, whence, system, policy, power,
            new=new, extended=extended, kept=kept,
        )
    )  # fmt: skip
    return ExitCode.PASS


def _check(arguments: argparse.Namespace) -> None:
    if arguments.alias is None or arguments.data is None:
        raise InputError(
            "init needs the alias and its rows",
            hint="liftgate init ALIAS --data FILE.jsonl --system-prompt TEXT",
        )
    if not _ALIAS.fullmatch(arguments.alias) or arguments.alias == "reports" or len(arguments.alias) > 60:
        raise InputError(
            "an alias is lower-case words joined by hyphens, at most 60 letters, and not 'reports'",
            hint="such as support-intent",
        )
    if arguments.cases is not None and arguments.cases < 1:
        raise InputError("--cases is a number of golden cases", hint="such as --cases 400")
    if arguments.provider != "local" and not arguments.base_model:
        raise InputError(
            f"--provider {arguments.provider} needs --base-model",
            hint="the provider's own name of a dated model that it trains",
        )


def _paths(arguments: argparse.Namespace) -> dict[str, Path]:
    """What the rows are for → their file."""
    given = {"data": arguments.data, "golden": arguments.golden, "validation": arguments.validation}
    return {each: path for each, path in given.items() if path is not None}


def _source(arguments: argparse.Namespace, path: Path) -> Source:
    from liftgate.files import read_bytes
    from liftgate.onboarding.examples import read_source

    source = read_source(
        read_bytes(path, "data file"), str(path), question=arguments.input, answer=arguments.label
    )
    if not source.examples:
        raise InputError(f"{path}: no row with a question and an answer", hint="check --input and --label")
    return source


def _answers(examples: Sequence[Example], arguments: argparse.Namespace) -> Answers:
    from liftgate.onboarding.tasks import look_at

    return look_at([example.answer for example in examples], arguments.task)


def _system(arguments: argparse.Namespace, examples: Sequence[Example], answers: Answers) -> tuple[str, str]:
    """The system prompt, and where it comes from."""
    from liftgate.onboarding.documents import MOST_LISTED

    given: str | None = arguments.system_prompt
    if given:
        path = Path(given)
        try:
            is_file = path.is_file()
        except (OSError, ValueError):
            is_file = False
        if is_file:
            try:
                text = path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError):
                raise InputError(
                    "--system-prompt: the file cannot be read", hint="save it as UTF-8"
                ) from None
            given = text
        if not given.strip():
            raise InputError("--system-prompt is empty")
        return _sound(given), "the file" if is_file else "the command line"
    found = {example.system for example in examples if example.system}
    if len(found) == 1:
        return _sound(found.pop()), "the rows"
    if len(found) > 1:
        raise InputError(
            f"the rows have {len(found)} system prompts, and one is trained and asked with",
            hint="--system-prompt FILE",
        )
    if answers.is_classified and not answers.fields and len(answers.labels) <= MOST_LISTED:
        listed = ", ".join(sorted(answers.labels))
        return _sound(f"Answer with exactly one label: {listed}"), "the labels, since nobody gave one"
    raise InputError("the rows have no system prompt", hint="--system-prompt FILE, or the text itself")


def _sound(text: str) -> str:
    """The prompt as every file can hold it."""
    kept = text.replace("\r\n", "\n").strip()
    if any((ord(letter) < 32 and letter not in "\n\t") or 0xD800 <= ord(letter) < 0xE000 for letter in kept):
        raise InputError("the system prompt holds a control character", hint="write it anew")
    return kept


def _policy(root: Path) -> Policy:
    """The repository's thresholds, else those that init writes, which are the built-in ones."""
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.policy import Policy

    path = root / "evals" / "policy.yaml"
    return read_policy(path) if path.is_file() else Policy()


def _proposal(
    arguments: argparse.Namespace,
    sources: Mapping[str, Source],
    answers: Answers,
    system: str,
    policy: Policy,
) -> Proposal:
    from liftgate.onboarding.proposal import Own, Provenance, propose
    from liftgate.onboarding.safety_starter import safety_cases

    own = {each: source.examples for each, source in sources.items() if each != "data"}
    rows = sources["data"].examples
    proposal = propose(
        rows,
        answers,
        system=system,
        provenance=Provenance(arguments.source, arguments.reviewed, arguments.locale),
        safety=safety_cases(arguments.locale),
        policy=policy,
        seed=arguments.seed,
        own=Own(own.get("golden", ()), own.get("validation", ()), arguments.cases),
    )
    if not (proposal.train and proposal.validation and proposal.golden):
        raise InputError(
            f"{arguments.data}: {len(rows)} rows are too few for training, validation and golden set",
            hint="a first fine-tune takes some hundreds; ten of each class at the very least",
        )
    return proposal


def _naming(arguments: argparse.Namespace) -> Naming:
    from liftgate.onboarding.documents import Naming
    from liftgate.onboarding.templates import SCHEMA_FOLDER

    own = "src/liftgate/schemas"
    return Naming(
        arguments.alias,
        arguments.provider,
        arguments.base_model or "embedded",
        own if (arguments.root / own / "card.schema.json").is_file() else SCHEMA_FOLDER,
        arguments.owner[0].removeprefix("@") if arguments.owner else None,
        arguments.licence,
        arguments.locale,
        arguments.classification,
        arguments.region,
    )


def _files(
    arguments: argparse.Namespace, naming: Naming, answers: Answers, system: str, proposal: Proposal
) -> tuple[dict[str, bytes], dict[str, tuple[bytes, bytes]], list[str]]:
    """(new files, files that get longer, shared files that stay). Raises `InputError` when the alias has files."""
    from liftgate.onboarding import shared
    from liftgate.onboarding.alias_files import alias_files
    from liftgate.onboarding.placing import there

    root: Path = arguments.root
    own, entry = alias_files(naming, answers, system, proposal, VERSION)
    taken = [path for path in own if there(root, path)]
    new, extended, kept = shared.shared_files(root, naming, entry, arguments.owner, arguments.action)
    if taken:
        would = [path for path in own if path not in taken]
        raise InputError(
            f"{len(taken)} of the files of {naming.alias} exist, and init overwrites none",
            problems=[
                *(Problem(path, "exists") for path in taken),
                *(Problem(path, "would be written") for path in [*would, *new]),
            ],
            hint="take another alias, or move these files away",
        )
    return {**own, **new}, extended, kept


def _power(root: Path, new: dict[str, bytes], policy: Policy, answers: Answers, naming: Naming) -> list[Any]:
    """What the proposed golden set can prove, as `validate` will say it."""
    from liftgate.config import load
    from liftgate.data.golden import read_cases
    from liftgate.verdict.golden_power import golden_power, power_findings

    path = f"evals/{naming.alias}/golden.jsonl"
    suite = load(new[f"evals/{naming.alias}/suite.yaml"], path, "suite").data
    power = golden_power(read_cases(new[path], path), suite.get("buckets"), policy)
    return list(power_findings(power, policy))
