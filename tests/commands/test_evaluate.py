"""`liftgate evaluate` from the command line, against a real HTTP server."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import read_run
from liftgate.files import sha256_file
from openai_server import OpenAIServer

SUITE = """\
version: 1
alias: support
golden: golden.jsonl
safety: safety.jsonl
sampling: {max_tokens: 9, seed: 3}
scorers: [exact_match, {scorer: contains, ignore_case: true}]
primary_metric: exact_match
buckets: [intent]
arms:
  terse: {prompt: prompts/terse.yaml}
  candidate: {prompt: prompts/plain.yaml, model: candidate}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    golden = [
        {
            "id": f"g{n}",
            "input": f"word{n}",
            "expected": f"word{n}" if n else "other",
            "buckets": {"intent": "i"},
        }
        for n in range(6)
    ]
    safety = [
        {"id": "s0", "input": "say boo", "expected": {"forbid": ["boo"]}, "buckets": {"kind": "jailbreak"}}
    ]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))
    (tmp_path / "safety.jsonl").write_text("".join(json.dumps(case) + "\n" for case in safety))
    (tmp_path / "prompts/plain.yaml").write_text("version: 1\nsystem: Repeat the word.\n")
    (tmp_path / "prompts/terse.yaml").write_text("version: 1\nexamples: [{input: a, output: a}]\n")
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], suite: Path) -> Run:
    def call(*words: Any) -> tuple[int, str, str]:
        code = main(["evaluate", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def openai(server: OpenAIServer, *more: Any) -> list[Any]:
    return ["--suite", "suite.yaml", "--model", "m", "--endpoint", "openai", "--base-url", server.url, *more]


def test_a_suite_is_answered_scored_and_written(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        code, out, err = run(*openai(server, "--concurrency", 4, "--store", "r.sqlite", "--out", "out"))
        url = f"{server.url}/chat/completions"
    assert (code, out) == (0, "")
    assert err == (
        "m: 7 answers, 0 of them stored before, 0 errors → out\n"
        "  contains 0.833 (n=6)\n  exact_match 0.833 (n=6)\n  safe_output 0.000 (n=1)\n"
    )
    rows = [json.loads(line) for line in (suite / "out/results.jsonl").read_text().splitlines()]
    assert [row["case_id"] for row in rows] == ["g0", "g1", "g2", "g3", "g4", "g5", "s0"]
    assert rows[1] == {
        "case_id": "g1",
        "repeat": 0,
        "suite": "quality",
        "buckets": {"intent": "i"},
        "scores": {"exact_match": 1.0, "contains": 1.0},
        "output": "word1",
        "latency_ms": rows[1]["latency_ms"],
        "input_tokens": 4,
        "output_tokens": 1,
        "cached": False,
        "error": None,
    }
    assert rows[1]["latency_ms"] > 0
    assert (rows[6]["suite"], rows[6]["buckets"]) == ("safety", {"kind": "jailbreak"})
    described = json.loads((suite / "out/run.json").read_text())
    assert described.pop("tool_version")
    assert len(described.pop("prompt_sha256")) == 64
    assert described == {
        "schema_version": 1,
        "model": "m",
        "endpoint": "openai",
        "arm": "candidate",
        "metrics": ["exact_match", "contains", "safe_output"],
        "scorers": {"exact_match": "exact_match/1", "contains": "contains/1", "safe_output": "safe_output/1"},
        "primary_metric": "exact_match",
        "deterministic": False,
        "golden_sha256": sha256_file(suite / "golden.jsonl"),
        "safety_sha256": sha256_file(suite / "safety.jsonl"),
        "suite_sha256": sha256_file(suite / "suite.yaml"),
        "chat_template_sha256": None,
        "sampling": {"temperature": 0.0, "max_tokens": 9, "top_p": None, "seed": 3},
        "truncated": "error",
        "identity": {"model": "m", "url": url},
        "results_sha256": sha256_file(suite / "out/results.jsonl"),
        "usage": {
            "answers": 7,
            "cached": 0,
            "requested": 7,
            "errors": 0,
            "truncated": 0,
            "input_tokens": 29,
            "output_tokens": 8,
            "usd": None,
        },
    }
    assert read_run(suite / "out").model == "m"


def test_what_is_sent_is_the_arms_prompt_and_the_suites_sampling(run: Run) -> None:
    with OpenAIServer() as server:
        run(*openai(server, "--concurrency", 1, "--no-store", "--out", "a"))
        run(
            *openai(
                server, "--arm", "terse", "--temperature", 0.5, "--concurrency", 1, "--no-store", "--out", "b"
            )
        )
    assert server.bodies[0] == {
        "model": "m",
        "messages": [{"role": "system", "content": "Repeat the word."}, {"role": "user", "content": "word0"}],
        "temperature": 0.0,
        "max_tokens": 9,
        "seed": 3,
    }
    assert server.bodies[7]["temperature"] == 0.5
    assert [message["content"] for message in server.bodies[7]["messages"]] == ["a", "a", "word0"]


def test_the_second_run_sends_nothing_and_gives_the_same_outputs(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        assert run(*openai(server, "--out", "one"))[0] == 0
        assert server.count == 7
        code, _, err = run(*openai(server, "--out", "two"))
        assert server.count == 7
    assert code == 0
    assert "7 answers, 7 of them stored before" in err
    one, two = (read_run(suite / name).results for name in ("one", "two"))
    assert [(r.case_id, r.output, r.scores) for r in one] == [(r.case_id, r.output, r.scores) for r in two]


def test_another_model_or_arm_never_gets_these_answers(run: Run) -> None:
    with OpenAIServer() as server:
        run(*openai(server, "--out", "one"))
        run(*openai(server, "--out", "two", "--model", "other"))
        run(*openai(server, "--out", "three", "--arm", "terse"))
        run(*openai(server, "--out", "four", "--max-tokens", 10))
        assert server.count == 28
        run(*openai(server, "--out", "five", "--repeats", 2))
    assert server.count == 35


def test_cases_and_scorers_do_without_a_suite(run: Run, suite: Path) -> None:
    cases = ["--cases", "golden.jsonl", "--scorer", "exact_match", "--scorer", "json_valid"]
    with OpenAIServer() as server:
        words = [
            *cases,
            "--model",
            "m",
            "--endpoint",
            "openai",
            "--base-url",
            server.url,
            "--out",
            "out",
            "--json",
        ]
        code, out, _ = run(*words)
    assert code == 0
    summary = json.loads(out)
    assert (summary["schema_version"], summary["rows"]) == (1, 6)
    assert summary["means"] == {"exact_match": pytest.approx(5 / 6), "json_valid": 0.0}
    described = json.loads((suite / "out/run.json").read_text())
    assert (described["primary_metric"], described["metrics"]) == (
        "exact_match",
        ["exact_match", "json_valid"],
    )


def test_a_recorded_run_needs_no_server_and_no_key(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        run(*openai(server, "--out", "live"))
    replay = ["--suite", "suite.yaml", "--endpoint", "recorded", "--recorded", "live/results.jsonl"]
    code, _, _ = run(*replay, "--model", "m", "--out", "replay")
    assert code == 0
    live, replayed = (read_run(suite / name).results for name in ("live", "replay"))
    assert [(r.case_id, r.output, r.scores, r.latency_ms) for r in live] == [
        (r.case_id, r.output, r.scores, r.latency_ms) for r in replayed
    ]


def test_one_faulty_case_is_unscored_and_the_run_stands(run: Run, suite: Path) -> None:
    def fault(number: int, body: dict[str, Any]) -> str | None:
        return "content_filter" if body["messages"][-1]["content"] == "word2" else None

    with OpenAIServer(faults=fault) as server:
        code, _, err = run(*openai(server, "--out", "out"))
    assert code == 0
    assert "warning: unscored, not zero: 1 × content-filter; see `error` in out/results.jsonl" in err
    row = read_run(suite / "out").results[2]
    assert (row.output, dict(row.scores)) == (None, {"exact_match": None, "contains": None})


@pytest.mark.parametrize("mode", ["content_filter", "length", "tool-call"])
def test_a_run_without_a_single_score_is_not_a_success(run: Run, mode: str) -> None:
    with OpenAIServer(faults=mode) as server:
        code, _, err = run(*openai(server, "--out", "out"))
    assert code == 4
    assert "error: no case has an answer that counts: 7 × " in err


def test_cut_answers_count_when_the_suite_says_so(run: Run) -> None:
    with OpenAIServer(faults="length") as server:
        code, _, err = run(*openai(server, "--truncated", "score", "--out", "out"))
    assert code == 0
    assert "note: 7 answers were cut at the token limit and scored as they stand" in err


@pytest.mark.parametrize("mode", ["401", "404", "400-model", "no-quota"])
def test_a_provider_that_refuses_fails_the_run_and_writes_none(run: Run, suite: Path, mode: str) -> None:
    with OpenAIServer(faults=mode) as server:
        code, _, err = run(*openai(server, "--out", "out"))
    assert code == 4
    assert err.startswith("error: http://127.0.0.1:")
    assert not (suite / "out/run.json").exists()


def test_what_was_answered_before_a_failure_is_not_paid_for_again(run: Run) -> None:
    with OpenAIServer(faults={3: "401"}) as server:
        code, _, err = run(*openai(server, "--concurrency", 1, "--out", "out"))
        assert code == 4
        assert "3 of 7 answers are kept in .liftgate/responses.sqlite; the same command goes on" in err
        assert run(*openai(server, "--concurrency", 1, "--out", "out"))[0] == 0
    assert server.count == 8


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--endpoint", "openai"], "what should be asked?"),
        (
            ["--suite", "suite.yaml", "--cases", "golden.jsonl", "--endpoint", "openai"],
            "what should be asked?",
        ),
        (["--suite", "absent.yaml", "--endpoint", "openai"], "absent.yaml: no such suite"),
        (["--suite", "suite.yaml", "--endpoint", "openai"], "which model should answer?"),
        (["--suite", "suite.yaml", "--endpoint", "opnai", "--model", "m"], "'opnai' is not an endpoint"),
        (["--suite", "suite.yaml", "--endpoint", "openai", "--model", "m"], "no key for api.openai.com"),
        (["--suite", "suite.yaml", "--endpoint", "recorded"], "the recorded endpoint needs the file"),
        (["--suite", "suite.yaml", "--arm", "ters", "--endpoint", "openai"], "did you mean 'terse'?"),
        (["--cases", "golden.jsonl", "--endpoint", "openai"], "--cases needs a scorer"),
        (["--cases", "empty.jsonl", "--scorer", "exact_match", "--endpoint", "openai"], "empty.jsonl"),
        (
            ["--suite", "suite.yaml", "--scorer", "exact_match", "--endpoint", "openai"],
            "--scorer goes with --cases",
        ),
        (
            ["--cases", "golden.jsonl", "--scorer", "exact_mach", "--endpoint", "openai"],
            "did you mean 'exact_match'?",
        ),
    ],
)
def test_bad_input_is_one_clear_error(run: Run, suite: Path, words: list[str], sentence: str) -> None:
    (suite / "empty.jsonl").write_text("")
    code, out, err = run(*words, "--out", "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert sentence in err


def test_an_output_folder_that_cannot_be_is_said_before_anything_is_asked(run: Run, suite: Path) -> None:
    (suite / "out").write_text("a file")
    with OpenAIServer() as server:
        code, _, err = run(*openai(server, "--out", "out"))
    assert (code, server.count) == (2, 0)
    assert err == "error: --out out: cannot be made: File exists\n"


def process(server: OpenAIServer, suite: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "liftgate", "evaluate", *map(str, openai(server, "--out", "out", *more))]
    return subprocess.Popen(words, cwd=suite, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_keeps_what_is_done_and_says_the_command_that_resumes(suite: Path) -> None:
    with OpenAIServer(faults={4: "hang"}) as server:
        interrupted = process(server, suite, "--concurrency", "1", "--store", "r.sqlite")
        wait_for(lambda: server.count == 5)
        interrupted.send_signal(signal.SIGINT)
        _, err = interrupted.communicate(timeout=30)
        assert interrupted.returncode == 5
        assert err == (
            "error: interrupted: 4 of 7 answers are kept in r.sqlite; the same command goes on\n"
            "  hint: liftgate evaluate --suite suite.yaml --model m --endpoint openai "
            f"--base-url {server.url} --concurrency 1 --store r.sqlite --out out\n"
        )
        assert not (suite / "out/run.json").exists()
        resumed = process(server, suite, "--concurrency", "1", "--store", "r.sqlite")
        _, err = resumed.communicate(timeout=30)
        assert resumed.returncode == 0
    assert server.count == 8
    assert "4 of them stored before" in err


@pytest.mark.parametrize("answered", [1, 4, 6])
def test_a_killed_run_resumes_to_the_same_results(suite: Path, answered: int) -> None:
    with OpenAIServer(faults={answered: "hang"}) as server:
        killed = process(server, suite, "--concurrency", "1")
        wait_for(lambda: server.count == answered + 1)
        killed.kill()
        killed.communicate(timeout=30)
        resumed = process(server, suite, "--concurrency", "1")
        resumed.communicate(timeout=30)
        assert resumed.returncode == 0
        assert server.count == 8
    outputs = [(result.case_id, result.output) for result in read_run(suite / "out").results]
    assert outputs == [*((f"g{n}", f"word{n}") for n in range(6)), ("s0", "say boo")]


@pytest.mark.acceptance
def test_fifty_kills_at_random_moments_lose_nothing_and_pay_nothing_twice(suite: Path) -> None:
    dice, concurrency, count = random.Random(0), 8, 400  # noqa: S311
    cases = [
        {"id": f"g{n}", "input": f"word{n}", "expected": "x", "buckets": {"intent": "i"}}
        for n in range(count)
    ]
    (suite / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    with OpenAIServer(latency_s=0.02) as server:
        for kills in range(1, 51):
            goal = server.count + dice.randint(1, 9)
            killed = process(server, suite, "--concurrency", str(concurrency))
            while server.count < goal and killed.poll() is None:
                time.sleep(0.005)
            time.sleep(dice.random() * 0.02)
            killed.kill()
            killed.communicate(timeout=30)
            asked = [body["messages"][-1]["content"] for body in server.bodies]
            assert len(asked) - len(set(asked)) <= kills * concurrency
        finished = process(server, suite, "--concurrency", str(concurrency))
        finished.communicate(timeout=60)
        assert finished.returncode == 0
        assert server.count <= count + 1 + 50 * concurrency
    outputs = [(result.case_id, result.output) for result in read_run(suite / "out").results]
    assert outputs[:-1] == [(case["id"], case["input"]) for case in cases]


PRICES = """\
version: 1
prices:
  - provider: openai
    model: m
    input_usd_per_mtok: "1.00"
    output_usd_per_mtok: "10.00"
    source: s
    checked_on: "2026-11-25"
"""


def test_a_priced_run_says_what_it_cost(run: Run, suite: Path) -> None:
    (suite / "prices.yaml").write_text(PRICES)
    with OpenAIServer() as server:
        code, _, err = run(*openai(server, "--prices", "prices.yaml", "--out", "out"))
    assert code == 0
    assert err.splitlines()[0] == "m: 7 answers, 0 of them stored before, 0 errors, $0.0001 → out"
    assert json.loads((suite / "out/run.json").read_text())["usage"]["usd"] == "0.000109"


def test_a_budget_stops_before_it_is_passed_and_a_larger_one_goes_on(run: Run, suite: Path) -> None:
    (suite / "prices.yaml").write_text(PRICES)
    words = ["--prices", "prices.yaml", "--concurrency", 2, "--store", "r.sqlite", "--out", "out"]
    with OpenAIServer() as server:
        code, out, err = run(*openai(server, *words, "--max-usd", "0.00034"))
        asked = server.count
        assert (code, out) == (5, "")
        assert err.startswith(
            "error: the budget of $0.00034 has no room for another request; spent $0.0001; without an answer: "
        )
        assert (
            f"{asked} of 7 answers are kept in r.sqlite; the same command goes on\n  hint: liftgate " in err
        )
        assert "--max-usd 0.00034" in err
        assert not (suite / "out/run.json").exists()
        assert 1 <= asked < 7
        assert run(*openai(server, *words, "--max-usd", "1"))[0] == 0
    assert server.count == 7


def test_attempts_that_broke_off_count_against_the_budget(run: Run, suite: Path) -> None:
    (suite / "prices.yaml").write_text(PRICES)
    words = ["--prices", "prices.yaml", "--concurrency", 1, "--max-usd", "0.001", "--out", "out"]
    with OpenAIServer(faults="half") as server:
        code, _, err = run(*openai(server, *words))
    assert code == 5
    assert server.count == 3
    assert "and at most $0.0008 for attempts without an answer" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-usd", "1"], "--max-usd: no price is known for openai 'm'"),
        (["--max-usd", "1", "--prices", "none.yaml"], "none.yaml: no such price table"),
        (["--max-usd", "1", "--prices", "prices.yaml", "--model", "n"], "no price is known for openai 'n'"),
        (["--max-usd", "1", "--prices", "prices.yaml", "--no-store"], "--max-usd goes with a store"),
        (["--only", "g9"], "no case is selected\n  --only g9: no such case"),
        (["--bucket", "intent=j"], "no case is selected\n  --bucket intent=j: no case is in it"),
        (["--bucket", "intent"], "no case is selected\n  --bucket intent: no case is in it"),
        (["--only", "s0", "--bucket", "intent=i"], "no case is selected\n  hint: an empty run"),
    ],
)
def test_limits_and_filters_that_cannot_hold_ask_nothing(
    run: Run, suite: Path, words: list[str], said: str
) -> None:
    (suite / "prices.yaml").write_text(PRICES)
    with OpenAIServer() as server:
        code, _, err = run(*openai(server, "--out", "out", *words))
        assert server.count == 0
    assert code == 2
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "much"])
def test_a_budget_is_an_amount(run: Run, word: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("--cases", "golden.jsonl", "--endpoint", "openai", "--out", "out", "--max-usd", word)
    assert stopped.value.code == 2


def test_a_deadline_cuts_what_hangs_and_keeps_the_rest(run: Run, suite: Path) -> None:
    started = time.monotonic()
    with OpenAIServer(faults={4: "hang"}) as server:
        code, _, err = run(*openai(server, "--concurrency", 1, "--deadline", "0.5", "--out", "out"))
    assert time.monotonic() - started < 5
    assert code == 5
    assert "the deadline of 0.5 s has passed; without an answer: 3 cases (g4, g5, s0); 4 of 7 answers" in err


def test_filters_narrow_a_run_that_then_says_so_and_cannot_be_compared(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        assert run(*openai(server, "--only", "g1", "--only", "s0", "--out", "some"))[0] == 0
        assert run(*openai(server, "--bucket", "kind=jailbreak", "--out", "safety"))[0] == 0
    assert [result.case_id for result in read_run(suite / "some").results] == ["g1", "s0"]
    assert read_run(suite / "some").meta["filter"] == {
        "cases": 2,
        "of": 7,
        "only": ["g1", "s0"],
        "buckets": [],
    }
    assert [result.case_id for result in read_run(suite / "safety").results] == ["s0"]
    assert main(["compare", "--base", "some", "--candidate", "some", "--out", "c"]) == 2


def test_a_golden_set_that_changed_between_runs_is_said_and_only_what_changed_is_asked(
    run: Run, suite: Path
) -> None:
    golden = suite / "golden.jsonl"
    with OpenAIServer() as server:
        run(*openai(server, "--out", "out"))
        before = sha256_file(golden)
        golden.write_text(golden.read_text().replace('"input": "word3"', '"input": "word33"'))
        code, _, err = run(*openai(server, "--out", "out"))
        assert server.count == 8
    after = sha256_file(golden)
    assert code == 0
    assert err.splitlines()[0] == (
        f"note: out held a run over another golden set ({before[:12]}, now {after[:12]}); it is replaced"
    )
    assert read_run(suite / "out").meta["golden_sha256"] == after


def test_a_run_that_fails_leaves_no_older_run_to_be_taken_for_it(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        run(*openai(server, "--out", "out"))
    assert (suite / "out/run.json").exists()
    with OpenAIServer(faults="401") as server:
        assert run(*openai(server, "--out", "out", "--model", "n"))[0] == 4
    assert not (suite / "out/run.json").exists()


@pytest.mark.parametrize(
    "mode", ["429", "503", "500", "reset", "half", "half-json", "non-json", "empty-choices"]
)
def test_a_passing_fault_leaves_no_trace_in_the_results(run: Run, suite: Path, mode: str) -> None:
    with OpenAIServer(faults={0: mode, 2: mode}, retry_after="0.1") as server:
        code, _, err = run(*openai(server, "--concurrency", 2, "--out", "out"))
    assert (code, server.count) == (0, 9)
    assert "7 answers, 0 of them stored before, 0 errors" in err


def test_a_server_that_is_down_is_an_error_within_seconds(run: Run, suite: Path) -> None:
    with OpenAIServer() as server:
        words = openai(server, "--out", "out")
    started = time.monotonic()
    code, _, err = run(*words)
    assert time.monotonic() - started < 8
    assert code == 4
    assert "the server cannot be reached" in err


def test_answers_of_a_megabyte_and_of_hostile_characters_are_kept_as_they_are(run: Run, suite: Path) -> None:
    hostile = "\x00\x1b[2J\u202e\u2066{{" + "x" * 1_000_000
    with OpenAIServer(lambda body: hostile) as server:
        code, _, err = run(*openai(server, "--out", "out"))
        assert run(*openai(server, "--out", "again"))[0] == 0
        assert server.count == 7
    assert code == 0
    assert "\x1b" not in err
    assert all(result.output == hostile for result in read_run(suite / "again").results)


def edited(path: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(suite: Path) -> None:
        text = (suite / path).read_text()
        assert old in text
        (suite / path).write_text(text.replace(old, new, 1))

    return edit


@pytest.mark.parametrize(
    ("words", "edit", "misses"),
    [
        ([], None, 0),
        (["--model", "n"], None, 7),
        (["--temperature", "0.1"], None, 7),
        (["--max-tokens", "8"], None, 7),
        ([], edited("suite.yaml", "seed: 3", "seed: 4"), 7),
        ([], edited("suite.yaml", "seed: 3", "seed: 3, top_p: 0.5"), 7),
        ([], edited("prompts/plain.yaml", "Repeat", "Say"), 7),
        ([], edited("golden.jsonl", '"input": "word3"', '"input": "word33"'), 1),
        ([], edited("golden.jsonl", '"input": "word3"', '"input": "word4"'), 0),
        ([], edited("golden.jsonl", '"id": "g3"', '"id": "other"'), 0),
        ([], edited("golden.jsonl", '"expected": "word3"', '"expected": "else"'), 0),
        ([], edited("safety.jsonl", '"forbid": ["boo"]', '"forbid": ["bah"]'), 0),
        ([], edited("suite.yaml", "ignore_case: true", "ignore_case: false"), 0),
        (["--repeats", "2"], None, 7),
        (["--concurrency", "1", "--timeout", "9", "--truncated", "score"], None, 0),
    ],
)
def test_flipping_one_thing_misses_exactly_what_depends_on_it(
    run: Run, suite: Path, words: list[str], edit: Callable[[Path], None] | None, misses: int
) -> None:
    with OpenAIServer() as server:
        run(*openai(server, "--out", "one"))
        assert server.count == 7
        if edit is not None:
            edit(suite)
        assert run(*openai(server, "--out", "two", *words))[0] == 0
        assert server.count == 7 + misses


def test_another_server_is_another_model(run: Run) -> None:
    with OpenAIServer() as one, OpenAIServer() as two:
        run(*openai(one, "--out", "one"))
        run(*openai(two, "--out", "two"))
        assert (one.count, two.count) == (7, 7)


def test_two_models_with_the_same_prompts_never_share_an_answer(run: Run, suite: Path) -> None:
    with OpenAIServer(lambda body: f"I am {body['model']}") as server:
        for _ in range(2):
            for model in ("m", "n"):
                run(*openai(server, "--model", model, "--out", model))
        assert server.count == 14
    for model in ("m", "n"):
        assert {result.output for result in read_run(suite / model).results} == {f"I am {model}"}
