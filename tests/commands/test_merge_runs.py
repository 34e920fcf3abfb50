"""`evaluate --shard` and `merge-runs`: many machines, one run, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from openai_server import OpenAIServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    # Every seventh case repeats a prompt: its answer is asked for once, whatever the number of shards.
    golden = [{"id": f"g{n}", "input": f"word{n - (n % 7 == 6)}", "expected": "word1"} for n in range(50)]
    write(tmp_path / "golden.jsonl", golden)

    def call(*words: Any) -> tuple[int, str, str]:
        code = main([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def evaluate(server: OpenAIServer, *more: Any) -> list[Any]:
    words = ["evaluate", "--cases", "golden.jsonl", "--scorer", "exact_match", "--model", "m"]
    return [*words, "--endpoint", "openai", "--base-url", server.url, "--repeats", 2, *more]


def content(folder: str) -> tuple[bytes, bytes]:
    return Path(folder, "run.json").read_bytes(), Path(folder, "results.jsonl").read_bytes()


@pytest.mark.parametrize("of", [1, 2, 4, 7])
def test_merged_shards_equal_the_unsharded_run_to_the_byte(run: Run, of: int) -> None:
    with OpenAIServer() as server:
        assert run(*evaluate(server, "--store", "paid.sqlite", "--out", "first"))[0] == 0
        paid = server.count
        assert run(*evaluate(server, "--store", "paid.sqlite", "--out", "whole"))[0] == 0
        for number in range(1, of + 1):
            words = ["--store", "paid.sqlite", "--shard", f"{number}/{of}", "--out", f"s{number}"]
            assert run(*evaluate(server, *words))[0] == 0
        assert server.count == paid == 86
    folders = [f"s{number}" for number in range(of, 0, -1)]
    code, out, err = run("merge-runs", *folders, "--out", "merged", "--json")
    assert (code, err) == (0, f"{of} shard{'s' * (of > 1)}, 100 rows → merged\n")
    assert json.loads(out)["rows"] == 100
    assert content("merged") == content("whole")


def test_fresh_shards_ask_what_one_machine_asks_and_differ_in_nothing_but_time(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server, "--store", "whole.sqlite", "--out", "whole"))
        asked = server.count
        for number in range(1, 5):
            own = f"{number}.sqlite"
            run(*evaluate(server, "--store", own, "--shard", f"{number}/4", "--out", f"s{number}"))
        assert server.count == 2 * asked
    assert run("merge-runs", "s1", "s2", "s3", "s4", "--out", "merged")[0] == 0
    rows = [[json.loads(line) for line in content(name)[1].splitlines()] for name in ("merged", "whole")]
    described = [json.loads(content(name)[0]) for name in ("merged", "whole")]
    for each in (*rows[0], *rows[1]):
        assert each.pop("latency_ms") > 0
    for about in described:
        about.pop("results_sha256")
    assert rows[0] == rows[1]
    assert described[0] == described[1]
    assert run("compare", "--base", "whole", "--candidate", "merged", "--out", "c")[0] in {10, 11}


def test_a_shard_is_not_a_run_that_can_be_compared(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server, "--shard", "1/4", "--out", "s1"))
        run(*evaluate(server, "--out", "whole"))
    code, _, err = run("compare", "--base", "whole", "--candidate", "s1", "--out", "c")
    assert code == 2
    assert err == (
        "error: only whole runs can be compared\n"
        "  run.json of the candidate: shard 1/4 of a run\n"
        "  hint: join shards with `liftgate merge-runs`; evaluate without --only and --bucket\n"
    )


def test_shards_of_another_model_a_missing_or_an_edited_one_are_refused(run: Run) -> None:
    with OpenAIServer() as server:
        for number in (1, 2):
            run(*evaluate(server, "--shard", f"{number}/2", "--out", f"s{number}"))
        run(*evaluate(server, "--shard", "2/2", "--out", "other", "--model", "n"))
    code, _, err = run("merge-runs", "s1", "--out", "merged")
    assert (code, "shards: missing: 2/2" in err) == (2, True)
    code, _, err = run("merge-runs", "s1", "other", "--out", "merged")
    assert code == 2
    assert "  other: model is 'n', in s1 'm'\n" in err
    code, _, err = run("merge-runs", "s1", "s2", "--out", "s1")
    assert (code, "is one of the shards" in err) == (2, True)
    results = Path("s2/results.jsonl")
    results.write_bytes(results.read_bytes().replace(b"1.0", b"0.0"))
    code, _, err = run("merge-runs", "s1", "s2", "--out", "merged")
    assert (code, "is not the file that run.json describes" in err) == (2, True)
    assert not Path("merged").exists()


def test_more_shards_than_requests_are_refused_before_anything_is_asked(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "golden.jsonl", [{"id": "a", "input": "q", "expected": "x"}])
    with OpenAIServer() as server:
        code, _, err = run(*evaluate(server, "--repeats", 1, "--shard", "2/2", "--out", "s2"))
        assert server.count == 0
    assert code == 2
    assert err == (
        "error: shard 2/2 holds no case: there are 1 different requests\n  hint: use at most 1 shards\n"
    )
