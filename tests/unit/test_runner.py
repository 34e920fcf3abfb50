"""The runner: each answer paid for once, kept as it comes, and never mistaken for a score."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from liftgate.data.golden import Cases, read_cases
from liftgate.errors import InputError, ProviderError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.endpoints import Endpoint, Settings, open_endpoint
from liftgate.evaluation.grading import Answers, error_counts
from liftgate.evaluation.prompts import Prompt
from liftgate.evaluation.recording import request_key
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runner import Asking, Tally, can_pair, run_arm, run_pair
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.scorers import metric
from liftgate.evaluation.suite import questions
from liftgate.progress import Progress
from liftgate.verdict.latency import measure_latency
from liftgate.verdict.pairs import pair as pair_runs
from openai_server import OpenAIServer

METRICS = [metric("exact_match")]


class Scripted:
    """An endpoint that answers from a function and counts what it is asked."""

    kind = "scripted"

    def __init__(self, answer: Any = None, *, deterministic: bool = False, model: str = "m") -> None:
        self.answer = answer or (lambda request: Completion(request.messages[-1]["content"].upper()))
        self.deterministic, self.model = deterministic, model
        self.asked: list[str] = []

    def identity(self) -> dict[str, Any]:
        return {"model": self.model}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        for index in reversed(wanted):
            self.asked.append(requests[index].messages[-1]["content"])
            yield index, self.answer(requests[index])


def cases(**expected: str) -> Cases:
    lines = [json.dumps({"id": name, "input": name, "expected": text}) for name, text in expected.items()]
    return read_cases("\n".join(lines).encode() + b"\n", "golden.jsonl")


GOLDEN = cases(a="A", b="B", c="no")


def answers(
    endpoint: Any, store: ResponseStore | None = None, golden: Cases = GOLDEN, repeats: int = 1, **more: Any
) -> Answers:
    given: dict[str, Any] = {
        "prompt": Prompt(),
        "sampling": Sampling(),
        "progress": partial(Progress, stream=io.StringIO()),
        **more,
    }
    return run_arm(
        questions(golden, METRICS, repeats=range(repeats)), endpoint=endpoint, store=store, **given
    )


def test_rows_stand_in_the_order_of_the_cases_in_the_contracts_form() -> None:
    run = answers(Scripted(lambda request: Completion("A", 12.5, 3, 1)))
    assert [row["case_id"] for row in run.rows] == ["a", "b", "c"]
    assert run.rows[0] == {
        "case_id": "a",
        "repeat": 0,
        "suite": "quality",
        "buckets": {},
        "scores": {"exact_match": 1.0},
        "output": "A",
        "latency_ms": 12.5,
        "input_tokens": 3,
        "output_tokens": 1,
        "cached": False,
        "error": None,
    }
    assert [row["scores"]["exact_match"] for row in run.rows] == [1.0, 0.0, 0.0]
    assert (run.usage.answers, run.usage.input_tokens, run.usage.requested) == (3, 9, 3)
    assert EvalRun.from_rows(run.rows).quality.case_ids == ["a", "b", "c"]


def test_a_failure_is_null_scores_and_an_error_never_a_zero() -> None:
    def fails_b(request: Request) -> Outcome:
        return Failure("timeout", "no reply") if request.case_id == "b" else Completion("A")

    run = answers(Scripted(fails_b))
    assert run.rows[1]["scores"] == {"exact_match": None}
    assert (run.rows[1]["output"], run.rows[1]["error"]) == (None, {"kind": "timeout", "message": "no reply"})
    assert (run.usage.errors, run.usage.answers) == (1, 2)
    assert error_counts(run.rows) == {"timeout": 1}


def test_a_silent_endpoint_is_an_error_for_every_case() -> None:
    class Silent(Scripted):
        def complete(
            self, requests: Sequence[Request], wanted: Sequence[int]
        ) -> Iterator[tuple[int, Outcome]]:
            yield from ()

    assert error_counts(answers(Silent()).rows) == {"no-answer": 3}


def test_the_second_run_asks_nothing_and_says_that_its_answers_were_stored(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        first, second = Scripted(), Scripted()
        before, after = answers(first, store), answers(second, store)
    assert (len(first.asked), len(second.asked)) == (3, 0)
    assert [row["output"] for row in before.rows] == [row["output"] for row in after.rows]
    assert [row["cached"] for row in after.rows] == [True] * 3
    assert (after.usage.requested, after.usage.cached, after.usage.output_tokens) == (0, 3, 0)


def test_failures_are_not_stored(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        answers(Scripted(lambda request: Failure("timeout", "")), store)
        assert len(store) == 0
        assert len(answers(Scripted(), store).rows) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": Prompt("be brief")},
        {"prompt": Prompt(None, [("q", "a")])},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(max_tokens=7)},
        {"sampling": Sampling(seed=1)},
        {"endpoint": Scripted(model="n")},
    ],
    ids=["system prompt", "examples", "temperature", "max tokens", "seed", "model"],
)
def test_changing_anything_an_answer_depends_on_asks_again(tmp_path: Path, changed: dict[str, Any]) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        answers(Scripted(), store)
        given = {"endpoint": Scripted(), **changed}
        endpoint = given.pop("endpoint")
        endpoint.asked.clear()
        answers(endpoint, store, **given)
    assert len(endpoint.asked) == 3


def test_changing_one_case_asks_that_case_only(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        answers(Scripted(), store)
        again = Scripted()
        answers(again, store, golden=cases(a="another expectation", b="B", d="D"))
    assert again.asked == ["d"]


def test_two_cases_with_one_prompt_share_one_request_and_are_graded_apart() -> None:
    text = '{"id": "a", "input": "q", "expected": "Q"}\n{"id": "b", "input": "q", "expected": "R"}\n'
    endpoint = Scripted()
    run = answers(endpoint, golden=read_cases(text.encode(), "golden.jsonl"))
    assert endpoint.asked == ["q"]
    assert [row["scores"]["exact_match"] for row in run.rows] == [1.0, 0.0]


def test_repeats_are_asked_apart_unless_the_endpoint_is_deterministic() -> None:
    free, fixed = Scripted(), Scripted(deterministic=True)
    assert [row["repeat"] for row in answers(free, repeats=2).rows] == [0, 1, 0, 1, 0, 1]
    assert len(free.asked) == 6
    assert len(answers(fixed, repeats=2).rows) == 6
    assert len(fixed.asked) == 3


def test_what_came_before_a_fatal_fault_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    def breaks_at_a(request: Request) -> Outcome:
        if request.case_id == "a":
            raise ProviderError("down")
        return Completion("B")

    tally = Tally()
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(ProviderError):
            answers(Scripted(breaks_at_a), store, tally=tally)
        assert (tally.kept, tally.wanted) == (2, 3)
        again = Scripted()
        answers(again, store)
    assert again.asked == ["a"]


def test_an_answer_cut_at_the_limit_is_an_error_unless_the_suite_scores_it(tmp_path: Path) -> None:
    cut = Scripted(lambda request: Completion("A", finish_reason="length"))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        strict = answers(cut, store)
        lenient = answers(cut, store, truncated="score")
    assert error_counts(strict.rows) == {"truncated": 3}
    assert strict.rows[0]["output"] == "A"
    assert strict.rows[0]["scores"] == {"exact_match": None}
    assert [row["scores"]["exact_match"] for row in lenient.rows] == [1.0, 0.0, 0.0]
    assert len(cut.asked) == 3


def test_a_damaged_answer_is_asked_for_again_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with ResponseStore(path) as store:
        answers(Scripted(lambda request: Completion(f"answer to {request.case_id}")), store)
    path.write_bytes(path.read_bytes().replace(b"answer to b", b"answer to x"))
    again, warnings = Scripted(), list[str]()
    with ResponseStore(path, warn=warnings.append) as store:
        answers(again, store)
    assert again.asked == ["b"]
    assert len(warnings) == 1


def test_hostile_answers_pass_through_store_rows_and_files(tmp_path: Path) -> None:
    hostile = "\x00\x1b]0;x\x07\u202e\ud800" + "x" * 1_000_000
    with ResponseStore(tmp_path / "r.sqlite") as store:
        for _ in range(2):
            run = answers(Scripted(lambda request: Completion(hostile)), store)
            json.dumps(run.rows).encode()
            assert run.rows[0]["output"] == hostile.replace("\ud800", "\N{REPLACEMENT CHARACTER}")


def test_a_tool_call_is_written_as_json() -> None:
    call = Completion("", finish_reason="tool_calls", tool_calls=[{"name": "f", "arguments": "{}"}])
    assert answers(Scripted(lambda request: call)).rows[0]["output"] == '[{"name":"f","arguments":"{}"}]'


def test_no_question_is_no_run() -> None:
    with pytest.raises(InputError, match="there is no case to answer"):
        run_arm([], prompt=Prompt(), endpoint=Scripted(), sampling=Sampling())


def recorded(tmp_path: Path, *lines: dict[str, Any], repeats: int = 1) -> list[str | None]:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    endpoint = open_endpoint("recorded", Settings("m", recorded=path))
    return [row["output"] or row["error"]["kind"] for row in answers(endpoint, repeats=repeats).rows]


def test_recorded_answers_are_found_by_case(tmp_path: Path) -> None:
    found = recorded(tmp_path, {"case_id": "a", "output": "A"}, {"case_id": "b", "output": None})
    assert found == ["A", "not-recorded", "not-recorded"]


def test_recorded_answers_are_found_by_request(tmp_path: Path) -> None:
    key = request_key(Request([{"role": "user", "content": "b"}], None, Sampling()))
    assert recorded(tmp_path, {"key": key, "output": "B"}) == ["not-recorded", "B", "not-recorded"]


def test_a_recorded_run_keeps_repeats_and_failures(tmp_path: Path) -> None:
    run = answers(Scripted(lambda request: Completion(f"{request.case_id}{request.repeat}")), repeats=2)
    run.rows[0]["error"] = {"kind": "timeout", "message": "late"}
    assert recorded(tmp_path, *run.rows, repeats=2) == ["timeout", "a1", "b0", "b1", "c0", "c1"]


def test_two_cases_with_one_prompt_may_have_recorded_two_answers(tmp_path: Path) -> None:
    text = '{"id": "a", "input": "q", "expected": "Q"}\n{"id": "b", "input": "q", "expected": "R"}\n'
    path = tmp_path / "answers.jsonl"
    path.write_text('{"case_id": "a", "output": "1"}\n{"case_id": "b", "output": "2"}\n')
    run = answers(
        open_endpoint("recorded", Settings("m", recorded=path)),
        golden=read_cases(text.encode(), "golden.jsonl"),
    )
    assert [row["output"] for row in run.rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no answers"),
        ("{\n", "answers.jsonl:1: not valid JSON"),
        ('{"case_id": "a"}\n', 'answers.jsonl:1: a line is {"case_id": ..., "output": ...}'),
        (
            '{"case_id": "a", "output": "x"}\n' * 2,
            "answers.jsonl:2: this case and repeat stand in the file twice",
        ),
        (
            '{"case_id": "a", "output": "x", "repeat": -1}\n',
            "answers.jsonl:1: `repeat` must be a whole number",
        ),
    ],
)
def test_a_file_of_answers_that_cannot_be_used_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        open_endpoint("recorded", Settings("m", recorded=path))
    assert sentence in str(error.value)


def test_the_recorded_endpoint_needs_its_file() -> None:
    with pytest.raises(InputError, match="hint: --recorded FILE"):
        open_endpoint("recorded", Settings("m"))


def asking(endpoint: Any, store: ResponseStore | None = None, golden: Cases = GOLDEN) -> Asking:
    return Asking(questions(golden, METRICS), Prompt(), endpoint, Sampling(), store)


def http(server: OpenAIServer, model: str) -> Endpoint:
    return open_endpoint("openai", Settings(model, base_url=server.url, concurrency=1))


def pair(server: OpenAIServer, store: ResponseStore | None = None) -> tuple[Answers, Answers]:
    quiet = partial(Progress, stream=io.StringIO())
    first, second = (asking(http(server, model), store) for model in ("base", "tuned"))
    return run_pair(first, second, progress=quiet)


def test_two_arms_are_asked_in_turn_and_the_first_of_a_pair_changes() -> None:
    with OpenAIServer(lambda body: str(body["messages"][-1]["content"]).upper()) as server:
        base, tuned = pair(server)
        asked = [(body["model"], body["messages"][-1]["content"]) for body in server.bodies]
    assert asked == [
        ("base", "a"),
        ("tuned", "a"),
        ("tuned", "b"),
        ("base", "b"),
        ("base", "c"),
        ("tuned", "c"),
    ]
    for answered in (base, tuned):
        assert [row["output"] for row in answered.rows] == ["A", "B", "C"]
        assert all(row["latency_ms"] > 0 and not row["cached"] for row in answered.rows)
        assert (answered.usage.requested, answered.usage.answers) == (3, 3)


def test_of_two_arms_only_what_is_missing_is_asked_and_stored_answers_are_not_timed(tmp_path: Path) -> None:
    with OpenAIServer() as server, ResponseStore(tmp_path / "r.sqlite") as store:
        alone = asking(http(server, "base"), store, cases(a="A", b="B"))
        run_arm(
            alone.questions, prompt=alone.prompt, endpoint=alone.endpoint, sampling=Sampling(), store=store
        )
        base, tuned = pair(server, store)
        assert [body["model"] for body in server.bodies[2:]] == ["tuned", "tuned", "base", "tuned"]
        assert [row["cached"] for row in base.rows] == [True, True, False]
        again = pair(server, store)
        assert server.count == 6
    latency = measure_latency(
        pair_runs(EvalRun.from_rows(base.rows).quality, EvalRun.from_rows(tuned.rows).quality), 0.05
    )
    assert latency is not None
    assert latency.cases == 1
    stored = [EvalRun.from_rows(each.rows).quality for each in again]
    assert measure_latency(pair_runs(*stored), 0.05) is None


def test_only_endpoints_of_one_kind_that_share_a_stream_are_paired() -> None:
    with OpenAIServer() as server:
        assert can_pair(http(server, "a"), http(server, "b"))
        assert not can_pair(http(server, "a"), Scripted())
        assert not can_pair(Scripted(), Scripted())
