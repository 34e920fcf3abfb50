"""From changed paths to work: which aliases, which change kinds, which steps. All branching lives here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal, Protocol

from liftgate.findings import Finding, Severity
from liftgate.path_names import odd_name, printable

Kind = Literal["data", "evals", "policy", "promotion", "rollback", "none"]
Role = Literal["subject", "ruler", "evidence", "other"]

STEPS: Final = ("validate", "estimate", "train", "evaluate", "compare", "gate")
STEPS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "data": STEPS,
    "evals": STEPS,
    "policy": STEPS,
    "promotion": STEPS,
    "rollback": (),
    "none": (),
}
KINDS: Final[tuple[Kind, ...]] = ("data", "evals", "policy", "promotion", "rollback", "none")
_RULER_FILES = {"policy.yaml", "prices.yaml", "sunsets.yaml"}
_READ: Final = frozenset({"datasets", "evals", "models.yaml"})


class Changed(Protocol):
    """A changed path, as `repository.Change` gives it."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def special(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Classified:
    """One changed path with what it is to the gate. `alias` is None when it concerns every alias or none."""

    path: str
    status: str
    role: Role
    kind: Kind
    alias: str | None


@dataclass(frozen=True)
class Plan:
    """What a pull request asks for. `aliases` maps each concerned alias to its kinds, in order of `KINDS`."""

    paths: tuple[Classified, ...]
    aliases: Mapping[str, tuple[Kind, ...]]
    findings: tuple[Finding, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every change kind of the pull request; `none` alone when there is nothing to gate."""
        found = {kind for kinds in self.aliases.values() for kind in kinds} | {p.kind for p in self.paths}
        real = tuple(kind for kind in KINDS if kind in found and kind != "none")
        return real or ("none",)

    def steps(self, alias: str) -> tuple[str, ...]:
        """The steps this alias needs, in the order of the flow."""
        wanted = {step for kind in self.aliases[alias] for step in STEPS_OF[kind]}
        return tuple(step for step in STEPS if step in wanted)

    def to_dict(self) -> dict[str, Any]:
        """The form of plan.json."""
        return {
            "schema_version": 1,
            "kinds": list(self.kinds),
            "aliases": {
                alias: {"kinds": list(kinds), "steps": list(self.steps(alias))}
                for alias, kinds in sorted(self.aliases.items())
            },
            "paths": [vars(path) for path in self.paths],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def make_plan(
    changed: Iterable[Changed],
    *,
    known_aliases: Iterable[str],
    transitions: Mapping[str, str],
    arms_only: Iterable[str] = (),
) -> Plan:
    """Classify a pull request.

    `known_aliases` have a suite in the ruler; `transitions` says per alias what models.yaml's change is;
    `arms_only` names aliases whose suite.yaml changed in nothing but its arms. Paths that are refused for their name
    are told in a finding and stand nowhere else.
    """
    known, arms = set(known_aliases), set(arms_only)
    given = list(changed)
    changed = [change for change in given if odd_name(change.path) is None]
    paths = tuple(_classify(change, arms) for change in changed)
    landing = _landing(paths, known, transitions)
    # The first prompts of a suite land with it: there is nothing yet that they could flatter.
    paths = tuple(
        replace(p, role="ruler") if p.alias in landing and p.role == "subject" else p for p in paths
    )
    gated = [p for p in paths if p.role in {"subject", "ruler"}]
    kinds: dict[str, set[Kind]] = {}
    for path in gated:
        if path.path == "models.yaml" or path.alias in landing:
            continue
        for alias in [path.alias] if path.alias else sorted(known):
            kinds.setdefault(alias, set()).add(path.kind)
    # A rollback is one only when nothing else changes; beside anything else it is judged like a promotion.
    alone = all(change.path == "models.yaml" for change in given)
    for alias, transition in transitions.items():
        kind: Kind = "rollback" if transition == "rollback" and alone else "promotion"
        kinds.setdefault(alias, set()).add(kind)
    findings = [*_odd(given), *_special(changed, paths), *_split(gated), *_unknown(kinds, known)]
    findings += [*_reserved(changed, transitions), *_rivals(gated)]
    ordered = {alias: tuple(k for k in KINDS if k in found) for alias, found in sorted(kinds.items())}
    if transitions:
        only_rollback = alone and all(t == "rollback" for t in transitions.values())
        paths = tuple(
            Classified(p.path, p.status, p.role, "rollback" if only_rollback else "promotion", None)
            if p.path == "models.yaml"
            else p
            for p in paths
        )
    return Plan(paths, ordered, tuple(findings))


def _classify(change: Changed, arms_only: set[str]) -> Classified:
    parts = PurePosixPath(change.path).parts

    def is_(role: Role, kind: Kind, alias: str | None = None) -> Classified:
        return Classified(change.path, change.status, role, kind, alias)

    match parts:
        case ("models.yaml",):
            return is_("subject", "none")
        case ("datasets", alias, _, *_):
            return is_("subject", "data", alias)
        case ("datasets",) | ("datasets", _):
            # No file is read here, but a symlink in a folder's place would lead all reading elsewhere.
            return is_("subject" if change.special else "other", "data" if change.special else "none")
        case ("evals", name) if name in _RULER_FILES:
            return is_("ruler", "policy")
        case ("evals", "reports", *_) | ("evals", _, "decision.yaml" | "backlog.jsonl"):
            return is_("evidence", "none")
        case ("evals", alias, "prompts" | "documents", _, *_):
            return is_("subject", "evals", alias)
        case ("evals", alias, "suite.yaml") if alias in arms_only:
            return is_("subject", "evals", alias)
        case ("evals", alias, _, *_):
            return is_("ruler", "evals", alias)
        case ("evals",) | ("evals", _) if change.special:
            return is_("ruler", "evals")
        case _:
            return is_("other", "none")


def _landing(
    paths: Iterable[Classified], known: set[str], transitions: Mapping[str, str]
) -> frozenset[str | None]:
    """New aliases of which only evals/<alias>/ arrives: what a new alias lands first, with nothing to run yet."""
    arriving = {p.alias for p in paths if p.alias and p.kind == "evals"}
    with_more = {p.alias for p in paths if p.kind == "data"}
    return frozenset(arriving - with_more - known - transitions.keys())


def _split(gated: Iterable[Classified]) -> Iterable[Finding]:
    subject = [p.path for p in gated if p.role == "subject"]
    ruler = [p.path for p in gated if p.role == "ruler"]
    if subject and ruler:
        yield Finding(
            "split-this-pr",
            Severity.ERROR,
            f"this change moves the ruler ({ruler[0]}) together with what it measures ({subject[0]}); "
            "split it into two pull requests, the ruler first",
            ruler[0],
        )


def _unknown(kinds: Mapping[str, set[Kind]], known: set[str]) -> Iterable[Finding]:
    for alias in sorted(kinds.keys() - known):
        if kinds[alias] <= {"rollback"}:
            continue
        yield Finding(
            "unknown-alias",
            Severity.ERROR,
            f"{alias!r} has no suite in the base branch; land evals/{alias}/ first, in a pull request of its own",
            f"evals/{alias}/suite.yaml",
        )


def _rivals(gated: Iterable[Classified]) -> Iterable[Finding]:
    """Rows are held against base and other arms under the prompts of the same change, which can make these weaker."""
    subject = [path for path in gated if path.role == "subject"]
    with_rows = {path.alias for path in subject if path.kind == "data"}
    for path in subject:
        if path.kind == "evals" and path.alias in with_rows and path.status != "added":
            yield Finding(
                "rivals-moved",
                Severity.WARNING,
                "how base and the other arms are asked changes together with the rows, so the lift is not one over "
                "what callers get today; read this file, or land it first",
                path.path,
            )


def _reserved(changed: Iterable[Changed], transitions: Mapping[str, str]) -> Iterable[Finding]:
    """`evals/reports/` holds evidence, so the ruler of an alias of that name would be nobody's to look at."""
    places = [change.path for change in changed if change.status != "deleted"]
    taken = [
        each for each in places if each == "evals/reports/suite.yaml" or each.startswith("datasets/reports/")
    ]
    taken += ["models.yaml"] if transitions.get("reports") == "promotion" else []
    if taken:
        message = "`reports` is no name of an alias: evals/reports/ is where reports lie; choose another"
        yield Finding("unknown-alias", Severity.ERROR, message, taken[0])


def _odd(changed: Iterable[Changed]) -> Iterable[Finding]:
    """Names that are refused wherever they could be read; elsewhere they are nobody's business here."""
    for change in changed:
        top, _, below = change.path.partition("/")
        read = top if below or top.casefold() == "models.yaml" else ""
        if read.casefold() not in _READ or change.status == "deleted":
            continue
        why = odd_name(change.path)
        if why is None and read not in _READ:
            why = f"differs from {read.casefold()} in case only"
        if why is not None:
            message = f"the path {why}; nothing is read from it, and nothing passes with it: rename it"
            yield Finding("odd-path", Severity.ERROR, message, printable(change.path))


def _special(changed: Iterable[Changed], paths: Iterable[Classified]) -> Iterable[Finding]:
    special = {change.path: change.special for change in changed if change.special}
    for path in paths:
        if path.role != "other" and path.path in special:
            yield Finding(
                "not-a-plain-file",
                Severity.ERROR,
                f"a {special[path.path]} stands where Liftgate reads a file; commit the file itself",
                path.path,
            )
