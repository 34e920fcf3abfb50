"""The openai endpoint against a real HTTP server that fails in every way."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from liftgate.errors import InputError, ProviderError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, Sampling
from liftgate.evaluation.endpoints import Settings, open_endpoint
from liftgate.evaluation.endpoints.openai import OpenAIEndpoint, chat_url
from liftgate.evaluation.http import Clocks, quotable
from liftgate.evaluation.limits import Limits
from liftgate.training.cost import TokenPrice
from openai_server import Fault, OpenAIServer


class Clock:
    """Time that passes only by sleeping, in this process; the server's own waits are real and short."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


def endpoint(server: OpenAIServer, clock: Clock | None = None, **settings: Any) -> OpenAIEndpoint:
    clock = clock or Clock()
    return OpenAIEndpoint(
        "m",
        chat_url(server.url),
        clocks=Clocks(sleep=clock.sleep, now=clock, unix_time=lambda: 0.0, jitter=lambda: 1.0),
        **settings,
    )


def requests(count: int = 1, **more: Any) -> list[Request]:
    return [
        Request([{"role": "user", "content": f"question {n}"}], None, Sampling(), **more)
        for n in range(count)
    ]


def outcomes(asked: OpenAIEndpoint, listed: list[Request]) -> dict[int, Outcome]:
    return dict(asked.complete(listed, range(len(listed))))


def outcome_of(fault: Fault, clock: Clock | None = None, **settings: Any) -> tuple[Outcome, int]:
    with OpenAIServer(faults=fault) as server:
        outcome = outcomes(endpoint(server, clock, **settings), requests())[0]
        return outcome, server.count


def failure_of(fault: Fault, clock: Clock | None = None, **settings: Any) -> tuple[str, str, int]:
    outcome, count = outcome_of(fault, clock, **settings)
    assert isinstance(outcome, Failure)
    return outcome.kind, outcome.message, count


def test_every_request_gets_its_own_answer_whatever_the_order() -> None:
    with OpenAIServer() as server:
        answers = outcomes(endpoint(server, concurrency=16), requests(200))
    assert {n: a.text for n, a in answers.items() if isinstance(a, Completion)} == {
        n: f"question {n}" for n in range(200)
    }
    assert server.count == 200


def test_only_what_is_wanted_is_asked() -> None:
    with OpenAIServer() as server:
        assert [index for index, _ in endpoint(server).complete(requests(5), [3])] == [3]
        assert list(endpoint(server).complete(requests(5), [])) == []
        assert [body["messages"][0]["content"] for body in server.bodies] == ["question 3"]


def test_never_more_requests_at_once_than_allowed() -> None:
    with OpenAIServer(latency_s=0.02) as server:
        outcomes(endpoint(server, concurrency=4), requests(20))
        gaps = [later - earlier for earlier, later in pairwise(server.times)]
    assert sum(gap > 0.01 for gap in gaps) >= 3


@pytest.mark.parametrize(
    "mode", ["429", "429-no-header", "503", "500", "reset", "half", "half-json", "non-json"]
)
def test_a_passing_fault_loses_no_case(mode: str) -> None:
    faults = {0: mode, 1: mode}
    outcome, count = outcome_of(faults)
    assert isinstance(outcome, Completion)
    assert count == 3


@pytest.mark.parametrize("mode", ["hang"])
def test_a_request_that_hangs_is_cut_and_asked_again(mode: str) -> None:
    outcome, count = outcome_of({0: mode}, timeout_s=0.2)
    assert isinstance(outcome, Completion)
    assert count == 2


@pytest.mark.parametrize(
    ("mode", "kind", "count"),
    [
        ("429", "throttled", 12),
        ("503", "server-error", 7),
        ("reset", "connection-lost", 6),
        ("half", "cut-short", 6),
        ("half-json", "not-json", 4),
        ("non-json", "not-json", 4),
        ("empty-choices", "empty-choices", 4),
        ("null-message", "no-message", 4),
        ("error-in-200", "server-error", 7),
        ("content_filter", "content-filter", 1),
        ("filter-400", "content-filter", 1),
        ("too-long", "prompt-too-long", 1),
        ("tool-call", "unexpected-tool-call", 1),
        ("400", "bad-request", 1),
    ],
)
def test_a_lasting_fault_becomes_an_error_after_bounded_attempts(mode: str, kind: str, count: int) -> None:
    failed, message, made = failure_of(mode)
    assert (failed, made) == (kind, count)
    assert "question" not in message
    assert message.endswith(f"; {count} attempts") == (count > 1)


def test_a_server_that_always_hangs_is_an_error_after_two_attempts() -> None:
    assert failure_of("hang", timeout_s=0.1)[::2] == ("timeout", 2)


def test_retry_after_is_honoured_and_back_off_doubles() -> None:
    clock = Clock()
    with OpenAIServer(faults={0: "429", 1: "500", 2: "500"}, retry_after="7") as server:
        outcomes(endpoint(server, clock), requests())
    assert clock.slept == [7.0, 0.5, 1.0]


def test_an_answer_cut_at_the_token_limit_says_so() -> None:
    outcome, _ = outcome_of("length")
    assert isinstance(outcome, Completion)
    assert outcome.finish_reason == "length"


def test_a_model_that_wants_another_name_for_the_limit_gets_it() -> None:
    with OpenAIServer(faults="wants-max-completion-tokens") as server:
        asked = endpoint(server, concurrency=1)
        limited = [
            Request([{"role": "user", "content": "q"}], None, Sampling(max_tokens=5)) for _ in range(3)
        ]
        answers = outcomes(asked, limited)
    assert all(isinstance(answer, Completion) for answer in answers.values())
    assert server.count == 4
    assert server.bodies[-1]["max_completion_tokens"] == 5


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("401", "the provider refuses the key (HTTP 401, invalid_api_key, invalid_request_error)"),
        (
            "404",
            "does not know this model or address (HTTP 404, invalid_request_error, model_not_found)",
        ),
        ("400-model", "the provider does not know this model or address (HTTP 400, invalid_request_error)"),
        ("no-quota", "the account has no quota left (HTTP 429, insufficient_quota, invalid_request_error)"),
    ],
)
def test_a_fault_that_every_case_would_meet_fails_the_run_at_once(mode: str, sentence: str) -> None:
    with OpenAIServer(faults=mode) as server, pytest.raises(ProviderError) as error:
        outcomes(endpoint(server, concurrency=2), requests(100))
    assert sentence in str(error.value)
    assert error.value.hint
    assert server.count <= 4


def test_a_server_that_refuses_everything_fails_the_run_without_quoting_a_prompt() -> None:
    with OpenAIServer(faults="400") as server, pytest.raises(ProviderError) as error:
        outcomes(endpoint(server, concurrency=1), requests(100))
    assert server.count == 10
    assert "question" not in str(error.value)


def test_a_server_that_is_down_is_said_within_seconds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    down = OpenAIEndpoint("m", f"http://127.0.0.1:{port}/v1/chat/completions", concurrency=8)
    started = time.monotonic()
    with pytest.raises(ProviderError) as error:
        outcomes(down, requests(20))
    assert time.monotonic() - started < 5
    assert str(error.value) == (
        f"http://127.0.0.1:{port}/v1/chat/completions: the server cannot be reached\n"
        "  hint: check that the server runs and listens at --base-url, then run the same command again"
    )


def test_a_server_that_fails_for_long_ends_the_run() -> None:
    with (
        OpenAIServer(
            faults="503",
        ) as server,
        pytest.raises(ProviderError, match="the provider failed"),
    ):
        outcomes(endpoint(server, concurrency=2), requests(50))
    assert server.count < 50


def test_a_wait_of_hours_ends_the_run_instead() -> None:
    with OpenAIServer(faults="429", retry_after="7200") as server, pytest.raises(ProviderError):
        outcomes(endpoint(server), requests(3))


def test_a_storm_of_refusals_loses_no_case() -> None:
    def storm(number: int, body: dict[str, Any]) -> str | None:
        return "429" if number % 7 == 0 else "503" if number % 20 == 1 else None

    with OpenAIServer(faults=storm) as server:
        answers = outcomes(endpoint(server, concurrency=16), requests(300))
    assert sorted(answers) == list(range(300))
    assert all(isinstance(answer, Completion) for answer in answers.values())


def test_closing_the_iterator_abandons_what_is_in_flight() -> None:
    with OpenAIServer(faults=dict.fromkeys(range(1, 99), "hang")) as server:
        coming = endpoint(server, concurrency=4).complete(requests(50), range(50))
        next(coming)
        started = time.monotonic()
        assert isinstance(coming, Iterator)
        close: Callable[[], None] = coming.close  # type: ignore[attr-defined]
        close()
        assert time.monotonic() - started < 2
        assert server.count < 10


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    with OpenAIServer(faults={1: "401"}) as server:
        asked = endpoint(server, api_key="sk-secret")
        outcomes(asked, requests())
        assert server.headers[0]["authorization"] == "Bearer sk-secret"
        assert "secret" not in str(asked.identity()) + str(server.bodies)
        with pytest.raises(ProviderError) as error:
            outcomes(asked, requests())
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://h/openai/v1?api-version=1", "http://h/openai/v1/chat/completions?api-version=1"),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ("localhost:1", "http://localhost:1/v1/chat/completions"),
    ],
)
def test_a_base_url_may_be_written_in_several_ways(base_url: str, url: str) -> None:
    assert chat_url(base_url) == url


@pytest.mark.parametrize("base_url", ["ftp://h", "http://", "http://user:word@h/v1"])
def test_an_address_that_cannot_be_used_is_refused(base_url: str) -> None:
    with pytest.raises(InputError, match="--base-url"):
        chat_url(base_url)


def test_a_key_is_needed_everywhere_but_on_this_machine() -> None:
    keyless = open_endpoint("openai", Settings("m"))
    with pytest.raises(InputError, match=r"no key for api\.openai\.com"):
        list(keyless.complete(requests(), [0]))
    assert list(keyless.complete(requests(), [])) == []
    open_endpoint("openai", Settings("m", base_url="http://localhost:1"))
    open_endpoint("openai", Settings("m", base_url="https://vllm.internal", api_key=""))
    with pytest.raises(InputError, match="the key holds a space"):
        open_endpoint("openai", Settings("m", api_key="sk a"))


def test_an_unknown_endpoint_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="'opnai' is not an endpoint\n  hint: did you mean 'openai'"):
        open_endpoint("opnai", Settings("m"))


def test_a_providers_remark_is_quoted_only_when_it_cannot_hold_the_prompt() -> None:
    request = Request([{"role": "user", "content": "my card was stolen in Lisbon"}], None, Sampling())
    assert quotable("no such model\n\x1b[31m", request) == "no such model [31m"
    assert quotable("bad value: 'my card was stolen in L'", request) == ""
    assert quotable("key sk-1 is wrong", request, secrets=["sk-1"]) == "key *** is wrong"
    assert len(quotable("x" * 999, request)) == 200


def models_asked(server: OpenAIServer) -> str:
    return "".join(str(body["model"]) for body in server.bodies)


def both(server: OpenAIServer, wanted: list[int], **settings: Any) -> dict[int, Outcome]:
    clock = Clock()
    base, candidate = (
        OpenAIEndpoint(name, chat_url(server.url), clocks=Clocks(clock.sleep, clock), **settings)
        for name in "bc"
    )
    return dict(base.complete_both(candidate, requests(3) + requests(3), 3, wanted))


def test_two_models_are_asked_in_one_stream_in_the_order_wanted() -> None:
    with OpenAIServer(lambda body: f"{body['model']}: {body['messages'][-1]['content']}") as server:
        answers = both(server, [0, 3, 4, 1, 2, 5], concurrency=1)
        assert models_asked(server) == "bccbbc"
    assert {index: answer.text for index, answer in answers.items() if isinstance(answer, Completion)} == {
        0: "b: question 0",
        1: "b: question 1",
        2: "b: question 2",
        3: "c: question 0",
        4: "c: question 1",
        5: "c: question 2",
    }


def test_two_models_behind_one_server_share_its_patience_and_lose_no_case() -> None:
    with OpenAIServer(faults={0: "429", 1: "429", 2: "503"}, retry_after="1") as server:
        answers = both(server, [0, 3, 4, 1, 2, 5], concurrency=2)
        assert server.count == 9
    assert sorted(answers) == [0, 1, 2, 3, 4, 5]


def test_a_deadline_ends_what_hangs() -> None:
    started = time.monotonic()
    with OpenAIServer(faults={2: "hang"}) as server:
        asked = OpenAIEndpoint("m", chat_url(server.url), concurrency=1, limits=Limits(deadline_s=0.4))
        assert sorted(outcomes(asked, requests(5))) == [0, 1]
    assert time.monotonic() - started < 3


def test_attempts_that_may_be_billed_are_told_to_the_limits_and_others_are_not() -> None:
    price = TokenPrice(Decimal(1), Decimal(1))
    for mode, told in (
        ("half", 6),
        ("non-json", 4),
        ("content_filter", 1),
        ("429", 0),
        ("500", 0),
        ("400", 0),
    ):
        limits = Limits(price, max_usd=Decimal(1000))
        outcome_of(mode, limits=limits)
        request = requests()[0]
        assert limits.unconfirmed_usd == told * limits.worst_usd(request), mode


def test_a_request_that_can_afford_no_further_attempt_is_left_for_the_next_run() -> None:
    limits = Limits(TokenPrice(Decimal(1), Decimal(1)), max_usd=Decimal("0.0003"))
    assert limits.reserve(requests()[0])
    kind, _, count = failure_of("half", limits=limits)
    assert (kind, count) == ("over-budget", 2)
