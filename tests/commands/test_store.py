"""`liftgate store`, and stores over one another: answers travel as a file, and only their owner writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.responses import ResponseStore
from openai_server import OpenAIServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    golden = [{"id": f"g{n}", "input": f"word{n}", "expected": f"word{n}"} for n in range(5)]
    Path("golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))

    def call(*words: Any) -> tuple[int, str, str]:
        code = main([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def evaluate(url: str, *more: Any) -> list[Any]:
    words = ["evaluate", "--cases", "golden.jsonl", "--scorer", "exact_match", "--model", "m"]
    return [*words, "--endpoint", "openai", "--base-url", url, *more]


def test_an_exported_store_replays_elsewhere_without_a_key_or_a_request(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server.url, "--store", "base.sqlite", "--out", "live"))
        url = server.url
    assert run("store", "export", "answers.jsonl", "--store", "base.sqlite") == (
        0,
        "",
        "5 answers from base.sqlite → answers.jsonl\n",
    )
    code, out, err = run("store", "import", "answers.jsonl", "--store", "fork.sqlite", "--json")
    assert (code, err) == (0, "5 answers from answers.jsonl → fork.sqlite\n")
    assert json.loads(out) == {
        "schema_version": 1,
        "action": "import",
        "store": "fork.sqlite",
        "answers": 5,
        "damaged": 0,
    }
    # The server is gone, so an answer that were asked for would be an error.
    code, _, err = run(*evaluate(url, "--store", "fork.sqlite", "--out", "replay"))
    assert (code, "5 answers, 5 of them stored before" in err) == (0, True)


def test_a_key_is_missed_only_when_something_must_be_asked(run: Run, tmp_path: Path) -> None:
    from liftgate.evaluation.completion import Completion, Request, Sampling
    from liftgate.evaluation.endpoints import Settings, open_endpoint
    from liftgate.evaluation.responses import response_key

    endpoint = open_endpoint("openai", Settings("m", base_url="https://models.invalid/v1"))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        for n in range(5):
            request = Request([{"role": "user", "content": f"word{n}"}], None, Sampling())
            key = response_key("openai", endpoint.identity(), request, deterministic=False)
            store.put(key, Completion(f"word{n}"))
    words = evaluate("https://models.invalid/v1", "--store", "r.sqlite")
    assert run(*words, "--out", "out")[0] == 0
    code, _, err = run(*words, "--max-tokens", 3, "--out", "out")
    assert code == 2
    assert err.startswith("error: no key for models.invalid\n  hint: export OPENAI_API_KEY=...")


def test_a_tampered_export_is_refused_whole(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server.url, "--store", "base.sqlite", "--out", "live"))
    run("store", "export", "answers.jsonl", "--store", "base.sqlite")
    path = Path("answers.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"word3"', b'"wordX"'))
    code, _, err = run("store", "import", "answers.jsonl", "--store", "fork.sqlite")
    assert code == 2
    assert "the record is damaged" in err
    assert run("store", "verify", "--store", "fork.sqlite")[2] == "fork.sqlite: 0 answers whole\n"


def test_an_import_never_replaces_an_answer_that_is_whole(tmp_path: Path) -> None:
    from liftgate.evaluation.completion import Completion

    with ResponseStore(tmp_path / "a") as ours, ResponseStore(tmp_path / "b") as theirs:
        ours.put("k", Completion("ours"))
        theirs.put("k", Completion("theirs"))
        theirs.put("l", Completion("new"))
        theirs.export(tmp_path / "theirs.jsonl")
        assert ours.import_lines((tmp_path / "theirs.jsonl").read_bytes(), "theirs.jsonl") == 1
        assert {key: answer.text for key, answer in ours.get(["k", "l"]).items()} == {"k": "ours", "l": "new"}


def test_verify_names_a_damaged_answer_and_does_not_pass(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server.url, "--store", "base.sqlite", "--out", "live"))
    path = Path("base.sqlite")
    path.write_bytes(path.read_bytes().replace(b'"word3"', b'"wordX"'))
    code, _, err = run("store", "verify", "--store", "base.sqlite")
    assert code == 10
    assert err.splitlines()[0].startswith("warning: base.sqlite: the answer ")
    assert err.splitlines()[-1] == "base.sqlite: 4 answers whole, 1 damaged (left out)"
    assert run("store", "export", "left.jsonl", "--store", "base.sqlite")[0] == 10
    assert len(Path("left.jsonl").read_text().splitlines()) == 4


def test_a_shared_store_is_read_first_and_never_written(run: Run) -> None:
    with OpenAIServer() as server:
        run(*evaluate(server.url, "--only", "g1", "--only", "g2", "--store", "shared.sqlite", "--out", "a"))
        before = Path("shared.sqlite").read_bytes()
        words = evaluate(server.url, "--shared-store", "shared.sqlite", "--store", "own.sqlite")
        code, _, err = run(*words, "--out", "b")
        assert (code, "5 answers, 2 of them stored before" in err) == (0, True)
        assert server.count == 5
        assert run(*words, "--out", "c")[0] == 0
        assert server.count == 5
        code, _, err = run(
            *evaluate(server.url, "--shared-store", "shared.sqlite", "--no-store", "--out", "d")
        )
        assert server.count == 8
    assert Path("shared.sqlite").read_bytes() == before
    with ResponseStore(Path("own.sqlite")) as own:
        assert len(own) == 3


def test_a_store_in_a_folder_that_cannot_be_written_is_still_read(tmp_path: Path) -> None:
    from liftgate.evaluation.completion import Completion

    path = tmp_path / "shared" / "a b?%.sqlite"
    with ResponseStore(path) as store:
        store.put("k", Completion("x"))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with ResponseStore(path, read_only=True) as store:
            assert store.get(["k"]) == {"k": Completion("x")}
    finally:
        path.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "a.jsonl", "--store", "none.sqlite"], "none.sqlite: no such response store"),
        (["verify", "--store", "."], ". is a folder, not a response store"),
        (["import", "a.jsonl", "--store", "."], ". is a folder, not a response store"),
        (["export"], "liftgate store export needs a file"),
        (["verify", "a.jsonl"], "liftgate store verify takes no file"),
        (["import", "none.jsonl", "--store", "s.sqlite"], "none.jsonl: no such file of exported answers"),
        (["verify", "--store", "golden.jsonl"], "golden.jsonl is not a response store"),
    ],
)
def test_bad_input_is_one_clear_error(run: Run, words: list[str], said: str) -> None:
    code, _, err = run("store", *words)
    assert (code, err.startswith(f"error: {said}")) == (2, True)
