"""Findings about what stands beside the rows: folder, card, policy and waivers. Docstrings as for the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.config import Document, did_you_mean
from liftgate.data.checks import RULES
from liftgate.data.extras import label_noise
from liftgate.data.text import shown
from liftgate.data.waivers import NEVER_WAIVED, waiver_expired, waiver_unused
from liftgate.errors import Problem
from liftgate.findings import Finding, Severity


def missing_card(folder: str) -> Iterator[Finding]:
    """A dataset folder holds no card.yaml.

    Why: without it nobody knows which files are the release, what they are for, and whether they were altered.
    Fix: write `card.yaml` beside the rows; docs/files.md lists its keys.
    """
    message = (
        "no card.yaml beside these rows, so nothing says which release they are; docs/files.md has its keys"
    )
    yield Finding("missing-card", Severity.ERROR, message, f"{folder}/card.yaml")


def missing_dataset_file(card: str, line: int, absent: Sequence[str]) -> Iterator[Finding]:
    """The card's newest release names a file that is not there.

    Why: a release that cannot be read cannot be judged, and nothing is trained on it.
    Fix: commit the file, or correct its name in the card.
    """
    for name in absent:
        named = shown(name, "a file")
        message = f"the newest release names {named}, but no file lies there; commit it or correct the name"
        yield Finding("missing-dataset-file", Severity.ERROR, message, card, line)


def dataset_deleted(folder: str, alias: str, *, registered: bool) -> Iterator[Finding]:
    """A change deletes the whole dataset of an alias.

    An error while models.yaml still names the alias, else a warning.
    Why: a variant that is served must stay reproducible, and the evidence for it rests on these rows.
    Fix: restore the folder from the base branch; to retire an alias, take it out of models.yaml first.
    """
    if registered:
        message = f"the dataset of {alias} is deleted while models.yaml names {alias}; retire it there first"
        yield Finding("dataset-deleted", Severity.ERROR, f"{message}, or restore the folder", folder)
    else:
        yield Finding("dataset-deleted", Severity.WARNING, f"the dataset of {alias} is deleted", folder)


def uncommitted_change(paths: Sequence[str]) -> Iterator[Finding]:
    """Files under datasets/ differ from the last commit.

    Why: rows are read from the work tree, but a pull request holds commits; the pushed result may be another.
    Fix: commit, and validate again.
    """
    if paths:
        files = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
        message = f"{files} not committed yet, so the pull request will not hold what is on disk"
        yield Finding("uncommitted-change", Severity.WARNING, message, paths[0])


def gate_rule_lowered(policy: Document) -> Iterator[Finding]:
    """The policy lowers `secret` or `golden-leak`, which no waiver can accept.

    The policy is the only way: it holds for every row, lies in the base branch and has owners. This warning
    stands in every report meanwhile and cannot be switched off.
    Why: a credential in a model cannot be taken back, and a leaked golden case makes every later number a lie.
    Fix: take the line out of the policy's `rules` as soon as the rows are mended.
    """
    for rule, level in policy.data.get("rules", {}).items():
        if rule in NEVER_WAIVED and level != "error":
            message = f"the policy sets {rule} to {level}: rows with such a finding do not block"
            yield Finding(
                "gate-rule-lowered", Severity.WARNING, message, policy.path, policy.line(("rules", rule))
            )


BESIDE: Final[Mapping[str, Callable[..., Iterator[Finding]]]] = {
    "missing-card": missing_card,
    "missing-dataset-file": missing_dataset_file,
    "dataset-deleted": dataset_deleted,
    "uncommitted-change": uncommitted_change,
    "waiver-expired": waiver_expired,
    "waiver-unused": waiver_unused,
    "gate-rule-lowered": gate_rule_lowered,
}
# Rules of their own that `validate --with` adds; the other extras add to rules that are there anyway.
EXTRA: Final[Mapping[str, Callable[..., Iterator[Finding]]]] = {label_noise.RULE: label_noise.label_noise}
UNSWITCHABLE: Final = frozenset({"gate-rule-lowered", "uncommitted-change"})


def unknown_rules(policy: Document, others: Collection[str] = ()) -> list[Problem]:
    """Entries of the policy's `rules` that set the severity of nothing, each with its nearest neighbour.

    `others` are the rules of other stages.
    """
    rules: Any = policy.data.get("rules", {}) if isinstance(policy.data, dict) else {}
    known = [rule for rule in (*RULES, *EXTRA, *BESIDE, *others) if rule not in UNSWITCHABLE]
    return [
        Problem(
            policy.place(("rules", rule)),
            f"{rule!r} is not a rule whose severity a policy sets{did_you_mean(rule, known)}",
        )
        for rule in (rules if isinstance(rules, dict) else ())
        if rule not in known
    ]
