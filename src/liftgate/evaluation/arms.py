"""The arms of a suite: ways of answering that are held against each other, and what makes that fair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from liftgate import config
from liftgate.config import did_you_mean
from liftgate.errors import Problem
from liftgate.evaluation.completion import Sampling
from liftgate.evaluation.retrieval import Retrieval

ArmKind = Literal["base", "candidate", "prompt", "rag", "model", "promoted"]
"""`promoted` is the variant that callers get today, `model` another model than the default one."""
OF_REGISTRY: Final = ("default", "candidate", "promoted")
"""Models that models.yaml resolves; every other word is a model id."""


@dataclass(frozen=True)
class Provider:
    """Who answers for a model id: an endpoint, its address, and the variable with its key.

    `region` is for bedrock; what follows it is for python: the function that answers, what it may read, and which
    environment variables it is given.
    """

    kind: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    region: str | None = None
    file: str | None = None
    function: str = "answer"
    files: Sequence[str] = ()
    env: Sequence[str] = ()
    deterministic: bool = False
    concurrency: int | None = None
    timeout_s: float | None = None


_ONLY: Final = {
    "base_url": ("openai", "bedrock"),
    "api_key_env": ("openai",),
    "region": ("bedrock",),
    **dict.fromkeys(
        ("file", "function", "files", "env", "deterministic", "concurrency", "timeout_s"), ("python",)
    ),
}
"""Which kinds a setting of an endpoint goes with."""


@dataclass(frozen=True)
class Arm:
    """One way of answering. `model` is `default`, `candidate`, `promoted` or a model id; `prompt` a path in the suite.

    `sampling` is None for the suite's own.
    """

    name: str
    prompt: str | None
    model: str = "default"
    endpoint: str | None = None
    sampling: Sampling | None = None
    retriever: Retrieval | None = None

    @property
    def kind(self) -> ArmKind:
        """What is tried here: another prompt, retrieval, another model, or one that was trained."""
        if self.name == "base":
            return "base"
        if self.model in ("candidate", "promoted"):
            return "candidate" if self.model == "candidate" else "promoted"
        if self.retriever is not None:
            return "rag"
        return "prompt" if self.model == "default" else "model"


def read_providers(document: config.Document, problems: list[Problem]) -> dict[str, Provider]:
    """The endpoints of a suite file; appends what is wrong with them."""
    providers: dict[str, Provider] = {}
    for name, said in (document.data.get("endpoints") or {}).items():
        providers[name] = Provider(**said)
        wrong = [(key, kinds) for key, kinds in _ONLY.items() if key in said and said["kind"] not in kinds]
        problems += [
            Problem(document.place(("endpoints", name, key)), f"goes with kind: {' or '.join(kinds)}")
            for key, kinds in wrong
        ]
        if said["kind"] == "python" and "file" not in said:
            place = document.place(("endpoints", name))
            problems.append(Problem(place, "kind: python needs the `file` with the function that answers"))
    return providers


def read_arms(document: config.Document, problems: list[Problem]) -> dict[str, Arm]:
    """The arms of a suite file, `base` added where the candidate has none; appends what is wrong with them."""
    data: Mapping[str, Any] = document.data
    suite_sampling = data.get("sampling") or {}
    endpoints: Mapping[str, Any] = data.get("endpoints") or {}
    arms = {
        name: _arm(name, said or {}, suite_sampling, endpoints)
        for name, said in (data.get("arms") or {}).items()
    }
    known = list(endpoints)
    for name, arm in arms.items():
        problems += [Problem(document.place(("arms", name, *key)), said) for key, said in _wrong(arm, known)]
    if "candidate" in arms:
        # `base` is by definition the default model under the candidate's prompt.
        arms.setdefault("base", replace(arms["candidate"], name="base", model="default"))
        problems += [
            Problem(document.place(("arms", "base", key)), said)
            for key, said in _unfair(
                arms["base"], arms["candidate"], Sampling(**{"temperature": 0.0, **suite_sampling})
            )
        ]
    return arms


def _arm(
    name: str, said: Mapping[str, Any], suite_sampling: Mapping[str, Any], endpoints: Mapping[str, Any]
) -> Arm:
    own, retriever = said.get("sampling"), said.get("retriever")
    provider = endpoints.get(said.get("endpoint") or "") or {}
    # A program is its own model: the arm need not name one.
    usual = f"{provider['file']}:{provider.get('function', 'answer')}" if provider.get("file") else "default"
    return Arm(
        name,
        said.get("prompt"),
        said.get("model", usual),
        said.get("endpoint"),
        None if own is None else Sampling(**{"temperature": 0.0, **suite_sampling, **own}),
        None if retriever is None else Retrieval(**retriever),
    )


def _wrong(arm: Arm, endpoints: list[str]) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    if arm.endpoint is not None and arm.model in OF_REGISTRY:
        found.append((("endpoint",), f"models.yaml says who answers for {arm.model!r}"))
    elif arm.endpoint is not None and arm.endpoint not in endpoints:
        near = did_you_mean(arm.endpoint, endpoints)
        found.append((("endpoint",), f"{arm.endpoint!r} is not one of the suite's `endpoints`{near}"))
    if arm.prompt is not None and not inside(arm.prompt):
        # Arms are the change's own: a path that leads out reads the machine, or what no verdict is kept under.
        found.append((("prompt",), "must be a file inside the suite's own folder"))
    retriever = arm.retriever
    if retriever is not None and (retriever.kind == "bm25") != (retriever.documents is not None):
        found.append(
            (("retriever",), "`documents` names the folder that bm25 searches, and goes with it alone")
        )
    if retriever is not None and retriever.documents is not None and not inside(retriever.documents):
        found.append((("retriever", "documents"), "must be a folder inside the suite's own"))
    return found


def _unfair(base: Arm, candidate: Arm, suite: Sampling) -> list[tuple[str, str]]:
    ours, theirs = base.sampling or suite, candidate.sampling or suite
    found = [
        (key, f"{key} differs from the candidate's; the comparison would be one of {key}s")
        for key in ("prompt", "retriever")
        if getattr(base, key) != getattr(candidate, key)
    ]
    differs = [name for name, value in vars(ours).items() if value != getattr(theirs, name)]
    if differs:
        names = " and ".join(differs)
        found.append(
            ("sampling", f"{names} must be the same for base and candidate, or settings are compared")
        )
    if base.model != "default":
        found.append(("model", "base is the default model of models.yaml"))
    return found


def inside(path: str) -> bool:
    """Whether a path that a suite names stays in the suite's own folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path
