"""An incident of each kind in a long log is found, and ten clean logs say nothing."""

from __future__ import annotations

import datetime
import itertools

import orjson
import pytest

from liftgate.registry.models import read_models
from liftgate.rollout_policy import WatchPolicy
from liftgate.watch.owners import Owners
from liftgate.watch.requests import request_findings
from liftgate.watch.tally import Tallies
from log_world import MODELS, NOW, lines

pytestmark = pytest.mark.acceptance
REGISTRY, POLICY = read_models(MODELS), WatchPolicy()
EXPECTED = {
    "unknown-model": ("support/requests", "unknown-model"),
    "error-rate": ("support/v1.1.0/requests", "error-rate"),
    "score-drop": ("support/v1.1.0/requests", "score-drop"),
    "slow-answers": ("support/v1.1.0/requests", "slow-answers"),
    "silent": ("support/v1.1.0/requests", "no-requests"),
}


def said(rows: int, seed: int, incident: str | None, days: int) -> list[tuple[str, str]]:
    tallies = Tallies.until(Owners(REGISTRY), NOW + datetime.timedelta(hours=1), POLICY)
    stream = lines(rows, seed, incident, days=days)
    while block := list(itertools.islice(stream, 300)):
        tallies.add([orjson.loads(line) for line in block], "log", 1)
    tallies.finish()
    found = request_findings(REGISTRY, tallies, POLICY)
    return [(subject, finding.rule) for subject, findings in found.items() for finding in findings]


@pytest.mark.parametrize("incident", EXPECTED)
def test_an_incident_of_each_kind_is_found_and_nothing_else(incident: str) -> None:
    # An error rate needs fifty requests in fifteen minutes; the others show in less.
    rows = 400_000 if incident == "error-rate" else 100_000
    assert said(rows, 7, incident, days=11) == [EXPECTED[incident]]


def test_ten_clean_logs_say_nothing() -> None:
    assert [said(100_000, seed, None, days=11) for seed in range(10)] == [[]] * 10
