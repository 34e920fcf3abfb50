"""Findings of `liftgate registry verify`: a link between a dataset's bytes and a served model does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "registry-altered": Told(
        "error",
        """The variant's entry, or the default model, is not what the last commit has in `models.yaml`.
        Why: what is served is what was merged, not what lies in a work tree.
        Fix: commit the change in a pull request, or take it back.""",
    ),
    "dataset-missing": Told(
        "error",
        """The card of the variant's dataset, or a file of its release, is not there.
        Why: nobody can say any more what the model was trained on.
        Fix: restore the file from history; a released version is never removed while a variant names it.""",
    ),
    "dataset-altered": Told(
        "error",
        """Card, rows or their number are not what the variant, the card or the last commit say.
        Why: the model was trained on other rows than those that one can read.
        Fix: restore the bytes; changed rows are a new version. The message names the first place that differs.""",
    ),
    "manifest-missing": Told(
        "error",
        """No training manifest is known for the variant: not named, not in its file, not in the ledger.
        Why: without it nobody can say what trained the model, nor on which base.
        Fix: set `manifest_digest`, and commit the run's manifest.json under `manifest` where the ledger lacks it.""",
    ),
    "manifest-altered": Told(
        "error",
        """The committed manifest does not have its digest, is not as committed, or says otherwise than `models.yaml`.
        Why: the digest stands in approval, job and report; another manifest is another training.
        Fix: restore the file, or correct the key of `models.yaml` that the message names.""",
    ),
    "manifest-differs": Told(
        "error",
        """The ledger's manifest says otherwise than `models.yaml`.
        Why: one of them names a training that was not this model's.
        Fix: take over what the manifest says; `liftgate registry add` does.""",
    ),
    "job-differs": Told(
        "error",
        """Provider, job, price or method of the variant are not those that its report tells of.
        Why: the report judged what another job made.
        Fix: take over what the report says; `liftgate registry add` does.""",
    ),
    "model-differs": Told(
        "error",
        """The weights, or the model id where the provider holds them, are not those that answered in the report.
        Why: callers would get a model that nobody measured.
        Fix: name the model that was measured, or evaluate this one.""",
    ),
    "results-differ": Told(
        "error",
        """The cases in the report are not those of its golden set, or do not give the numbers that it tells.
        Why: the lift of a report is worth what its cases are.
        Fix: commit the report that `liftgate run` wrote, byte for byte; find out who edited this one.""",
    ),
    "report-missing": Told(
        "error",
        """The variant names no report, or a file that is not there.
        Why: nothing says then that it passed.
        Fix: commit the report that `liftgate run` wrote, and pin it under `report`.""",
    ),
    "report-altered": Told(
        "error",
        """The report is not as committed, not the pinned file, not as it was sealed, or does not say what it must.
        It must be of this alias, manifest and dataset, and be a pass where callers get the variant.
        Why: the seal shows a change, and a report of another model is none of this one.
        Fix: commit the report that `liftgate run` wrote, byte for byte.""",
    ),
    "step-illegal": Told(
        "error",
        """A commit of the history raised the rollout past a step, without a report, or put another model under it.
        Why: callers got a model by a way that the gate would have refused, so it was not asked.
        Fix: roll back, promote step by step; look at who may push to the default branch (docs/guides/protect.md).""",
    ),
    "ledger-altered": Told(
        "error",
        """An entry of the ledger cannot be read, or does not have its seal.
        Why: the ledger is append-only; an edited entry proves nothing.
        Fix: restore it from the branch's history, and find out who wrote it.""",
    ),
    "ledger-differs": Told(
        "error",
        """Plan, job, approval or verdict of the ledger say otherwise than the committed files.
        Also an approval that allowed less than the job was estimated at, or did not hold when it was launched.
        Why: the ledger is written by jobs of the default branch only, so the files are what was changed.
        Fix: correct the key that the message names, or find out how the job came to run.""",
    ),
    "ledger-incomplete": Told(
        "error",
        """The ledger lacks the plan, the job, its end, its approval, or the verdict of the variant.
        Why: what is not recorded may have happened otherwise.
        Fix: bring the entry back from the history of the ledger's branch; a verdict is written by
        `liftgate registry record`, which makes it again from its stored answers.""",
    ),
}
