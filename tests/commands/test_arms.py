"""The arms of a suite: base and candidate behind HTTP are asked in turn, and their answers are timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from liftgate.commands.arms import Answering
from liftgate.evaluation.endpoints import Settings, open_endpoint
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.suite_folder import read_suite
from liftgate.policy import Policy
from liftgate.verdict.comparison import compare
from openai_server import OpenAIServer

SUITE = """\
version: 1
alias: a
golden: golden.jsonl
scorers: [exact_match]
primary_metric: exact_match
arms: {candidate: {model: candidate}}
"""


def answering(folder: Path, store: ResponseStore) -> Any:
    golden = [{"id": f"g{n:02}", "input": f"word{n}", "expected": f"word{n}"} for n in range(30)]
    (folder / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))
    (folder / "suite.yaml").write_text(SUITE)
    nobody: Any = None
    return Answering(read_suite(folder / "suite.yaml"), nobody, nobody, store, Policy(), "again")


def test_base_and_candidate_meet_the_same_weather(tmp_path: Path) -> None:
    names = {"default": "slow", "candidate": "tuned"}
    with OpenAIServer(latency_s=0.002) as server, ResponseStore(tmp_path / "r.sqlite") as store:
        asked = answering(tmp_path, store)
        endpoints = {
            role: open_endpoint("openai", Settings(name, base_url=server.url, concurrency=1))
            for role, name in names.items()
        }
        runs = asked.in_turn(endpoints, names)
        models = [str(body["model"]) for body in server.bodies]
        assert models[:8] == ["slow", "tuned", "tuned", "slow", "slow", "tuned", "tuned", "slow"]
        assert {name: run.model for name, run in runs.items()} == {"base": "slow", "candidate": "tuned"}
        latency = compare(runs["base"], runs["candidate"], Policy()).latency
        assert latency is not None
        assert latency.cases == 30
        # Paid for once: the second time nothing is asked, and nothing is timed.
        again = asked.in_turn(endpoints, names)
        assert server.count == 60
    assert compare(again["base"], again["candidate"], Policy()).latency is None


def test_models_that_do_not_share_a_stream_are_asked_one_after_the_other(tmp_path: Path) -> None:
    class Local:
        kind = "local"

    with OpenAIServer() as server, ResponseStore(tmp_path / "r.sqlite") as store:
        asked = answering(tmp_path, store)
        http: Any = open_endpoint("openai", Settings("m", base_url=server.url))
        local: Any = Local()
        names = {"default": "m", "candidate": "tuned"}
        assert asked.in_turn({"default": http, "candidate": local}, names) == {}
        assert asked.in_turn({"default": local, "candidate": local}, names) == {}
        assert server.count == 0
