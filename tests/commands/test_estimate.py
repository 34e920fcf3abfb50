"""`liftgate estimate`: a whole bill before anything is paid, without a model, a key or a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.training.ledger import Ledger, lock_name
from liftgate.training.ledger_folder import Folder
from openai_server import OpenAIServer
from toy_project import answer, make_project

PRICES = """\
version: 1
prices:
  - provider: openai
    model: gpt-4o-mini
    train_usd_per_mtok: "3"
    training_cap_tokens: 4096
    validation_billed: true
    input_usd_per_mtok: "0.15"
    output_usd_per_mtok: "0.60"
    fine_tuned_input_usd_per_mtok: "0.10"
    fine_tuned_output_usd_per_mtok: "0.40"
    storage_usd_per_month: "0.50"
    source: an invented page
    checked_on: "2026-11-20"
"""
SUNSETS = """\
version: 1
sunsets:
  - provider: openai
    model: gpt-4o-mini
    training_closes_on: "2027-01-06"
    shutdown_on: "2027-01-14"
    source: an announcement
    checked_on: "2026-11-25"
    alternatives: [{provider: openai, model: gpt-6-luna}, {provider: bedrock, model: nova, trainable: true}]
"""
INSTEAD = "bedrock nova or your own weights (provider: local, base: embedded or org/model@<commit>)"


def hosted(
    root: Path, *, epochs: str = "auto", url: str = "http://127.0.0.1:9/v1", base: str = "gpt-4o-mini"
) -> Path:
    """The toy repository with a base that somebody else trains, and asks, for money."""
    make_project(root, Path("no-such-model"))
    card = root / "datasets" / "toy" / "card.yaml"
    text = card.read_text()
    start, end = text.index("training:"), text.index("releases:")
    card.write_text(
        f"{text[:start]}training: {{provider: openai, base: {base}, epochs: {epochs}}}\n{text[end:]}"
    )
    (root / "models.yaml").write_text(
        f"version: 1\nmodels:\n  toy:\n    default: {{model_id: gpt-4o-mini, provider: openai, base_url: '{url}'}}\n"
    )
    (root / "evals" / "prices.yaml").write_text(PRICES)
    (root / "evals" / "sunsets.yaml").write_text(SUNSETS)
    return root


def policy(root: Path, text: str) -> None:
    path = root / "evals" / "policy.yaml"
    path.write_text(path.read_text() + text)


def estimate(root: Path, *more: str, today: str = "2026-11-25") -> tuple[int, dict[str, Any]]:
    out = root / "estimate.json"
    store = () if "--store" in more else ("--store", str(root / "none"))
    words = [
        "estimate",
        "--alias",
        "toy",
        "--root",
        str(root),
        "--today",
        today,
        "--out",
        str(out),
        *store,
        *more,
    ]
    return main(words), json.loads(out.read_bytes())


def test_the_whole_bill_of_a_hosted_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosted(tmp_path)
    policy(tmp_path, "sunset: {min_days: 10, warn_days: 20}\ncost: {requests_per_month: {toy: 1000000}}\n")
    code, document = estimate(tmp_path)
    assert code == 0
    assert (
        capsys.readouterr().err
        == """\
training                    0.02 USD (0.02 to 0.11), 24 rows, needs an approval
training tokens             3,728 in 4 epochs (3,728 to 23.3k in 4 to 25)
of which validation         0.01 USD (0.01 to 0.03), once an epoch
evaluation, answers         0.01 USD, 3 arms, 63 answers
evaluation, asked again     0.00 USD (0.00 to 0.01), safety cases in doubt and regressions, at most
storage, a month            0.50 USD, of one tuned model
per 1,000 answers, at most  base 0.011 USD, candidate 0.0072 USD, prompt-v2 0.014 USD
pays back                   against prompt-v2 after 17,640 requests, beside 83,975 requests a month that pay for \
hosting; 0.1 months at 1,000,000 requests a month, on 2026-11-29
price from                  openai gpt-4o-mini at evals/prices.yaml:3: an invented page, 2026-11-20, 5 days ago
datasets/toy/card.yaml: warning: 4 epochs over 24 rows teach the rows themselves; train at most 3 epochs, or on at \
least 200 rows, and watch the validation loss [overfit-risk]
evals/toy/decision.yaml:7: warning: the decision matrix cannot tell yet; missing: a report of what was tried by a \
better prompt (without an arm), by one golden set [decision-incomplete]
"""
    )
    # 932 tokens and 235 of validation, by hand: (932 + 235) × 4 × 1.2 × 3 / 1M, and × 25 at the high end
    assert (document["tokens"], document["usd"], document["usd_high"]) == (932, "0.02", "0.11")
    # 12 prompts of 277 tokens and 12 to answer: (277 / 12 × 0.15 + 12 × 0.60) / 1,000
    assert document["answers"][0]["usd_per_1k"] == "0.0106625"
    assert (document["pays_back_on"], document["paybacks"][0]["requests"]) == ("2026-11-29", 17_640)
    assert document["price"]["age_days"] == 5


def test_no_model_and_no_heavy_package_is_loaded_for_it(tmp_path: Path) -> None:
    hosted(tmp_path, epochs="3")
    absent = ("torch", "transformers", "peft", "accelerate", "gguf", "openai", "boto3")
    program = (
        f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
        "from liftgate.cli import main\n"
        f"words = ['estimate', '--alias', 'toy', '--root', {str(tmp_path)!r}, '--today', '2026-11-25', '--json']\n"
        "sys.exit(main(words))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 10, done.stderr
    assert json.loads(done.stdout)["rows"] == 24


def test_a_plan_on_a_model_that_ends_is_blocked_and_one_on_a_base_of_ones_own_passes(
    tmp_path: Path, tiny_model: Path
) -> None:
    hosted(tmp_path / "theirs", epochs="3")
    code, document = estimate(tmp_path / "theirs", today="2026-12-20")
    ends = [f for f in document["findings"] if f["rule"] == "sunset"]
    assert code == 10
    assert [(f["severity"], f["path"], f["line"]) for f in ends] == [
        ("warning", "evals/sunsets.yaml", 3),
        ("error", "evals/sunsets.yaml", 3),
        ("error", "evals/sunsets.yaml", 3),
    ]
    assert ends[1]["message"] == (
        "openai gpt-4o-mini and what is trained on it ends on 2027-01-14, in 25 days; the policy wants 180 days; "
        f"train instead on {INSTEAD}"
    )
    assert ends[2]["message"].startswith("the default model (openai gpt-4o-mini) ends on 2027-01-14")
    ours = make_project(tmp_path / "ours", tiny_model)
    (ours / "evals" / "sunsets.yaml").write_text(SUNSETS)
    code, document = estimate(ours, today="2026-12-20")
    assert (code, document["usd"], [f["rule"] for f in document["findings"]]) == (0, "0.00", [])


def test_without_a_table_of_ends_a_hosted_training_is_blocked(tmp_path: Path) -> None:
    hosted(tmp_path, epochs="3")
    (tmp_path / "evals" / "sunsets.yaml").unlink()
    code, document = estimate(tmp_path)
    assert code == 10
    assert [(f["rule"], f["severity"]) for f in document["findings"]] == [
        ("sunset", "error"),
        ("sunset", "warning"),
        ("decision-incomplete", "warning"),
    ]


def test_answers_that_are_stored_cost_nothing(tmp_path: Path) -> None:
    with OpenAIServer(lambda body: answer("refund")) as server:
        hosted(tmp_path, epochs="3", url=server.url)
        store = tmp_path / "responses.sqlite"
        _, before = estimate(tmp_path, "--store", str(store))
        suite = str(tmp_path / "evals" / "toy" / "suite.yaml")
        words = [
            "evaluate",
            "--suite",
            suite,
            "--arm",
            "base",
            "--model",
            "gpt-4o-mini",
            "--endpoint",
            "openai",
        ]
        more = ["--base-url", server.url, "--store", str(store), "--out", str(tmp_path / "run")]
        assert main([*words, *more, "--api-key-env", "", "--safety-repeats", "3"]) == 0
        asked = server.count
        written = store.read_bytes()
        _, after = estimate(tmp_path, "--store", str(store))
    assert (server.count, store.read_bytes()) == (asked, written)
    parts = [{part["name"]: part for part in document["parts"]}["answers"] for document in (before, after)]
    assert [part["what"] for part in parts] == ["3 arms, 63 answers", "3 arms, 42 answers to ask, 21 stored"]


def test_an_answer_without_a_price_or_without_an_end_stops_the_plan(tmp_path: Path) -> None:
    hosted(tmp_path, epochs="3")
    suite, prices = tmp_path / "evals" / "toy" / "suite.yaml", tmp_path / "evals" / "prices.yaml"
    prices.write_text(PRICES.replace("    fine_tuned_output", "    # "))
    suite.write_text(suite.read_text().replace("max_tokens: 12, ", ""))
    code, document = estimate(tmp_path)
    assert code == 10
    assert [
        f["message"] for f in document["findings"] if f["severity"] == "error" and f["rule"] != "sunset"
    ] == [
        "answers of arm base have no limit, so no budget can hold them: set max_tokens in the suite's sampling",
        "no price for the answers of arm candidate (openai gpt-4o-mini): give input_usd_per_mtok and "
        'output_usd_per_mtok, "0" where the machine is already paid for',
        "answers of arm prompt-v2 have no limit, so no budget can hold them: set max_tokens in the suite's sampling",
    ]


def test_the_month_of_the_ledger_counts_and_an_absent_ledger_is_told(tmp_path: Path) -> None:
    hosted(tmp_path, epochs="3")
    policy(tmp_path, "cost: {max_month_usd: 5}\n")
    _, document = estimate(tmp_path, "--ledger", str(tmp_path / "nowhere"))
    (told,) = [f for f in document["findings"] if f["rule"] == "month-not-counted"]
    assert told["severity"] == "warning"
    ledger = Ledger(Folder(tmp_path / "ledger"))
    for number, digest, day in ((1, "a" * 64, "2026-11-01T00:00:00Z"), (1, "b" * 64, "2026-10-31T23:00:00Z")):
        entry = {"schema_version": 1, "entry": "lock", "digest": digest, "attempt": number, "holder": "run-1"}
        paid = {"at": day, "approval": None, "usd": "4.99", "price_sha256": "c" * 64}
        ledger.keep(lock_name(digest, number), {**entry, **paid})
    _, document = estimate(tmp_path, "--ledger", str(tmp_path / "ledger"))
    (over,) = [f for f in document["findings"] if f["rule"] == "over-month-budget"]
    assert over["message"].startswith("trainings of 2026-11 come to $5.01 with this one ($4.99 before it)")


def test_rows_longer_than_the_cap_are_cut_and_named_and_few_rows_with_many_epochs_warned_of(
    tmp_path: Path,
) -> None:
    hosted(tmp_path, epochs="4")
    prices = tmp_path / "evals" / "prices.yaml"
    prices.write_text(PRICES.replace("4096", "33"))
    _, document = estimate(tmp_path)
    found = {f["rule"]: f for f in document["findings"]}
    cut = found["row-cut-in-training"]
    assert (cut["severity"], Path(cut["path"]).name) == ("warning", "v1.0.0.train.jsonl")
    assert document["tokens"] <= 24 * 33
    assert found["overfit-risk"]["severity"] == "warning"


@pytest.mark.parametrize("base", ["amazon.nova-lite-v1:0", "anthropic.claude-3-haiku"])
def test_a_tokenizer_that_nobody_published_gives_a_range_and_budgets_go_by_its_high_end(
    tmp_path: Path, base: str
) -> None:
    hosted(tmp_path, epochs="3", base=f"'{base}'")
    prices = tmp_path / "evals" / "prices.yaml"
    prices.write_text(
        PRICES + PRICES.split("prices:\n")[1].replace("gpt-4o-mini", f"'{base}'").replace('"3"', '"1000"')
    )
    policy(tmp_path, "cost: {max_training_usd: 5}\n")
    code, document = estimate(tmp_path)
    low, point, high = (document[f"tokens{end}"] for end in ("_low", "", "_high"))
    assert low < point < high
    assert float(document["usd"]) < 5 < float(document["usd_high"])
    assert "over-budget" in [f["rule"] for f in document["findings"]]
    assert code == 10


def test_broken_rows_are_named_and_end_in_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosted(tmp_path)
    path = tmp_path / "datasets" / "toy" / "v1.0.0.train.jsonl"
    path.write_bytes(path.read_bytes() + b'{"messages": [\n')
    assert main(["estimate", "--alias", "toy", "--root", str(tmp_path)]) == 2
    assert "v1.0.0.train.jsonl:25" in capsys.readouterr().err


def test_a_day_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["estimate", "--alias", "toy", "--today", "2026-02-30"])
    assert "'2026-02-30' is not a day" in capsys.readouterr().err


def usd_of(body: dict[str, Any]) -> float:
    """What the server counts for a request of `paid_run`: a token a word, and the words of its answer."""
    asked = sum(len(str(message["content"]).split()) for message in body["messages"])
    return (100 * asked + 1000 * (19 if body["model"] == "judge" else 2)) / 1e6


def paid_run(root: Path, url: str, most_usd: str) -> list[str]:
    """A local candidate beside paid arms: 12 golden cases and 3 safety cases in three repeats, asked of a server."""
    suite = root / "evals" / "toy" / "suite.yaml"
    text = suite.read_text()
    arms = (
        f"endpoints:\n  gateway: {{kind: openai, base_url: '{url}'}}\narms:\n"
        "  routing: {model: paid, endpoint: gateway, prompt: prompts/v1.yaml}\n"
        "  candidate: {prompt: prompts/v1.yaml, model: candidate}\n"
    )
    suite.write_text(text[: text.index("arms:")] + arms)
    prices = root / "evals" / "prices.yaml"
    paid = '  - {provider: openai, model: paid, input_usd_per_mtok: "100", output_usd_per_mtok: "1000", '
    prices.write_text(prices.read_text() + paid + 'source: ours, checked_on: "2026-11-25"}\n')
    policy(root, f"cost: {{max_eval_usd: {most_usd}}}\n")
    return ["run", "--root", str(root), "--out", str(root / "o"), "--alias", "toy"]


def test_a_run_stops_at_the_evaluation_budget_without_a_verdict_and_goes_on_from_there(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(tmp_path, tiny_model)
    with OpenAIServer(lambda body: answer("refund")) as server:
        words = paid_run(tmp_path, server.url, "0.08")
        policy(tmp_path, "insufficient_evidence: warn\n")
        assert main(words) == 11
        first = server.count
        folder = tmp_path / "o" / "toy"
        report = json.loads((folder / "report.json").read_bytes())
        assert 0 < first < 21
        assert 0 < sum(map(usd_of, server.bodies)) <= 0.08
        assert (report["verdict"], report["comparison"], report["arms"]) == (
            "insufficient-evidence",
            None,
            [],
        )
        (stop,) = [f for f in report["findings"] if f["rule"] == "evaluation-unfinished"]
        assert stop["severity"] == "warning"
        assert stop["message"].startswith("the budget of $0.08 has no room for another request; spent $0.")
        assert "without an answer: " in stop["message"]
        assert stop["message"].endswith("the same command goes on with as much again")
        assert report["headline"].startswith(
            "Insufficient evidence, do not merge yet: the evaluation is not finished"
        )
        assert (
            report["resumable_hint"] == f"liftgate run --alias toy --root {tmp_path} --out {tmp_path / 'o'}"
        )
        gate = ["gate", "--run", str(folder), "--policy", str(tmp_path / "evals" / "policy.yaml")]
        assert main(gate) == 11
        (warned,) = [f for f in report["findings"] if f["rule"] == "over-eval-budget"]
        assert warned["severity"] == "warning"
        for _ in range(6):
            if main(words) != 11:
                break
        assert server.count == 21
    report = json.loads((folder / "report.json").read_bytes())
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "routing"]
    assert report["resumable_hint"] is None


def test_an_evaluation_that_cannot_end_within_its_budget_trains_nothing(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_project(tmp_path, tiny_model)
    with OpenAIServer(lambda body: answer("refund")) as server:
        assert main(paid_run(tmp_path, server.url, "0.01")) == 10
        assert server.count == 0
    report = json.loads((tmp_path / "o" / "toy" / "report.json").read_bytes())
    assert report["training"] is None
    assert [f["rule"] for f in report["findings"] if f["severity"] == "error"] == ["over-eval-budget"]


def test_arms_and_judges_pay_from_one_purse(tmp_path: Path, tiny_model: Path) -> None:
    make_project(tmp_path, tiny_model)
    graded = json.dumps({"reason": "so " * 15, "score": 5})  # 19 words

    with OpenAIServer(lambda body: graded if body["model"] == "judge" else answer("refund")) as server:
        words = paid_run(tmp_path, server.url, "0.78")
        evals = tmp_path / "evals" / "toy"
        suite = evals / "suite.yaml"
        suite.write_text(
            suite.read_text().replace("json_valid]", "{scorer: judge, judge: judges/good.yaml}]")
        )
        (evals / "judges").mkdir()
        (evals / "judges" / "good.yaml").write_text(
            f"version: 1\nprompt: Grade it.\nanswers: scale\nendpoint: openai\nmodel: judge\nbase_url: {server.url}\n"
            "sampling: {max_tokens: 20}\n"
        )
        prices = tmp_path / "evals" / "prices.yaml"
        paid = '  - {provider: openai, model: judge, input_usd_per_mtok: "100", output_usd_per_mtok: "1000", '
        prices.write_text(prices.read_text() + paid + 'source: ours, checked_on: "2026-11-25"}\n')
        assert main(words) == 11
        by_model = {name: sum(body["model"] == name for body in server.bodies) for name in ("paid", "judge")}
        spent = sum(map(usd_of, server.bodies))
    report = json.loads((tmp_path / "o" / "toy" / "report.json").read_bytes())
    (stop,) = [f for f in report["findings"] if f["rule"] == "evaluation-unfinished"]
    assert stop["message"].startswith("the budget of $0.78 has no room for another request; spent $")
    assert 0 < spent <= 0.78
    assert by_model["judge"] > 0
