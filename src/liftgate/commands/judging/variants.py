"""Whether models.yaml says of a variant what the change holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liftgate.findings import Finding, Severity

if TYPE_CHECKING:
    from liftgate.registry.models import Alias
    from liftgate.training.manifest import Manifest


def variant_findings(manifest: Manifest, registered: Alias) -> list[Finding]:
    """Hashes of the variants of this dataset version that are not those of the manifest."""
    found = []
    for name, variant in registered.variants.items():
        if variant.dataset_version != manifest.dataset_version:
            continue
        pinned = variant.entry["dataset"]
        expected = {
            "train_sha256": manifest.train_sha256,
            "validation_sha256": manifest.validation_sha256,
        }
        actual: dict[str, Any] = {key: pinned.get(key, value) for key, value in expected.items()}
        expected["manifest_digest"] = manifest.digest
        actual["manifest_digest"] = variant.entry.get("manifest_digest", manifest.digest)
        for key, value in expected.items():
            if actual[key] != value:
                message = f"variant {name}: {key} is not that of the dataset and card in this change"
                found.append(Finding("variant-mismatch", Severity.ERROR, message, "models.yaml", None))
    return found
