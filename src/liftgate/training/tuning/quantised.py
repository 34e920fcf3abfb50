"""What quantising the base costs: perplexity on held-out rows, of the base, of its NF4 form, of the candidate."""

from __future__ import annotations

import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from liftgate.findings import blocks
from liftgate.training.quantisation import QuantisedTooFar, quantised_findings
from liftgate.training.rendering import IGNORE, TokenizedRow
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.model import load_weights

MOST_ROWS: Final = 64


@dataclass(frozen=True)
class Quantised:
    """Perplexities over whole rows, and over their answers alone."""

    rows: Sequence[TokenizedRow]
    held_out: bool
    libraries: Libraries
    base: tuple[float, float]
    quantised: tuple[float, float]
    candidate: tuple[float, float] | None = None

    def with_candidate(self, model: Any) -> Quantised:
        """The same with the trained model's, which counts only on rows that it was not trained on."""
        return (
            replace(self, candidate=perplexity(model, self.rows, self.libraries)) if self.held_out else self
        )

    def to_dict(self) -> dict[str, Any]:
        """The form in the evidence."""
        return {
            "rows": len(self.rows),
            "tokens": sum(row.tokens for row in self.rows),
            "held_out": self.held_out,
            "base_perplexity": self.base[0],
            "quantised_perplexity": self.quantised[0],
            "ratio": self.quantised[0] / self.base[0],
            "base_answer_perplexity": self.base[1],
            "quantised_answer_perplexity": self.quantised[1],
            "candidate_answer_perplexity": None if self.candidate is None else self.candidate[1],
        }


def measure_base(job: Job, libraries: Libraries, precision: str) -> Quantised:
    """Measure the base as it is and quantised, one after the other, each in memory of its own.

    Raises `QuantisedTooFar` before anything is trained. The rows are the validation rows, or training rows where the
    release has none.
    """
    held_out = bool(job.validation)
    rows = [row for row in (job.validation or job.train)[:MOST_ROWS] if isinstance(row, TokenizedRow)]
    found = []
    for quantised in (False, True):
        model = load_weights(job.base, libraries, precision=precision, quantised=quantised)
        if not quantised and libraries.device != "cpu":
            model.to(libraries.device)
        found.append(perplexity(model, rows, libraries))
        del model
        gc.collect()
    measured = Quantised(rows, held_out, libraries, *found)
    findings = quantised_findings(
        measured.to_dict(),
        job.allowed.max_quantised_perplexity_ratio,
        f"datasets/{job.manifest.alias}/card.yaml",
    )
    if blocks(findings):
        raise QuantisedTooFar(findings)
    return measured


def perplexity(model: Any, rows: Sequence[TokenizedRow], libraries: Libraries) -> tuple[float, float]:
    """Of every token after the first, and of the answers' tokens alone."""
    torch = libraries.torch
    model.eval()
    losses = [0.0, 0.0]
    counts = [0, 0]
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row.input_ids], device=model.device)
            logits = model(ids).logits[0, :-1].float()
            each = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").double()
            trained = torch.tensor([label != IGNORE for label in row.labels[1:]], device=model.device)
            for index, chosen in enumerate((each, each[trained])):
                losses[index] += float(chosen.sum())
                counts[index] += chosen.numel()
    whole, answers = (math.exp(loss / max(count, 1)) for loss, count in zip(losses, counts, strict=True))
    return whole, answers
