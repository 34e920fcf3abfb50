"""Answers by the batch: the same keys and the same answers as live ones, paid for once whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from liftgate.errors import InputError, LiftgateError, MissingExtra, ProviderError, ReplyLost, StillRunning
from liftgate.evaluation.batches import Places, Provider, open_provider
from liftgate.evaluation.batches.asking import BatchedEndpoint
from liftgate.evaluation.batches.ledger import Ledger
from liftgate.evaluation.batches.openai import read_row
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.endpoints import Settings, open_endpoint
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.responses import response_key
from liftgate.training.cost import TokenPrice
from openai_batches import DESCRIPTION
from openai_server import OpenAIServer

pytest.importorskip("openai", reason="needs the extra openai")


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Rig:
    """One model behind one server, with a store's ledger; `endpoint()` is a process of its own."""

    def __init__(self, settings: Settings, kind: str, folder: Path, places: Places | None = None) -> None:
        self.settings, self.kind, self.store = settings, kind, folder / "responses.sqlite"
        self.places = places or Places()
        self.said: list[str] = []

    def endpoint(
        self,
        *,
        deadline_s: float | None = None,
        price: TokenPrice | None = None,
        cycle: str | None = None,
        fewer_live: bool = False,
        **limits: Any,
    ) -> BatchedEndpoint:
        clock = Clock()
        self.limits = Limits(price, deadline_s=deadline_s, now=clock, **limits)
        return BatchedEndpoint(
            open_endpoint(self.kind, self.settings),
            self.provider(),
            Ledger(self.store, cycle),
            limits=self.limits,
            say=self.said.append,
            sleep=clock.sleep,
            fewer_live=fewer_live,
        )

    def provider(self) -> Provider:
        return open_provider(self.kind, self.settings, self.places)

    def ask(self, listed: list[Request], wanted: list[int] | None = None, **more: Any) -> dict[int, Outcome]:
        return dict(self.endpoint(**more).complete(listed, range(len(listed)) if wanted is None else wanted))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def rig(server: OpenAIServer, tmp_path: Path) -> Rig:
    return Rig(Settings("m", base_url=server.url, api_key=""), "openai", tmp_path)


def requests(count: int = 6, **more: Any) -> list[Request]:
    said = {"tools": None, "sampling": Sampling(0.0, 64), **more}
    return [Request([{"role": "user", "content": f"question {n} ({n:03d})"}], **said) for n in range(count)]


def texts(outcomes: dict[int, Outcome]) -> dict[int, str]:
    return {n: o.text if isinstance(o, Completion) else o.kind for n, o in sorted(outcomes.items())}


ALL = {n: f"question {n} ({n:03d})" for n in range(6)}


def test_answers_in_any_order_find_their_requests_and_carry_no_latency(
    rig: Rig, server: OpenAIServer
) -> None:
    outcomes = rig.ask(requests())
    assert texts(outcomes) == ALL
    first = outcomes[0]
    assert isinstance(first, Completion)
    assert (first.latency_ms, first.input_tokens, first.output_tokens) == (None, 3, 3)
    assert (server.desk.created, server.desk.refused, server.count) == (1, [], 0)
    assert rig.said == ["batch batch_1: in_progress", "batch batch_1: completed, 6 of 6 done"]


@pytest.mark.skipif(not DESCRIPTION.is_file(), reason="needs OpenAI's API description in the shared data")
def test_the_description_has_nothing_against_what_is_sent(rig: Rig, server: OpenAIServer) -> None:
    tools = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]
    listed = requests(2, tools=tools, sampling=Sampling(0.5, 9, 0.9, 3), answer_schema={"type": "object"})
    assert texts(rig.ask(listed)) == {n: ALL[n] for n in range(2)}
    body = json.loads(server.desk.files["file-1"].splitlines()[0])["body"]
    assert (body["max_completion_tokens"], body["seed"], body["top_p"]) == (9, 3, 0.9)
    assert server.desk.refused == []


def test_keys_are_those_of_live_answers(rig: Rig, server: OpenAIServer) -> None:
    live, batched = open_endpoint("openai", rig.settings), rig.endpoint()
    asked = requests(1)[0]
    key = response_key(live.kind, live.identity(), asked, deterministic=live.deterministic)
    assert key == response_key(batched.kind, batched.identity(), asked, deterministic=batched.deterministic)
    rig.ask([asked])
    line = json.loads(server.desk.files["file-1"])
    assert key.startswith(line["custom_id"]) and len(line["custom_id"]) == 32
    assert server.desk.batches["batch_1"]["metadata"].keys() == {"liftgate_digest"}


def test_another_cycle_has_batches_of_its_own_and_the_same_cycle_finds_its_own_anywhere(
    server: OpenAIServer, tmp_path: Path
) -> None:
    settings = Settings("m", base_url=server.url, api_key="")
    for machine, cycle, created in (("a", "first", 1), ("b", "first", 1), ("c", "second", 2), ("d", None, 3)):
        (tmp_path / machine).mkdir()
        assert texts(Rig(settings, "openai", tmp_path / machine).ask(requests(), cycle=cycle)) == ALL
        assert server.desk.created == created


def test_a_line_that_failed_is_an_error_of_its_case_and_asked_again(rig: Rig, server: OpenAIServer) -> None:
    server.desk.failing = {"(002)", "(004)"}
    outcomes = rig.ask(requests())
    assert texts(outcomes) == {**ALL, 2: "bad-request", 4: "bad-request"}
    assert isinstance(failure := outcomes[2], Failure)
    assert "question" not in failure.message
    server.desk.failing = set()
    assert texts(rig.ask(requests(), [2, 4])) == {2: ALL[2], 4: ALL[4]}
    assert server.desk.created == 2


def test_when_every_line_failed_the_next_run_creates_another(rig: Rig, server: OpenAIServer) -> None:
    server.desk.failing = {"question"}
    assert set(texts(rig.ask(requests())).values()) == {"bad-request"}
    server.desk.failing = set()
    assert texts(rig.ask(requests())) == ALL
    assert server.desk.created == 2


@pytest.mark.parametrize(("end_as", "kind"), [("expired", "batch-expired"), ("cancelled", "not-in-batch")])
def test_what_a_cut_short_batch_did_answer_is_kept(
    rig: Rig, server: OpenAIServer, end_as: str, kind: str
) -> None:
    server.desk.end_as = end_as
    found = texts(rig.ask(requests()))
    assert sorted(found.values()) == sorted([*[kind] * 3, *[ALL[n] for n in found if found[n] == ALL[n]]])
    left = [n for n in found if found[n] == kind]
    server.desk.end_as = "completed"
    assert texts(rig.ask(requests(), left)) == {n: ALL[n] for n in left}


def test_a_failed_batch_says_why_without_quoting_and_is_never_waited_for_again(
    rig: Rig, server: OpenAIServer
) -> None:
    server.desk.end_as = "failed"
    with pytest.raises(ProviderError) as error:
        rig.ask(requests())
    assert str(error.value).startswith("batch batch_1: failed (token_limit_exceeded at line 1)")
    assert "question" not in str(error.value)
    server.desk.end_as = "completed"
    assert texts(rig.ask(requests())) == ALL


def test_at_the_deadline_it_still_runs_and_the_next_run_goes_on(rig: Rig, server: OpenAIServer) -> None:
    server.desk.looks = 10
    with pytest.raises(StillRunning, match=r"the deadline of 100 s has passed; batch batch_1: in_progress"):
        rig.ask(requests(), deadline_s=100)
    assert texts(rig.ask(requests())) == ALL
    assert server.desk.created == 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 14))
def test_a_process_killed_at_any_step_never_pays_twice(
    rig: Rig, server: OpenAIServer, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies before its `at`-th step: a record written, a call to the provider, an answer handed over."""
    from liftgate.evaluation.batches import ledger
    from liftgate.evaluation.batches.openai import OpenAIBatches

    steps = 0

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at:
                raise Killed
            return act(*arguments, **named)

        return step

    kept: dict[int, Outcome] = {}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(ledger.Ledger, "write", counted(ledger.Ledger.write))
        patch.setattr(OpenAIBatches, "_asked", counted(OpenAIBatches._asked))
        for index, outcome in rig.endpoint().complete(requests(), range(6)):
            kept[index] = outcome
            counted(lambda: None)()
        raise Killed
    left = [n for n in range(6) if n not in kept]
    kept |= rig.ask(requests(), left)
    assert texts(kept) == ALL
    assert server.desk.created == 1


def test_a_creation_whose_reply_was_lost_is_looked_up_and_not_repeated(
    rig: Rig, server: OpenAIServer
) -> None:
    server.desk.lose_replies = 1
    with pytest.raises(ReplyLost, match="nobody can say whether it exists"):
        rig.ask(requests())
    assert server.desk.created == 1
    assert texts(rig.ask(requests())) == ALL
    assert server.desk.created == 1


def test_without_its_ledger_a_batch_is_found_by_its_metadata(
    rig: Rig, server: OpenAIServer, tmp_path: Path
) -> None:
    server.desk.looks = 10
    for count in (1, 2, 3):  # others of the account, on several pages
        Rig(rig.settings, "openai", tmp_path / str(count)).provider().create(f"d{count}", [b"{}"])
    with pytest.raises(StillRunning):
        rig.ask(requests(), deadline_s=30)
    for path in rig.store.parent.glob("*.batches/*.json"):
        path.unlink()
    assert texts(rig.ask(requests())) == ALL
    assert server.desk.created == 4


def test_a_run_over_fewer_cases_leaves_the_rest_of_a_batch_to_a_later_one(
    rig: Rig, server: OpenAIServer
) -> None:
    server.desk.looks = 10
    with pytest.raises(StillRunning):
        rig.ask(requests(), deadline_s=30)
    assert texts(rig.ask(requests(), [1, 2])) == {1: ALL[1], 2: ALL[2]}
    assert texts(rig.ask(requests(), [0, 3, 4, 5])) == {n: ALL[n] for n in (0, 3, 4, 5)}
    assert server.desk.created == 1


def test_two_models_never_share_a_batch(server: OpenAIServer, tmp_path: Path) -> None:
    server.desk.looks = 10
    for model in ("a", "b"):
        with pytest.raises(StillRunning):
            Rig(Settings(model, base_url=server.url, api_key=""), "openai", tmp_path).ask(
                requests(), deadline_s=1
            )
    assert server.desk.created == 2


def test_large_runs_go_in_several_batches_of_like_size(
    rig: Rig, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from liftgate.evaluation.batches.openai import OpenAIBatches

    monkeypatch.setattr(OpenAIBatches, "most", 4)
    assert texts(rig.ask(requests())) == ALL
    assert sorted(data.count(b"\n") for name, data in server.desk.files.items() if name[5:].isdigit()) == [
        3,
        3,
    ]


def test_a_budget_holds_for_what_goes_into_a_batch(rig: Rig, server: OpenAIServer) -> None:
    price = TokenPrice(Decimal(1), Decimal(1))
    endpoint = rig.endpoint(price=price)
    worst = rig.limits.worst_usd(requests(1)[0])
    endpoint = rig.endpoint(price=price, max_usd=worst * 3)
    from liftgate.evaluation.limits import Admitted

    admitted = Admitted(range(6), requests(), rig.limits)
    assert len(dict(endpoint.complete(requests(), admitted))) == 3


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"response": None, "error": {"code": "batch_expired"}}, "batch-expired"),
        ({"response": None, "error": {"code": "some question?"}}, "batch-error"),
        ({"response": {"status_code": 429, "body": {}}}, "throttled"),
        ({"response": {"status_code": 200, "body": None}}, "not-json"),
        ({"response": {"status_code": 200, "body": {"choices": []}}}, "empty-choices"),
        ({"response": {"status_code": "200"}}, "not-json"),
        ({}, "not-json"),
    ],
)
def test_every_line_has_one_meaning(row: dict[str, Any], kind: str) -> None:
    outcome = read_row(row, tools=False)
    assert isinstance(outcome, Failure)
    assert outcome.kind == kind
    assert "question" not in outcome.message


def test_a_damaged_record_stops_before_anything_is_paid_twice(rig: Rig, server: OpenAIServer) -> None:
    rig.ask(requests())
    record = next(rig.store.parent.glob("*.batches/*.json"))
    record.write_text('{"schema_version": 1, "id": "batch_1"}')
    with pytest.raises(InputError, match="not a record of a batch"):
        rig.ask(requests())
    assert server.desk.created == 1


def test_a_refused_key_and_a_missing_sdk_are_one_sentence(
    rig: Rig, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no key for"):
        open_provider("openai", Settings("m"), Places())
    with pytest.raises(InputError, match="local has no batches"):
        open_provider("local", Settings("m"), Places())
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"liftgate\[openai\]"):
        rig.provider()


def test_nothing_of_a_prompt_is_in_the_ledger(rig: Rig) -> None:
    rig.ask(requests())
    for path in rig.store.parent.glob("*.batches/*"):
        assert "question" not in path.read_text()


def test_the_whole_ladder_of_errors_is_ours(rig: Rig, server: OpenAIServer, tmp_path: Path) -> None:
    down = Rig(Settings("m", base_url="http://127.0.0.1:1/v1", api_key="", timeout_s=1), "openai", tmp_path)
    with pytest.raises(LiftgateError, match="listing batches: APIConnectionError"):
        down.ask(requests(1))
