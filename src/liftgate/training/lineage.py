"""What the ledger knows of a model: rows, price, approvals, jobs, verdicts. Answers come from entries alone."""

from __future__ import annotations

from dataclasses import dataclass

from liftgate.training.ledger import Entry, Ledger, plan_name
from liftgate.training.standing import Standing, read_standing


@dataclass(frozen=True)
class Lineage:
    """Everything about one manifest. `job_id` is the job that made the model that was asked for."""

    digest: str
    plan: Entry | None
    approvals: tuple[Entry, ...]
    standing: Standing
    verdicts: tuple[Entry, ...]
    job_id: str | None = None

    @property
    def job(self) -> Entry | None:
        """The job that made the model, as it was submitted or found."""
        return next((job for job in self.standing.jobs if job["job_id"] == self.job_id), None)

    @property
    def ended(self) -> Entry | None:
        """How that job ended."""
        return self.standing.finished.get(self.job_id or "")

    @property
    def approval(self) -> Entry | None:
        """The approval under which that job was launched; None for one that the policy starts by itself.

        A training on a machine of one's own is no job of the ledger: it ran under the newest approval.
        """
        if not self.standing.jobs:
            return max(self.approvals, key=lambda each: str(each["issued_at"]), default=None)
        seal = self.job["approval"] if self.job else None
        return next((each for each in self.approvals if each["entry_sha256"] == seal), None)


def lineage(ledger: Ledger, digest: str, job_id: str | None = None) -> Lineage:
    """Everything that the ledger holds under a digest."""
    found = (entry for _, entry in ledger.entries("verdicts") if entry.get("manifest_digest") == digest)
    # One report stands under the key of its answers and under that of the change that it was made for.
    verdicts = {entry["report_sha256"]: entry for entry in found}
    return Lineage(
        digest,
        ledger.read(plan_name(digest)),
        tuple(entry for _, entry in ledger.entries(f"approvals/{digest}")),
        read_standing(ledger, digest),
        tuple(verdicts.values()),
        job_id,
    )


def find_model(ledger: Ledger, model_id: str) -> Lineage | None:
    """The lineage of a model, or of a checkpoint of one; a job's id finds its model, too."""
    for _, entry in ledger.entries("jobs"):
        if entry["event"] != "finished":
            continue
        if model_id in {entry["model_id"], entry["job_id"], *entry["checkpoints"]}:
            return lineage(ledger, entry["digest"], entry["job_id"])
    return None


def models(ledger: Ledger) -> list[str]:
    """Every model that the ledger knows."""
    ended = (entry for _, entry in ledger.entries("jobs") if entry["event"] == "finished")
    return sorted({str(entry["model_id"]) for entry in ended if entry["model_id"]})
