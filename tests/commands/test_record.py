"""`liftgate record`: what a model said stays, when the model and its server are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import read_run
from liftgate.files import sha256_file
from openai_server import OpenAIServer

Run = Callable[..., tuple[int, str, str]]
CASES = ["--cases", "golden.jsonl", "--scorer", "exact_match", "--max-tokens", "9"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    golden = [{"id": f"g{n}", "input": f"word{n}", "expected": f"word{n}"} for n in range(5)]
    Path("golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))

    def call(*words: Any) -> tuple[int, str, str]:
        code = main([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def record(server: OpenAIServer, *more: Any) -> list[Any]:
    words = ["record", *CASES, "--model", "m", "--endpoint", "openai", "--base-url", server.url]
    return [*words, "--out", "golden-m", *more]


def replay(*more: Any) -> list[Any]:
    words = ["evaluate", *CASES, "--model", "m", "--endpoint", "recorded", "--recorded", "golden-m"]
    return [*words, "--out", "replay", *more]


def test_a_recording_replays_what_the_model_said_without_it(run: Run) -> None:
    with OpenAIServer() as server:
        url = f"{server.url}/chat/completions"
        code, out, err = run(*record(server, "--repeats", 2, "--shutdown", "2026-12-01", "--json"))
    assert code == 0
    manifest = json.loads(Path("golden-m/manifest.json").read_text())
    assert json.loads(out) == manifest
    assert err == (
        "m: 10 rows → golden-m\n"
        f"  sha256 {sha256_file(Path('golden-m/answers.jsonl'))}\n"
        "  replay: liftgate evaluate --endpoint recorded --recorded golden-m ...\n"
    )
    assert len(manifest.pop("recorded_on")) == 10
    assert len(manifest.pop("prompt_sha256")) == 64
    assert manifest.pop("tool_version")
    assert manifest == {
        "schema_version": 1,
        "model": "m",
        "endpoint": "openai",
        "identity": {"model": "m", "url": url},
        "arm": "default",
        "golden_sha256": sha256_file(Path("golden.jsonl")),
        "safety_sha256": None,
        "suite_sha256": None,
        "sampling": {"temperature": 0.0, "max_tokens": 9, "top_p": None, "seed": None},
        "shutdown_on": "2026-12-01",
        "rows": 10,
        "missing": [],
        "answers_sha256": sha256_file(Path("golden-m/answers.jsonl")),
    }
    assert run(*replay("--repeats", 2))[0] == 0
    assert [(r.case_id, r.output) for r in read_run(Path("replay")).results] == [
        (f"g{n}", f"word{n}") for n in range(5) for _ in range(2)
    ]


def test_a_part_is_refused_and_the_next_run_asks_only_for_what_is_missing(run: Run) -> None:
    with OpenAIServer(faults={2: "content_filter"}) as server:
        code, _, err = run(*record(server, "--concurrency", 1))
        assert code == 4
        assert "error: 1 of 5 answers are missing, so nothing was recorded: 1 × content-filter" in err
        assert not Path("golden-m/manifest.json").exists()
        assert run(*record(server, "--concurrency", 1))[0] == 0
        assert server.count == 6


def test_a_part_may_be_allowed_and_completed_later(run: Run) -> None:
    with OpenAIServer(faults={2: "content_filter"}) as server:
        code, _, err = run(*record(server, "--concurrency", 1, "--allow-partial"))
        assert (code, "m: 5 rows, 1 cases without an answer → golden-m" in err) == (0, True)
        assert json.loads(Path("golden-m/manifest.json").read_text())["missing"] == ["g2"]
        code, _, err = run(*replay())
        assert (code, "unscored, not zero: 1 × content-filter" in err) == (0, True)
        code, _, err = run(*record(server, "--max-tokens", 8))
        assert code == 2
        assert "golden-m holds a part of another recording: sampling differ" in err
        assert run(*record(server))[0] == 0
    assert json.loads(Path("golden-m/manifest.json").read_text())["missing"] == []


def test_nothing_at_all_is_never_recorded(run: Run) -> None:
    with OpenAIServer(faults="content_filter") as server:
        code, _, err = run(*record(server, "--allow-partial"))
    assert (code, "5 of 5 answers are missing" in err) == (4, True)
    assert not Path("golden-m/manifest.json").exists()


def test_a_recording_is_never_replaced(run: Run) -> None:
    with OpenAIServer() as server:
        run(*record(server))
        code, _, err = run(*record(server))
        assert server.count == 5
    assert code == 2
    assert err.startswith("error: golden-m is a recording of m from ")


def test_an_answer_is_never_served_to_another_prompt(run: Run) -> None:
    with OpenAIServer() as server:
        run(*record(server))
    golden = Path("golden.jsonl")
    golden.write_text(golden.read_text().replace('"input": "word3"', '"input": "word33"'))
    code, _, err = run(*replay())
    assert (code, "unscored, not zero: 1 × recorded-otherwise" in err) == (0, True)
    assert run(*replay("--temperature", 1))[0] == 4


def test_an_edited_recording_is_refused(run: Run) -> None:
    with OpenAIServer() as server:
        run(*record(server))
    answers = Path("golden-m/answers.jsonl")
    answers.write_text(answers.read_text().replace('"word3"', '"wordX"'))
    code, _, err = run(*replay())
    assert code == 2
    assert "golden-m/answers.jsonl is not the file that manifest.json describes" in err


def test_a_folder_that_is_no_recording_is_one_clear_error(run: Run) -> None:
    Path("golden-m").mkdir()
    code, _, err = run(*replay())
    assert (code, err.startswith("error: golden-m/manifest.json: no such file")) == (2, True)


def test_recording_a_recording_is_refused(run: Run) -> None:
    with OpenAIServer() as server:
        run(*record(server))
    words = ["record", *CASES, "--endpoint", "recorded", "--recorded", "golden-m", "--out", "again"]
    assert run(*words)[0] == 2
