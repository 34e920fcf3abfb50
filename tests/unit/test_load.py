"""The load test against a real server on loopback: nothing asked twice, everything counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import pytest

from liftgate.errors import ProviderError
from liftgate.evaluation.completion import Request, Sampling
from liftgate.evaluation.endpoints.openai import chat_url
from liftgate.evaluation.http import Clocks
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.load import LoadEndpoint
from liftgate.evaluation.load_result import Load, Shot, limit_headers, quantile, quota_of
from liftgate.training.cost import TokenPrice
from openai_server import OpenAIServer

REQUESTS = [
    Request([{"role": "user", "content": f"word {n}"}], None, Sampling(max_tokens=5)) for n in range(7)
]


class Clock:
    """Waiting costs no time here, but is counted."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def endpoint(server: OpenAIServer, concurrency: int = 4, **more: Limits) -> tuple[LoadEndpoint, Clock]:
    clock = Clock()
    clocks = Clocks(sleep=clock.sleep, unix_time=lambda: 0.0)
    return LoadEndpoint("m", chat_url(server.url), "", concurrency, 10.0, clocks=clocks, **more), clock


def test_the_wanted_number_of_requests_goes_out_over_the_prompts_in_turn() -> None:
    with OpenAIServer() as server:
        tested, clock = endpoint(server)
        load = tested.press(REQUESTS, most=40)
        asked = Counter(body["messages"][0]["content"] for body in server.bodies)
    assert len(load.shots) == server.count == 40
    assert sorted(asked.values()) == [5, 5, 6, 6, 6, 6, 6]
    assert clock.waits == []
    numbers = load.numbers()
    assert (numbers["requests"], numbers["errors"], numbers["share_429"], numbers["failures"]) == (
        40,
        0,
        0,
        {},
    )
    assert (numbers["input_tokens"], numbers["output_tokens"]) == (80, 80)
    assert 0 < numbers["p50_ms"] <= numbers["p95_ms"]


def test_as_many_requests_are_in_flight_as_were_wanted_and_no_more() -> None:
    with OpenAIServer(latency_s=0.05) as server:
        tested, _ = endpoint(server, concurrency=10)
        load = tested.press(REQUESTS, most=40)
    # Four rounds of ten.
    assert load.duration_s >= 0.2
    assert all(shot.latency_ms is not None and shot.latency_ms >= 50 for shot in load.shots)
    first = server.times[0]
    assert sum(time - first < 0.04 for time in server.times) <= 10


def test_refusals_are_counted_once_each_and_followed_by_the_wait_that_was_asked_for() -> None:
    modes = {
        0: "429",
        3: "503",
        5: "500",
        9: "429",
        12: "reset",
        15: "non-json",
        16: "content_filter",
        20: "length",
    }
    with OpenAIServer(faults=modes, retry_after="3") as server:
        tested, clock = endpoint(server, concurrency=1)
        load = tested.press(REQUESTS, most=40)
    assert server.count == 40
    numbers = load.numbers()
    assert numbers["failures"] == {
        "connection-lost": 1,
        "content-filter": 1,
        "not-json": 1,
        "server-error": 2,
        "throttled": 2,
    }
    assert (numbers["requests"], numbers["errors"]) == (40, 5)
    assert (numbers["share_429"], numbers["share_5xx"]) == (0.05, 0.05)
    assert clock.waits == [3.0, 3.0, 1.0, 3.0, 1.0, 1.0, 0.0]
    assert len(load.latencies_ms) == 33


def test_a_name_of_the_limit_that_the_model_does_not_take_is_no_failure() -> None:
    with OpenAIServer(faults="wants-max-completion-tokens") as server:
        tested, _ = endpoint(server, concurrency=1)
        load = tested.press(REQUESTS, most=10)
    assert (len(load.shots), load.failures, server.count) == (10, Counter(), 11)


def test_seconds_end_the_test_and_what_is_in_flight_still_counts() -> None:
    with OpenAIServer(latency_s=0.02) as server:
        tested, _ = endpoint(server)
        load = tested.press(REQUESTS, seconds=0.2)
    assert len(load.shots) == server.count > 4
    assert 0.2 <= load.duration_s < 5


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("401", "the provider refuses the key"),
        ("404", "does not know this model"),
        ("no-quota", "no quota left"),
        ("503", "the provider failed"),
        ("429", "asks for fewer requests"),
        ("reset", "the connection was lost"),
    ],
)
def test_what_every_request_would_meet_ends_the_test(mode: str, said: str) -> None:
    with OpenAIServer(faults=mode) as server:
        tested, _ = endpoint(server)
        with pytest.raises(ProviderError, match=said):
            tested.press(REQUESTS, most=500)
    assert server.count <= 30


def test_the_budget_holds_at_the_worst_price_of_what_is_in_flight() -> None:
    price = TokenPrice(Decimal(1000), Decimal(1000))
    limits = Limits(price, max_usd=Decimal(1))
    with OpenAIServer() as server:
        tested, _ = endpoint(server, limits=limits)
        load = tested.press(REQUESTS, most=100_000)
    assert load.stopped == "the budget of $1 has no room for another request"
    assert limits.usd + limits.unconfirmed_usd <= Decimal(1)
    assert 0 < server.count == len(load.shots) < 1000


def test_headers_that_speak_of_limits_are_kept_and_become_the_quota() -> None:
    always = {
        "x-ratelimit-limit-requests": "3000",
        "x-ratelimit-limit-tokens": "250000",
        "x-ratelimit-remaining-requests": "2999",
        "x-ratelimit-reset-tokens": "6m0s",
        "x-request-id": "secret",
    }
    with OpenAIServer(always=always) as server:
        tested, _ = endpoint(server)
        load = tested.press(REQUESTS, most=4)
    assert load.headers == {name: value for name, value in always.items() if name != "x-request-id"}
    assert quota_of(load.headers, {}) == {
        "requests_per_minute": 3000,
        "tokens_per_minute": 250_000,
        "source": "headers of the replies",
    }
    assert quota_of(load.headers, {"requests_per_minute": 10, "source": "contract"}) == {
        "requests_per_minute": 10,
        "tokens_per_minute": 250_000,
        "source": "contract",
    }


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"RateLimit-Limit": "100, 100;w=60"}, {"ratelimit-limit": "100, 100;w=60"}),
        ({"X-RateLimit-Limit-Requests": "<b>"}, {}),
        ({"x-ratelimit-limit-requests": "9" * 61}, {}),
        ({"x-ratelimit-limit-requests-per-day": "5"}, {}),
    ],
)
def test_only_plain_values_of_known_headers_are_kept(
    headers: Mapping[str, str], kept: Mapping[str, str]
) -> None:
    assert limit_headers(headers) == kept


def test_a_quota_that_nobody_named_says_so() -> None:
    assert quota_of({"x-ratelimit-limit-requests": "none"}, {}) == {
        "source": "no reply named a limit, and none was given"
    }


def test_percentiles_are_by_nearest_rank() -> None:
    # The worked example of the nearest-rank method: 15 20 35 40 50.
    values = [15.0, 20.0, 35.0, 40.0, 50.0]
    assert [quantile(values, share) for share in (0.05, 0.3, 0.4, 0.5, 1.0)] == [15, 20, 20, 35, 50]
    shots = [Shot(200, float(n)) for n in range(100, 0, -1)]
    numbers = Load(shots, 2.0, 1).numbers()
    assert (numbers["p50_ms"], numbers["p95_ms"], numbers["requests_per_second"]) == (50, 95, 50)
