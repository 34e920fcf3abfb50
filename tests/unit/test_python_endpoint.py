"""Functions that answer: whatever they do, a case has an answer or a failure with a name, never a score."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError, ProviderError
from liftgate.evaluation.arms import Provider
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.endpoints import Settings, open_endpoint
from liftgate.evaluation.endpoints.python import PythonEndpoint, read_answer
from liftgate.evaluation.programs import read_program
from liftgate.evaluation.responses import response_key

SOURCE = """\
import os, sys, time, subprocess

print("noise at import")

def answer(messages, tools, sampling):
    asked = messages[-1]["content"]
    print("noise on stdout", asked)
    os.write(1, b"raw noise\\n")
    subprocess.run(["echo", "noise of a child"])
    if asked == "raise":
        raise ValueError(asked)
    if asked == "exit":
        os._exit(3)
    if asked == "kill":
        os.kill(os.getpid(), 9)
    if asked == "hang":
        time.sleep(60)
    if asked == "stdin":
        return "read " + repr(sys.stdin.read())
    if asked == "key":
        return ",".join(sorted(name for name in os.environ if name.startswith("LIFTGATE_TEST")))
    if asked == "sampling":
        return str(sorted(sampling.items()))
    if asked == "calls":
        return {"text": "", "tool_calls": [{"name": "refund", "arguments": {"order": 1}}]}
    if asked == "counted":
        return {"text": "yes", "input_tokens": 7, "output_tokens": 1}
    if asked == "surrogate":
        return "half \\ud83d"
    if asked == "large":
        return "x" * (17 * 1024 * 1024)
    odd = {"none": None, "number": 1, "list": ["a"], "bytes": b"a", "nan": {"text": "a", "x": float("nan")},
           "key?": {"text": "a", "score": 1}, "negative": {"text": "a", "input_tokens": -1}, "empty": {}}
    return odd[asked] if asked in odd else "you said " + asked

async def later(messages, tools, sampling):
    return "later"
"""


def endpoint(folder: Path, source: str = SOURCE, **said: Any) -> PythonEndpoint:
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "rag.py").write_text(source, "utf-8")
    settings = {name: said.pop(name) for name in ("concurrency", "timeout_s") if name in said}
    program = read_program(folder, Provider("python", file="agents/rag.py", **said))
    return PythonEndpoint(program, **{"concurrency": 1, "timeout_s": 20.0, **settings})


def request(text: str, tools: Any = None, repeat: int = 0) -> Request:
    return Request([{"role": "user", "content": text}], tools, Sampling(0.0, 9, seed=5), repeat)


def answers(asked: PythonEndpoint, *texts: str, tools: Any = None) -> list[Outcome]:
    listed = [request(text, tools) for text in texts]
    found = dict(asked.complete(listed, range(len(listed))))
    return [found[number] for number in range(len(texts))]


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [o.kind if isinstance(o, Failure) else o.text for o in outcomes]


def test_a_function_answers_through_all_the_noise_it_makes(tmp_path: Path) -> None:
    first, counted, calls = answers(
        endpoint(tmp_path), "hello", "counted", "calls", tools=[{"type": "function"}]
    )
    assert isinstance(first, Completion) and isinstance(counted, Completion) and isinstance(calls, Completion)
    assert (first.text, first.input_tokens, first.finish_reason) == ("you said hello", None, "stop")
    assert first.latency_ms is not None
    assert (counted.text, counted.input_tokens, counted.output_tokens) == ("yes", 7, 1)
    assert (calls.finish_reason, calls.tool_calls) == (
        "tool_calls",
        [{"name": "refund", "arguments": '{"order":1}'}],
    )


def test_whatever_is_no_answer_is_a_failure_with_a_name(tmp_path: Path) -> None:
    odd = ("none", "number", "list", "bytes", "nan", "key?", "negative", "empty")
    for name in odd:
        assert kinds(answers(endpoint(tmp_path), name)) == ["not-an-answer"], name
    found = answers(endpoint(tmp_path), "raise", "large", "calls", "surrogate")
    assert kinds(found) == [
        "exception",
        "too-large",
        "unexpected-tool-call",
        "half \N{REPLACEMENT CHARACTER}",
    ]
    assert isinstance(found[0], Failure)
    assert found[0].message == "the function raised ValueError at line 11"


def test_a_crash_or_a_hang_costs_its_own_case_only(tmp_path: Path) -> None:
    found = answers(endpoint(tmp_path, timeout_s=1.5), "a", "exit", "b", "kill", "c", "hang", "d")
    assert kinds(found) == [
        "you said a",
        "crashed",
        "you said b",
        "crashed",
        "you said c",
        "timeout",
        "you said d",
    ]


def test_a_program_that_never_answers_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(
        ProviderError, match="10 calls in a row gave no answer, the last: the function raised"
    ):
        answers(endpoint(tmp_path), *["raise"] * 30)


def test_it_finds_no_input_and_only_the_variables_that_were_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFTGATE_TEST_KEY", "k")
    monkeypatch.setenv("LIFTGATE_TEST_OTHER", "o")
    assert kinds(answers(endpoint(tmp_path), "stdin", "key")) == ["read ''", ""]
    assert kinds(answers(endpoint(tmp_path, env=["LIFTGATE_TEST_KEY"]), "key")) == ["LIFTGATE_TEST_KEY"]
    with pytest.raises(InputError, match="wants LIFTGATE_TEST_NONE, not set here"):
        answers(endpoint(tmp_path, env=["LIFTGATE_TEST_NONE"]), "key")


def test_repeats_of_a_seeded_request_get_seeds_of_their_own(tmp_path: Path) -> None:
    asked = endpoint(tmp_path)
    listed = [request("sampling", repeat=repeat) for repeat in (0, 2)]
    found = [
        text
        for _, o in sorted(asked.complete(listed, [0, 1]))
        if isinstance(o, Completion)
        for text in [o.text]
    ]
    assert [text.rsplit("('seed', ", 1)[1][:1] for text in found] == ["5", "7"]


def test_it_finds_what_is_declared_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "words.py").write_text("WORD = 'beside'\n")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.md").write_text("from a document")
    source = (
        "import words\nfrom pathlib import Path\n"
        "def answer(messages, tools, sampling):\n    return words.WORD + ' ' + Path('documents/a.md').read_text()\n"
    )
    with pytest.raises(InputError, match=r"agents/rag\.py: cannot be imported: ModuleNotFoundError"):
        answers(endpoint(tmp_path, source), "x")
    both = ["agents/words.py", "documents"]
    assert kinds(answers(endpoint(tmp_path, source, files=both), "x")) == ["beside from a document"]


def test_functions_may_be_asynchronous_and_many_at_once(tmp_path: Path) -> None:
    assert kinds(answers(endpoint(tmp_path, function="later"), "x")) == ["later"]
    texts = [f"t{n}" for n in range(40)]
    assert kinds(answers(endpoint(tmp_path, concurrency=3), *texts)) == [f"you said {text}" for text in texts]


def test_the_key_follows_the_bytes_of_every_file(tmp_path: Path) -> None:
    def key(**said: Any) -> str:
        asked = endpoint(tmp_path, **said)
        return response_key(asked.kind, asked.identity(), request("x"), deterministic=asked.deterministic)

    (tmp_path / "data.txt").write_text("one")
    first = key()
    assert key() == first
    with_file = key(files=["data.txt"])
    (tmp_path / "data.txt").write_text("two")
    keys = [
        first,
        with_file,
        key(files=["data.txt"]),
        key(function="later"),
        key(source=SOURCE + "\n# new\n"),
    ]
    assert len(set(keys)) == 5


def test_closing_early_leaves_no_process_behind(tmp_path: Path) -> None:
    asked = endpoint(tmp_path, concurrency=2, timeout_s=60.0)
    listed = [request(text) for text in ("a", "hang", "hang", "hang")]
    outcomes = asked.complete(listed, range(4))
    next(outcomes)
    started = time.monotonic()
    outcomes.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 20
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(asked.program.file) not in [
        line.split()[-2] for line in listing.splitlines() if "own_code" in line
    ]


@pytest.mark.parametrize(
    ("provider", "why"),
    [
        ({"file": "../rag.py"}, "inside the suite's own folder"),
        ({"file": "/etc/passwd"}, "inside the suite's own folder"),
        ({"file": "agents/../../rag.py"}, "inside the suite's own folder"),
        ({"file": "link.py"}, "is a symlink"),
        ({"file": "linked/rag.py"}, "is a symlink"),
        ({"file": "agents/none.py"}, "no such file"),
        ({"file": "prompts/rag.py"}, "code must lie elsewhere"),
        ({"file": "agents/rag.py", "files": ["documents"]}, "code must lie elsewhere"),
        ({"file": "agents/rag.py", "files": ["link.py"]}, "is a symlink"),
        ({"file": "agents/rag.py", "files": ["folder"]}, "is not a plain file"),
        ({"file": "agents/rag.py", "function": "none"}, "no function 'none' here"),
        ({"file": "agents/rag.py", "function": "two"}, "must take three arguments"),
        ({"file": "agents/broken.py"}, "not valid Python"),
    ],
)
def test_code_comes_from_the_suites_own_folder_only(
    tmp_path: Path, provider: dict[str, Any], why: str
) -> None:
    suite = tmp_path / "suite"
    for name in ("agents", "prompts", "documents", "folder"):
        (suite / name).mkdir(parents=True)
    for place in (tmp_path / "rag.py", suite / "agents" / "rag.py", suite / "prompts" / "rag.py"):
        place.write_text("def answer(messages, tools, sampling): return ''\ndef two(a, b): return ''\n")
    (suite / "documents" / "code.py").write_text("x = 1\n")
    (suite / "agents" / "broken.py").write_text("def answer(:\n")
    (suite / "link.py").symlink_to(tmp_path / "rag.py")
    (suite / "linked").symlink_to(tmp_path)
    (suite / "folder" / "inner.py").symlink_to(tmp_path / "rag.py")
    with pytest.raises(InputError) as error:
        read_program(suite, Provider("python", **provider))
    assert why in str(error.value)


def test_the_endpoint_needs_a_suite_that_names_the_function() -> None:
    with pytest.raises(InputError, match="needs a suite"):
        open_endpoint("python", Settings("m"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["answer", "text", "error"]), inner)
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_reply_has_one_meaning(said: Any) -> None:
    outcome = read_answer(said, 1.0, tools=False, timeout_s=1.0)
    if isinstance(outcome, Completion):
        outcome.text.encode()
    else:
        assert outcome.kind and outcome.message
