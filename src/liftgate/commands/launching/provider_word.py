"""What the provider itself has against a training, asked once before its job is created."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from liftgate.errors import ProviderError
from liftgate.findings import Finding, Severity

if TYPE_CHECKING:
    from liftgate.commands.launching.hosted import HostedTraining


@runtime_checkable
class KnowsLimits(Protocol):
    """A trainer whose provider tells what one job may hold."""

    def limit_findings(self, model: str, *, rows: int, tokens: int, epochs: int | None) -> list[Finding]: ...  # noqa: D102


@runtime_checkable
class KnowsEnds(Protocol):
    """A trainer whose provider announces when a model ends."""

    def shutdown_date(self, model: str) -> datetime.date | None: ...  # noqa: D102


def provider_word(hosted: HostedTraining, today: datetime.date) -> list[Finding]:
    """Findings beyond those of the ruler's own tables.

    Raises `ProviderError` when nobody says how long the base lives: the provider cannot be asked, and no row of
    sunsets.yaml names it.
    """
    return [*_limits(hosted), *_end(hosted, today)]


def _limits(hosted: HostedTraining) -> list[Finding]:
    trainer, manifest = hosted.trainer, hosted.subject.manifest()
    if not isinstance(trainer, KnowsLimits):
        return []
    epochs = manifest.hyperparameters.get("epochs")
    try:
        return trainer.limit_findings(
            manifest.base,
            rows=len(hosted.dataset.rows),
            tokens=hosted.priced.training_tokens.point,
            epochs=epochs if isinstance(epochs, int) else None,
        )
    except ProviderError as error:
        # The provider holds a job against its limits before it bills anything.
        return [
            Finding("unknown-model-limit", Severity.WARNING, f"the limits are not known: {error.sentence}")
        ]


def _end(hosted: HostedTraining, today: datetime.date) -> list[Finding]:
    from liftgate.training.sunset import Limits, Sunsets, training_ends

    manifest = hosted.subject.manifest()
    if not isinstance(hosted.trainer, KnowsEnds):
        return []
    sunsets = Sunsets(hosted.ruler.sunsets)
    try:
        day = hosted.trainer.shutdown_date(manifest.base)
    except ProviderError as error:
        if not sunsets.end_of(manifest.provider, manifest.base).known:
            raise
        return [Finding("sunset", Severity.WARNING, f"the end of the base is ours to know: {error.sentence}")]
    if day is None:
        return []
    sunsets = Sunsets(hosted.ruler.sunsets, {(manifest.provider, manifest.base): day})
    limits = Limits(**vars(hosted.ruler.policy.sunset))
    found = training_ends(
        sunsets, manifest.provider, manifest.base, today, limits, hosted.priced.pays_back_on
    )
    return [finding for finding in found if finding not in hosted.priced.findings]
