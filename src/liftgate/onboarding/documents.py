"""The YAML files of a new alias, each with the schema that an editor reads and the command that tries a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from liftgate.onboarding.tasks import Answers
from liftgate.verdict.decision_questions import QUESTIONS, REQUIREMENTS

UNANSWERED: Final = "not said yet"
MOST_LISTED: Final = 100
"""Labels that a prompt bears."""


@dataclass(frozen=True)
class Naming:
    """What a person told about the alias; None where nothing was said. `schemas` is the folder of the schemas."""

    alias: str
    provider: str
    base: str
    schemas: str
    owner: str | None = None
    licence: str | None = None
    locale: str | None = None
    classification: str | None = None
    region: str | None = None


def suite(naming: Naming, answers: Answers) -> str:
    """What every arm answers and how it is graded."""
    dimensions = [answers.fields[0] if answers.fields else "label"] if answers.is_classified else []
    body = {
        "version": 1,
        "alias": naming.alias,
        "task": answers.task,
        "golden": "golden.jsonl",
        "safety": "safety.jsonl",
        "primary_metric": "exact_match",
        "sampling": {"temperature": 0, "max_tokens": answers.most_tokens, "seed": 0},
        "truncated": "score",
        "scorers": answers.scorers,
        "buckets": [*dimensions, *(["locale"] if naming.locale else [])],
        "arms": {
            "prompt-v1": {"prompt": "prompts/prompt-v1.yaml", "model": "default"},
            "prompt-v2": {"prompt": "prompts/prompt-v2.yaml", "model": "default"},
            "candidate": {"prompt": "prompts/prompt-v1.yaml", "model": "candidate"},
        },
    }
    if not body["buckets"]:
        del body["buckets"]
    about = (
        "What every arm answers and how it is graded. Try a change: liftgate evaluate --suite "
        f"evals/{naming.alias}/suite.yaml --arm prompt-v1 --model {naming.base} --endpoint {_endpoint(naming)} "
        "--out .liftgate/try"
    )
    return _document(naming, 2, "suite", about, body)


def _endpoint(naming: Naming) -> str:
    return naming.provider if naming.provider in {"local", "bedrock"} else "openai"


def prompt(naming: Naming, name: str, about: str, system: str, shots: Sequence[tuple[str, str]] = ()) -> str:
    """One arm's prompt."""
    body: dict[str, Any] = {"version": 1, "system": system}
    if shots:
        body["examples"] = [{"input": asked, "output": answered} for asked, answered in shots]
    tried = (
        f"{about} Try a change: liftgate evaluate --suite evals/{naming.alias}/suite.yaml --arm {name} "
        f"--model {naming.base} --endpoint {_endpoint(naming)} --out .liftgate/try"
    )
    return _document(naming, 3, "prompt", tried, body)


def unnamed_labels(system: str, answers: Answers) -> list[str]:
    """Labels that the prompt does not say: what was not trained can only guess them."""
    if not answers.is_classified or answers.fields:
        return []
    return [label for label in sorted(answers.labels) if label not in system]


def naming_labels(system: str, answers: Answers) -> str:
    """The prompt with every label in it, where they are few enough to be listed."""
    if not unnamed_labels(system, answers) or len(answers.labels) > MOST_LISTED:
        return system
    return f"{system}\nLabels: {', '.join(sorted(answers.labels))}"


def card(naming: Naming, task: str, version: str, files: Mapping[str, tuple[str, int, str]]) -> str:
    """What the dataset is for. `files` are name, rows and sha256 of `train` and `validation`."""
    body: dict[str, Any] = {
        "version": 1,
        "alias": naming.alias,
        "task": task,
        "description": f"Rows of {naming.alias}; what they are for is {UNANSWERED}.",
        "owner": naming.owner or UNANSWERED,
        "licence": naming.licence or UNANSWERED,
        **({"language": [naming.locale]} if naming.locale else {}),
        **({"data_classification": naming.classification} if naming.classification else {}),
        "training": {"provider": naming.provider, "base": naming.base},
        "releases": [
            {
                "version": version,
                **{
                    half: {"file": name, "rows": rows, "sha256": sha256}
                    for half, (name, rows, sha256) in files.items()
                },
            }
        ],
    }
    about = (
        "What this dataset is for and what is trained on it. To be said by people: description, owner, licence, "
        "provenance, personal_data, data_classification. "
        f"Try a change: liftgate validate --alias {naming.alias}"
    )
    return _document(naming, 2, "card", about, body)


def decision(naming: Naming, answers: Answers, rows: int) -> str:
    """The decision matrix with what the data says, and questions where only people know. Refused until answered."""
    known: dict[str, Any] = {"labels": len(answers.labels)} if answers.is_classified else {}
    if answers.fields:
        known["schema_fields"] = len(answers.fields)
    if naming.locale:
        known["locales"] = [naming.locale]
    body: dict[str, Any] = {
        "version": 1,
        "alias": naming.alias,
        "requirements": {**known, "labelled_rows": rows},
    }
    about = (
        "Why this alias is fine-tuned at all. Until people have answered the questions below, nothing of it is "
        f"paid for or promoted. Try a change: liftgate decide {naming.alias}"
    )
    of_task = {key: how for key, how in REQUIREMENTS.items() if key not in body["requirements"]}
    rest = {key: how for key, how in QUESTIONS.items() if key != "requirements"}
    return (
        _document(naming, 2, "decision", about, body)
        + "# Still open: write each answer in the place of its question, and take away the `# ` before it.\n"
        + "# Under requirements, two spaces further in; leave out what nobody knows:\n"
        + _questions(of_task, "  ")
        + "# Beside them:\n"
        + _questions(rest, "")
    )


def _questions(asked: Mapping[str, str], indent: str) -> str:
    width = max((len(key) for key in asked), default=0) + 3
    return "".join(f"# {indent}{f'{key}:':{width}}{how}\n" for key, how in asked.items())


def models_entry(naming: Naming, version: str, files: Mapping[str, tuple[str, int, str]]) -> dict[str, Any]:
    """The alias: its default, and, where the weights are made here, a variant that no caller gets yet.

    A provider names its model when it is trained: `liftgate registry add` writes that variant then.
    """
    place = {"region": naming.region} if naming.region and naming.provider == "bedrock" else {}
    if naming.provider != "local":
        return {"default": {"model_id": naming.base, "provider": naming.provider, **place}}
    name = "smollm2-135m-instruct" if naming.base == "embedded" else _local_name(naming.base)
    variant = {
        "model_id": f"{naming.alias}-v{version}",
        "provider": "local",
        "base": naming.base,
        "dataset": {"version": version, **{f"{half}_sha256": file[2] for half, file in files.items()}},
        "flag": f"{naming.alias}-tuned",
        "rollout_percent": 0,
        **({"owner": naming.owner} if naming.owner else {}),
    }
    default = {"model_id": name, "provider": "local", "base": naming.base}
    return {"default": default, "variants": {f"v{version}": variant}}


def _local_name(base: str) -> str:
    return base.partition("@")[0].rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower() or "base"


def models(naming: Naming, entry: Mapping[str, Any]) -> str:
    """A registry with one alias."""
    about = "The registry: merging this file is what flips a flag. Try a change: liftgate plan --base main"
    return _document(naming, 0, "models", about, {"version": 1, "models": {naming.alias: entry}})


def with_alias(text: str, alias: str, entry: Mapping[str, Any]) -> str:
    """A registry's text with one alias more behind its last; every byte that was there stays."""
    made = text if not text or text.endswith("\n") else text + "\n"
    ending = "\r\n" if "\r\n" in text else "\n"
    block = _dumped({alias: dict(entry)})
    return made + "".join(f"  {line}{ending}" for line in block.splitlines())


def policy(naming: Naming) -> str:
    """Thresholds: the built-in ones, with the few named that teams change first."""
    about = (
        f"Thresholds for merging a fine-tuned model. Try a change: liftgate gate --run .liftgate/{naming.alias} "
        "--policy evals/policy.yaml"
    )
    return _document(naming, 1, "policy", about, {"version": 1}) + _POLICY


_POLICY: Final = """\
primary_metric: exact_match
alpha: 0.05                    # one-sided, each direction
power: 0.80
min_lift: 0.03                 # 3 points: less is not worth a second model to run
min_bucket_cases: 40
cost: {max_training_usd: 50, max_eval_usd: 10, auto_approve_usd: 0}
insufficient_evidence: fail
# All keys: docs/files.md of Liftgate; what is not named here has its default.
"""


def reheaded(text: str, naming: Naming) -> str:
    """A file of the template with the schema where this repository has it."""
    first, _, rest = text.partition("\n")
    name = first.rpartition("/")[2]
    return f"# yaml-language-server: $schema={_up(1)}{naming.schemas}/{name}\n{rest}"


def _document(naming: Naming, depth: int, schema: str, about: str, body: Mapping[str, Any]) -> str:
    head = f"# yaml-language-server: $schema={_up(depth)}{naming.schemas}/{schema}.schema.json\n# {about}\n"
    return head + _dumped(body)


def _up(depth: int) -> str:
    return "../" * depth


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, which Liftgate does not read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Read back, the rarer line ends become plain ones unless they are written as escapes.
    style = '"' if any(letter in text for letter in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _dumped(body: Mapping[str, Any]) -> str:
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
