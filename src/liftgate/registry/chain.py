"""The chain from a dataset's bytes to the flag that callers are sent by, made again from committed files. Pure.

Each link is held against its neighbours: rows against card and registry, manifest against its own digest, job and
model against the report, cases against the golden set and the numbers made of them, the report against its seal and
pin, the rollout against the first-parent history. Whatever is read is data; whatever cannot be read is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from liftgate.findings import Finding, Severity
from liftgate.registry.history import State
from liftgate.registry.models import Alias, Models, Variant

if TYPE_CHECKING:
    from liftgate.training.ledger import Ledger

LINKS: Final = ("registry", "dataset", "manifest", "job", "model", "results", "report", "steps", "ledger")
"""In the order in which a model comes to be; the first broken one is the cause of those after it."""

LinkState = Literal["holds", "broken", "missing", "unchecked"]


@dataclass(frozen=True)
class Link:
    """One link. `told` says what was made again, `unchecked` what was not, and why; both in words."""

    name: str
    findings: tuple[Finding, ...] = ()
    told: str = ""
    unchecked: tuple[str, ...] = ()
    missing: bool = False

    @property
    def state(self) -> LinkState:
        """`missing` is a link that nobody has made yet; `unchecked` one of which nothing could be made again."""
        if self.findings:
            return "missing" if self.missing else "broken"
        return "holds" if self.told else "unchecked"

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "link": self.name,
            "state": self.state,
            "told": self.told,
            "unchecked": list(self.unchecked),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class Source:
    """What a chain is made again from.

    `read` gives the bytes of a file of the repository as it lies there, `committed` as the last commit has it, and
    `earlier` the newest committed version that a test holds of; each None where there is no such thing. `history` is
    models.yaml through the first-parent commits, oldest first; `steps` are those of the policy's rollout. `in_git` is
    false where there is no repository: nothing is known then of what was committed.
    """

    models: Models
    read: Callable[[str], bytes | None]
    committed: Callable[[str], bytes | None] = lambda path: None
    earlier: Callable[[str, Callable[[bytes], bool]], bytes | None] = lambda path, holds: None
    history: Sequence[State] = ()
    steps: Sequence[int] = (0, 5, 25, 100)
    in_git: bool = True
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Subject:
    """One variant with what its chain is made of."""

    source: Source
    alias: Alias
    variant: Variant

    @property
    def served(self) -> bool:
        """Whether callers or shadow requests reach it."""
        return self.variant.rollout_percent > 0 or bool(self.variant.entry.get("shadow_percent", 0))

    def line(self, *key: str) -> int:
        """The line of a key of the variant in models.yaml."""
        place = ("models", self.alias.name, "variants", self.variant.name, *key)
        return self.source.models.document.line(place)

    def place(self, *key: str) -> str:
        """`models.yaml:12`."""
        return f"{self.source.models.path}:{self.line(*key)}"

    def broken(self, rule: str, message: str, *key: str) -> Finding:
        """A finding at a key of the variant."""
        return Finding(rule, Severity.ERROR, message, self.source.models.path, self.line(*key))


@dataclass(frozen=True)
class Chain:
    """The links of one variant, in order."""

    alias: str
    variant: str
    origin: dict[str, Any]
    links: tuple[Link, ...]

    @property
    def first(self) -> Link | None:
        """The link to look at: the first that is broken, else the first that is missing or could not be made again."""
        for wanted in (("broken",), ("missing", "unchecked")):
            for link in self.links:
                if link.state in wanted and (link.name != "ledger" or link.state == "broken"):
                    return link
        return None

    @property
    def state(self) -> Literal["verified", "broken", "incomplete"]:
        """`verified` needs every link but the ledger's, which may be left out; `incomplete` is never a pass."""
        if self.first is None:
            return "verified"
        return "broken" if self.first.state == "broken" else "incomplete"

    @property
    def unchecked(self) -> list[str]:
        """What was not made again, and why."""
        return [f"{link.name}: {why}" for link in self.links for why in link.unchecked]

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "alias": self.alias,
            "variant": self.variant,
            "state": self.state,
            "first": self.first.name if self.first else None,
            "origin": self.origin,
            "links": [link.to_dict() for link in self.links],
        }


def verify_variant(source: Source, alias: str, variant: str) -> Chain:
    """Make the chain of one variant again. Raises `KeyError` for a variant that is not there."""
    from liftgate.registry.chain_files import dataset_link, manifest_link, registry_link
    from liftgate.registry.chain_ledger import ledger_link
    from liftgate.registry.chain_report import job_link, model_link, pinned_report, report_link
    from liftgate.registry.chain_results import results_link
    from liftgate.registry.chain_steps import steps_link

    named = source.models.aliases[alias]
    subject = Subject(source, named, named.variants[variant])
    manifest_made = manifest_link(subject)
    pinned = pinned_report(subject)
    links = (
        registry_link(subject),
        dataset_link(subject),
        manifest_made.link,
        job_link(subject, pinned),
        model_link(subject, pinned),
        results_link(subject, pinned.report),
        report_link(subject, pinned, manifest_made.manifest),
        steps_link(subject),
        ledger_link(subject, manifest_made.manifest, pinned.report),
    )
    report = pinned.report or {}
    origin = {
        "model_id": subject.variant.model.model_id,
        "train_sha256": subject.variant.entry["dataset"].get("train_sha256"),
        "manifest_digest": manifest_made.manifest["digest"] if manifest_made.manifest else None,
        "job_id": subject.variant.entry.get("job_id"),
        "report_sha256": report.get("report_sha256"),
        "verdict": report.get("verdict"),
    }
    return Chain(alias, variant, origin, tuple(_lenient(subject, link) for link in links))


def chosen(models: Models, alias: str | None, variant: str | None) -> Iterator[tuple[str, str]]:
    """The variants to verify. Raises `InputError` for a name that is not there."""
    from liftgate.config import did_you_mean
    from liftgate.errors import InputError

    for each in [models.alias(alias)] if alias else models.aliases.values():
        if variant is not None and variant not in each.variants:
            raise InputError(
                f"{models.path}: {each.name} has no variant {variant!r}{did_you_mean(variant, list(each.variants))}",
                hint=f"variants: {', '.join(each.variants) or 'none yet'}",
            )
        yield from ((each.name, name) for name in each.variants if variant in (None, name))


def _lenient(subject: Subject, link: Link) -> Link:
    """What is not there yet is missing, not broken, as long as nobody is sent to the variant."""
    if subject.served or not link.missing:
        return Link(link.name, link.findings, link.told, link.unchecked)
    return link
