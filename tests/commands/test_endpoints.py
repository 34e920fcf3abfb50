"""The endpoints that a suite describes, from the command line: bedrock, python, and answers by the batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.commands.asking.answerers import endpoint_of
from liftgate.evaluation.completion import Request, Sampling
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.run_folder import read_run
from liftgate.registry.models import Model
from openai_server import OpenAIServer
from toy_project import git, make_project

SUITE = """\
version: 1
alias: support
golden: golden.jsonl
sampling: {max_tokens: 9}
scorers: [exact_match]
endpoints:
  rag: {kind: python, file: agents/rag.py, files: [agents/words.json], deterministic: true}
  nova: {kind: bedrock, region: eu-central-1}
arms:
  rag: {endpoint: rag}
  candidate: {}
"""
AGENT = """\
import json
from pathlib import Path

WORDS = json.loads((Path(__file__).parent / "words.json").read_text())

def answer(messages, tools, sampling):
    print("thinking about", messages)
    return {"text": WORDS[messages[-1]["content"]], "input_tokens": 3, "output_tokens": 1}
"""
PRICES = """\
version: 1
prices:
  - {provider: openai, model: m, input_usd_per_mtok: "1000", output_usd_per_mtok: "1000", batch_ratio: 0.5,
     source: test, checked_on: "2026-11-25"}
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "rag.py").write_text(AGENT)
    (tmp_path / "agents" / "words.json").write_text(json.dumps({f"word{n}": f"word{n}" for n in range(4)}))
    cases = [{"id": f"g{n}", "input": f"word{n}", "expected": f"word{n}"} for n in range(4)]
    (tmp_path / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "prices.yaml").write_text(PRICES)
    return tmp_path


def evaluate(*words: str) -> int:
    return main(["evaluate", "--suite", "suite.yaml", "--store", "r.sqlite", *words])


@pytest.mark.parametrize("named", ["rag", "python"])
def test_a_function_of_the_suite_answers_and_is_not_asked_twice(
    suite: Path, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--arm", "rag", "--endpoint", named, "--out", "out") == 0
    run = read_run(suite / "out")
    assert (run.model, run.meta["endpoint"], run.meta["arm"]) == ("agents/rag.py:answer", "python", "rag")
    assert [row["scores"]["exact_match"] for row in run.rows] == [1.0] * 4
    assert run.meta["usage"]["requested"] == 4
    assert evaluate("--arm", "rag", "--endpoint", named, "--out", "again") == 0
    assert read_run(suite / "again").meta["usage"]["requested"] == 0
    (suite / "agents" / "words.json").write_text(
        json.dumps(dict.fromkeys((f"word{n}" for n in range(4)), "x"))
    )
    assert evaluate("--arm", "rag", "--endpoint", named, "--out", "changed") == 0
    assert [row["output"] for row in read_run(suite / "changed").rows] == ["x"] * 4
    assert "thinking" not in capsys.readouterr().err


def test_a_program_that_only_fails_is_no_run(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "agents" / "words.json").write_text("{}")
    assert evaluate("--arm", "rag", "--endpoint", "rag", "--out", "out") == 4
    assert "no case has an answer that counts: 4 × exception" in capsys.readouterr().err
    assert "raised KeyError at line 8" in (suite / "out" / "results.jsonl").read_text()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rag: {kind: python}", "kind: python needs the `file` with the function that answers"),
        ("rag: {kind: openai, file: agents/rag.py}", "goes with kind: python"),
        (
            "rag: {kind: python, file: agents/rag.py, base_url: 'http://x'}",
            "goes with kind: openai or bedrock",
        ),
        ("rag: {kind: openai, region: eu-central-1}", "goes with kind: bedrock"),
        ("rag: {kind: python, file: ../rag.py}", "must be a file inside the suite's own folder"),
    ],
)
def test_what_does_not_go_together_is_told_with_its_place(
    suite: Path, line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SUITE.splitlines()
    text[6] = "  " + line
    (suite / "suite.yaml").write_text("\n".join(text) + "\n")
    assert evaluate("--arm", "rag", "--endpoint", "rag", "--out", "out") == 2
    assert why in capsys.readouterr().err


ROAD = """\
endpoints:
  rag: {kind: python, file: agents/rag.py}
arms:
  rag: {endpoint: rag}
  candidate: {prompt: prompts/v1.yaml, model: candidate}
"""


def test_code_of_a_change_does_not_run_until_it_lands(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path / "root", tiny_model)
    evals = root / "evals" / "toy"
    suite = (evals / "suite.yaml").read_text()
    (evals / "suite.yaml").write_text(suite[: suite.index("arms:")] + ROAD)
    (evals / "agents").mkdir()
    agent = evals / "agents" / "rag.py"
    agent.write_text("def answer(messages, tools, sampling):\n    return 'from the base'\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "ruler")
    git(root, "switch", "-q", "-c", "change")
    stolen = tmp_path / "ran"
    agent.write_text(
        f"open({str(stolen)!r}, 'w').close()\ndef answer(messages, tools, sampling):\n    return 'from the change'\n"
    )
    git(root, "commit", "-q", "-a", "-m", "another agent")

    def answers(base: str, out: str) -> set[str]:
        words = ["run", "--root", str(root), "--out", str(tmp_path / out), "--base", base, "--alias", "toy"]
        assert main(words) in {10, 11}
        rows = (tmp_path / out / "toy" / "runs" / "rag" / "results.jsonl").read_text().splitlines()
        return {json.loads(row)["output"] for row in rows}

    assert answers("main", "before") == {"from the base"}
    assert not stolen.exists()
    git(root, "branch", "-f", "main", "change")
    (evals / "prompts" / "v1.yaml").write_text("version: 1\nsystem: Route the ticket.\n")
    git(root, "commit", "-q", "-a", "-m", "another prompt")
    agent.write_text("def answer(messages, tools, sampling):\n    return 'from the work tree'\n")
    assert answers("main", "after") == {"from the change"}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    pytest.importorskip("openai", reason="needs the extra openai")
    with OpenAIServer() as running:
        yield running


def batch(server: OpenAIServer, *more: str) -> int:
    who = ["--model", "m", "--endpoint", "openai", "--base-url", server.url, "--prices", "prices.yaml"]
    return evaluate(*who, "--batch", "--batch-look", "0.01", *more)


def test_a_batch_is_stored_like_live_answers_at_its_share_of_the_price(
    suite: Path, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(server, "--out", "out") == 0
    usage = read_run(suite / "out").meta["usage"]
    assert (usage["requested"], usage["usd"]) == (4, "0.004")
    rows: list[Any] = list(read_run(suite / "out").rows)
    assert [row["latency_ms"] for row in rows] == [None] * 4
    assert "batch batch_1: completed, 4 of 4 done" in capsys.readouterr().err
    live = ["--model", "m", "--endpoint", "openai", "--base-url", server.url]
    assert evaluate(*live, "--out", "live") == 0
    assert (server.count, server.desk.created) == (0, 1)
    with ResponseStore(suite / "r.sqlite") as store:
        assert len(store) == 4


def test_at_the_deadline_the_command_that_goes_on_is_printed(
    suite: Path, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.desk.looks = 10_000
    assert batch(server, "--deadline", "2", "--out", "out") == 5
    said = capsys.readouterr().err
    assert "the deadline of 2 s has passed; batch batch_1: in_progress; 0 of 4 answers are kept" in said
    assert "hint: liftgate evaluate --suite suite.yaml" in said and "--batch --batch-look 0.01" in said
    server.desk.looks = 1
    assert batch(server, "--out", "out") == 0
    assert server.desk.created == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--no-store"], "--batch goes with a store"),
        (["--endpoint", "rag", "--arm", "rag"], "--batch: python has no batches"),
        (["--endpoint", "nova"], "--batch on bedrock needs an S3 folder and a role"),
    ],
)
def test_what_a_batch_needs_is_told_before_anything_is_sent(
    suite: Path, server: OpenAIServer, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(server, "--out", "out", *words) == 2
    assert why in capsys.readouterr().err
    assert server.desk.created == 0


def test_flags_of_a_batch_go_with_it(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", "m", "--endpoint", "openai", "--base-url", "http://127.0.0.1:1", "--batch-role", "x"]
    assert evaluate(*words, "--out", "out") == 2
    assert "--batch-role goes with --batch" in capsys.readouterr().err


def test_bedrock_answers_for_a_suite_and_its_answers_are_kept(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("boto3", reason="needs the extra aws")
    from bedrock_server import NOVA, BedrockServer, environment

    with BedrockServer() as bedrock:
        for name, value in environment(bedrock).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name)
        assert evaluate("--model", NOVA, "--endpoint", "nova", "--out", "out") == 0
        run = read_run(suite / "out")
        assert [row["scores"]["exact_match"] for row in run.rows] == [1.0] * 4
        assert run.meta["identity"] == {"model": NOVA, "region": "eu-central-1"}
        assert (
            evaluate("--model", NOVA, "--endpoint", "bedrock", "--region", "eu-central-1", "--out", "o") == 0
        )
        assert bedrock.count == 4


@pytest.mark.parametrize(
    ("provider", "key"),
    [("openai", "sk-o"), ("together", "sk-t"), ("fireworks", "sk-f"), ("azure", "sk-a")],
)
def test_each_host_is_sent_its_own_key(provider: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("OPENAI", "sk-o"),
        ("TOGETHER", "sk-t"),
        ("FIREWORKS", "sk-f"),
        ("AZURE_OPENAI", "sk-a"),
    ):
        monkeypatch.setenv(f"{name}_API_KEY", value)
    question = Request([{"role": "user", "content": "hello"}], None, Sampling(temperature=0))
    with OpenAIServer(lambda _: "hi") as server:
        list(endpoint_of(Model("m", provider, base_url=server.url)).complete([question], [0]))
        assert [headers["authorization"] for headers in server.headers] == [f"Bearer {key}"]
