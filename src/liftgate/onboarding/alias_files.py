"""Every file of a new alias, as bytes, before any is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from liftgate.digests import sha256_bytes
from liftgate.onboarding import documents
from liftgate.onboarding.documents import Naming
from liftgate.onboarding.proposal import Proposal
from liftgate.onboarding.safety_starter import safety_cases
from liftgate.onboarding.tasks import Answers


def alias_files(
    naming: Naming, answers: Answers, system: str, proposal: Proposal, version: str
) -> tuple[dict[str, bytes], Mapping[str, Any]]:
    """(path → bytes, the alias' entry in models.yaml)."""
    evals, dataset = f"evals/{naming.alias}", f"datasets/{naming.alias}"
    halves = {
        half: (f"v{version}.{half}.jsonl", len(rows), _lines(rows))
        for half, rows in (("train", proposal.train), ("validation", proposal.validation))
    }
    pinned = {half: (name, rows, sha256_bytes(data)) for half, (name, rows, data) in halves.items()}
    rows = len(proposal.train) + len(proposal.validation)
    texts = {
        f"{evals}/suite.yaml": documents.suite(naming, answers),
        f"{evals}/prompts/prompt-v1.yaml": documents.prompt(
            naming, "prompt-v1", "The zero-shot prompt; training rows and the candidate use it too.", system
        ),
        f"{evals}/prompts/prompt-v2.yaml": documents.prompt(
            naming,
            "prompt-v2",
            "The few-shot prompt, the cheapest road to try. Its examples are training rows, none is a golden case.",
            documents.naming_labels(system, answers),
            proposal.shots,
        ),
        f"{evals}/decision.yaml": documents.decision(naming, answers, rows),
        f"{dataset}/card.yaml": documents.card(naming, answers.task, version, pinned),
    }
    files = {
        f"{evals}/golden.jsonl": _lines(proposal.golden),
        f"{evals}/safety.jsonl": _lines(safety_cases(naming.locale)),
        **{f"{dataset}/{name}": data for name, _, data in halves.values()},
        **{path: text.encode() for path, text in texts.items()},
    }
    return dict(sorted(files.items())), documents.models_entry(naming, version, pinned)


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)
