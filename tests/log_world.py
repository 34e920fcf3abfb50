"""Request logs made from a seed: clean ones, and ones with an incident of one kind."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from pathlib import Path

NOW = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)
MODELS = """\
version: 1
models:
  support:
    default: {model_id: plain-model, provider: openai}
    variants:
      v1.1.0:
        model_id: ft:plain-model:acme:support:a1
        provider: openai
        dataset: {version: 1.1.0}
        flag: support-v1-1-0
        rollout_percent: 25
        on_call: support-oncall
        evaluated_at: "2026-11-20T09:00:00Z"
  billing:
    default: {model_id: billing-model, provider: openai}
"""
INCIDENTS = ("unknown-model", "error-rate", "score-drop", "slow-answers", "silent")
_TUNED = "ft:plain-model:acme:support:a1"


def lines(rows: int, seed: int, incident: str | None = None, *, days: int = 35) -> Iterator[bytes]:
    """A log of `rows` requests over the days before NOW, in order, a quarter of `support` to the tuned model.

    Every hour has a load, an error rate and a speed of its own, which all models share.
    """
    chance = random.Random(seed)  # noqa: S311
    start = NOW - datetime.timedelta(days=days)
    per_hour = rows / (days * 24)
    bad_from = NOW - datetime.timedelta(hours=30)
    number = 0
    for hour in range(days * 24):
        began = start + datetime.timedelta(hours=hour)
        busy = per_hour * (1 + 0.6 * ((hour % 24) / 23 - 0.5))
        slow = 180 * (1 + 0.2 * chance.random())
        failing = 0.005 + 0.01 * chance.random()
        good = 0.9 + 0.02 * chance.random()
        count = int(busy) + (chance.random() < busy % 1)
        for second in sorted(chance.random() * 3600 for _ in range(count)):
            at = began + datetime.timedelta(seconds=second)
            if at >= NOW:
                return
            number += 1
            alias = "support" if chance.random() < 0.7 else "billing"
            tuned = alias == "support" and chance.random() < 0.25
            model = _TUNED if tuned else "plain-model" if alias == "support" else "billing-model"
            variant = "v1.1.0" if tuned else "default"
            wrong = tuned and at >= bad_from and at < bad_from + datetime.timedelta(hours=3)
            late = tuned and at >= NOW - datetime.timedelta(days=3)
            if incident == "unknown-model" and wrong and chance.random() < 0.1:
                model = "ft:plain-model:acme:support:zz"
            if incident == "silent" and tuned and at >= NOW - datetime.timedelta(days=7.5):
                continue
            error = chance.random() < (0.2 if incident == "error-rate" and wrong else failing)
            latency = (
                slow * chance.lognormvariate(0, 0.35) * (2.2 if incident == "slow-answers" and late else 1)
            )
            score = ""
            if chance.random() < 0.05:
                mean = good - (0.25 if incident == "score-drop" and late else 0)
                score = f',"scores":{{"faithfulness":{min(1.0, max(0.0, chance.gauss(mean, 0.08))):.3f}}}'
            said = "error" if error else "ok"
            yield (
                f'{{"at":"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z","id":"req-{number}",'
                f'"alias":"{alias}","variant":"{variant}","model":"{model}","status":"{said}",'
                f'"latency_ms":{latency:.1f},"input_tokens":412,"output_tokens":57{score}}}\n'
            ).encode()


def write(path: Path, rows: int, seed: int, incident: str | None = None) -> Path:
    """The same as a file."""
    with path.open("wb") as handle:
        handle.writelines(lines(rows, seed, incident))
    return path
