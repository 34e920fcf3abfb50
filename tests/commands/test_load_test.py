"""`liftgate load-test`: the report that 100% needs, where its key goes, and what ends it without a report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.config import Document, check
from liftgate.files import sha256_file
from openai_server import OpenAIServer
from registry_world import VARIANT, ago, world

KEY = "sk-" + "test-key"
SUITE = """\
version: 1
alias: support-intent
task: classification
golden: golden.jsonl
primary_metric: exact_match
sampling: {temperature: 0, max_tokens: 20}
scorers: [exact_match]
buckets: []
arms:
  prompt-v1: {prompt: prompt.yaml, model: default}
  candidate: {prompt: prompt.yaml, model: candidate}
"""
PRICES = """\
version: 1
prices:
  - {provider: openai, model: base, input_usd_per_mtok: "1", output_usd_per_mtok: "1",
     fine_tuned_input_usd_per_mtok: "1000", fine_tuned_output_usd_per_mtok: "1000",
     source: a test, checked_on: "2026-11-25"}
"""


def models(base_url: str | None = None, more: str = "") -> str:
    address = f", base_url: '{base_url}'" if base_url else ""
    return f"""\
version: 1
models:
  support-intent:
    default: {{model_id: base, provider: openai}}
    variants:
      v1.0.0: {{model_id: 'ft:base:acme:si:abc', provider: openai{address}, dataset: {{version: 1.0.0}},
        flag: f, rollout_percent: 25}}
{more}"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "evals" / "support-intent"
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "prompt.yaml").write_text("version: 1\nsystem: Name the intent.\n")
    cases = [{"id": f"g{n}", "input": f"ticket {n}", "expected": "x"} for n in range(5)]
    (folder / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "evals" / "prices.yaml").write_text(PRICES)
    (tmp_path / "models.yaml").write_text(models())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return tmp_path


def load_test(*words: str) -> int:
    return main(["load-test", "support-intent", *words])


OUT = Path("evals/reports/support-intent/v1.0.0.load.json")


def test_the_report_fits_its_schema_and_says_how_to_pin_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(
        faults={3: "429"}, retry_after="0", always={"x-ratelimit-limit-requests": "600"}
    ) as server:
        assert load_test("--base-url", server.url, "--concurrency", "4", "--requests", "50", "--json") == 0
    said = capsys.readouterr()
    report: dict[str, Any] = json.loads(OUT.read_text())
    assert json.loads(said.out) == report
    assert check(Document(str(OUT), report), "load-report") == []
    measured = (
        "measured_at",
        "duration_s",
        "p50_ms",
        "p95_ms",
        "requests_per_second",
        "output_tokens_per_second",
    )
    assert {key: value for key, value in report.items() if key not in measured} == {
        "schema_version": 1,
        "alias": "support-intent",
        "variant": "v1.0.0",
        "model_id": "ft:base:acme:si:abc",
        "endpoint": server.url,
        "concurrency": 4,
        "requests": 50,
        "errors": 0,
        "input_tokens": 49 * 5,
        "output_tokens": 49 * 2,
        "share_429": 0.02,
        "share_5xx": 0.0,
        "failures": {"throttled": 1},
        "usd": "0",
        "prompts": 5,
        "golden_sha256": sha256_file(root / "evals/support-intent/golden.jsonl"),
        "quota": {"requests_per_minute": 600, "source": "headers of the replies"},
        "headers": {"x-ratelimit-limit-requests": "600"},
    }
    told = re.sub(r"p50 \d+ ms, p95 \d+ ms", "p50 N ms, p95 N ms", said.err)
    assert told == (
        "no key is sent: models.yaml does not name this address\n"
        "ft:base:acme:si:abc: 50 requests at concurrency 4, p50 N ms, p95 N ms, 2.0% answered 429, 0.0% 5xx "
        "(1 × throttled)\n"
        f"{OUT}; liftgate registry promote takes it along, or pin it in models.yaml under support-intent v1.0.0:\n"
        f"  load_report: {{path: {OUT}, sha256: {sha256_file(OUT)}}}\n"
    )
    assert {body["messages"][0]["content"] for body in server.bodies} == {"Name the intent."}
    assert {body["model"] for body in server.bodies} == {"ft:base:acme:si:abc"}


def test_the_key_goes_to_an_address_that_the_registry_names_and_to_no_other(root: Path) -> None:
    with OpenAIServer() as named, OpenAIServer() as other:
        (root / "models.yaml").write_text(models(named.url))
        assert load_test("--requests", "3") == 0
        assert load_test("--requests", "3", "--base-url", named.url.removesuffix("/v1")) == 0
        assert load_test("--requests", "3", "--base-url", other.url) == 0
    assert [headers.get("authorization") for headers in named.headers] == [f"Bearer {KEY}"] * 6
    assert [headers.get("authorization") for headers in other.headers] == [None] * 3
    assert KEY not in OUT.read_text()


def test_an_address_of_another_provider_gets_no_key_either(root: Path) -> None:
    with OpenAIServer() as server:
        other = f"""\
  router:
    default: {{model_id: a/m, provider: together, base_url: '{server.url}'}}
"""
        (root / "models.yaml").write_text(models(more=other))
        assert load_test("--requests", "2", "--base-url", server.url) == 0
    assert [headers.get("authorization") for headers in server.headers] == [None] * 2


def test_the_budget_ends_the_test_without_a_report(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loopback is free; a price is what an address elsewhere has.
    monkeypatch.setattr("liftgate.evaluation.http.is_loopback", lambda url: False)
    with OpenAIServer() as server:
        (root / "models.yaml").write_text(models(server.url))
        assert load_test("--requests", "5000", "--max-usd", "1") == 11
    assert "the budget of $1 has no room for another request: " in capsys.readouterr().err
    assert not OUT.exists()
    assert server.count < 1000


def test_an_unknown_price_is_asked_for_before_anything_is_sent(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "evals" / "prices.yaml").unlink()
    (root / "models.yaml").write_text(models("http://192.0.2.1/v1"))
    assert load_test("--requests", "1") == 2
    assert "no price is known for the answers of openai 'ft:base:acme:si:abc'" in capsys.readouterr().err


def test_nothing_is_written_where_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer(faults="401") as server:
        assert load_test("--base-url", server.url) == 4
    assert "the provider refuses the key" in capsys.readouterr().err
    assert not OUT.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--variant", "v1.0.O"], "support-intent has no variant 'v1.0.O'; did you mean 'v1.0.0'?"),
        (["--base-url", "ftp://x"], "is not an address"),
        (["--base-url", "http://user:pw@127.0.0.1:9"], "must not hold a name or password"),
        (["--root", "elsewhere"], "no such registry"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_test(*words) == 2
    assert said in capsys.readouterr().err


def test_a_variant_must_be_named_where_none_is_promoted_and_there_are_several(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = "      v1.1.0: {model_id: 'ft:base:acme:si:abd', provider: openai, dataset: {version: 1.1.0},\n"
    second += "        flag: g, rollout_percent: 0}\n"
    (root / "models.yaml").write_text(
        models(more=second).replace("rollout_percent: 25", "rollout_percent: 0")
    )
    assert load_test() == 2
    assert capsys.readouterr().err == (
        "error: models.yaml: which variant of support-intent?\n  hint: --variant, one of v1.0.0, v1.1.0\n"
    )


def test_a_model_of_bedrock_is_asked_at_an_address_that_is_given(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:custom-model-deployment/abc"
    text = models("https://bedrock-runtime.eu-central-1.amazonaws.com").replace("ft:base:acme:si:abc", arn)
    (root / "models.yaml").write_text(text.replace("provider: openai, base", "provider: bedrock, base"))
    assert load_test() == 2
    assert "v1.0.0 has no address that speaks OpenAI's protocol" in capsys.readouterr().err
    with OpenAIServer() as server:
        assert load_test("--base-url", server.url, "--requests", "2") == 0
    assert [headers.get("authorization") for headers in server.headers] == [None] * 2


def test_a_test_of_some_seconds_counts_what_was_answered_in_them() -> None:
    with OpenAIServer(latency_s=0.01) as server:
        assert load_test("--base-url", server.url, "--seconds", "0.3") == 0
    report = json.loads(OUT.read_text())
    assert report["requests"] == server.count > 8
    assert 0.3 <= report["duration_s"] < 5


def test_a_quota_can_be_said(root: Path) -> None:
    with OpenAIServer() as server:
        words = ["--quota-concurrent", "64", "--quota-source", "the server's own setting"]
        assert load_test("--base-url", server.url, "--requests", "2", *words) == 0
    said = {"concurrent_requests": 64, "source": "the server's own setting"}
    assert json.loads(OUT.read_text())["quota"] == said


@pytest.mark.parametrize(("faults", "rules"), [({}, []), ({2: "429", 3: "429"}, ["load-report-unfit"])])
def test_the_check_of_a_full_rollout_takes_the_report_or_names_what_it_shows(
    root: Path, faults: dict[int, str], rules: list[str]
) -> None:
    own = "version: 1\nmodels:\n  support-intent:\n    default: {model_id: smollm2, provider: local}\n    variants:\n"
    own += (
        f"      {VARIANT}: {{model_id: support-intent-v1.1.0, provider: local, dataset: {{version: 1.1.0}},\n"
    )
    (root / "models.yaml").write_text(own + "        flag: f, rollout_percent: 25}\n")
    with OpenAIServer(faults=faults, retry_after="0") as server:
        assert load_test("--base-url", server.url, "--requests", "100", "--out", "load.json") == 0
    measured = {**json.loads(Path("load.json").read_text()), "measured_at": ago(days=1)}
    findings = world(25, 100).with_file("load_report", measured).findings()
    assert [finding.rule for finding in findings] == rules
    if rules:
        assert "shows 2.0% of the requests answered 429 at concurrency 8" in findings[0].message
