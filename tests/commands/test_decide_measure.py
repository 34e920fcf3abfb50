"""`liftgate decide --measure`: the evidence that the matrix asks for, before anybody pays for a training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from hosted_project import make_hosted_project
from liftgate.cli import main
from openai_server import Body, OpenAIServer
from openai_submissions import BASE
from toy_project import DECISION, answer

PAPER = "evals/toy/decision.yaml"
NOTHING = DECISION.replace("paths_tried: [{path: prompt, outcome: it falls short}]", "paths_tried: []")


def by_prompt(right: Callable[[int], bool]) -> Callable[[Body], str]:
    """The first prompt is wrong about every second case; the second one as `right` says."""

    def reply(body: Body) -> str:
        number = int(str(body["messages"][-1]["content"]).split()[-1])
        second = len(body["messages"]) > 2
        return answer("order" if (right(number) if second else number % 2 == 0) else "refund")

    return reply


def project(root: Path, url: str) -> Path:
    make_hosted_project(root, url, policy="trigger: {min_reviewed_rows: 5}\n")
    cases = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"golden {n}"}],
            "expected": {"intent": "order"},
        }
        for n in range(120)
    ]
    (root / "evals/toy/golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (root / "evals/toy/prompts/v2.yaml").write_text(
        f"version: 1\nsystem: Route the ticket.\nexamples:\n  - {{input: late, output: '{answer('order')}'}}\n"
    )
    suite = root / "evals/toy/suite.yaml"
    suite.write_text(suite.read_text() + "  prompt-v2: {prompt: prompts/v2.yaml, model: default}\n")
    (root / PAPER).write_text(NOTHING)
    return root


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")


def measure(root: Path) -> int:
    return main(["decide", "toy", "--measure", "--root", str(root), "--out", str(root / ".liftgate")])


def test_untrained_arms_are_measured_before_anything_is_trained_and_the_document_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(by_prompt(lambda number: number % 2 == 0)) as server:
        root = project(tmp_path, server.url)
        assert main(["decide", "toy", "--root", str(root)]) == 10
        assert (
            "toy: a better prompt by the matrix; the document recommends fine-tune" in capsys.readouterr().err
        )
        assert measure(root) == 0
        asked, said = server.count, capsys.readouterr().err
        assert {body["model"] for body in server.bodies} == {BASE}
        assert (asked, measure(root)) == (240, 0)
        assert server.count == asked
    (report,) = (root / "evals/reports/toy").iterdir()
    named = f"evals/reports/toy/{report.name}"
    entries = (
        f'  - {{path: prompt, arm: base, outcome: "50.0%", report: {named}}}\n'
        f'  - {{path: prompt, arm: prompt-v2, outcome: "50.0%", report: {named}}}\n'
    )
    told = (
        f"\nreport   {report}\nto name under paths_tried, in the order of trying:\n{entries}\n"
        "toy: fine-tuning, by the matrix and by the document\n"
        "  a better prompt    tried, falls short\n"
    )
    assert told in said
    assert told in capsys.readouterr().err
    (root / PAPER).write_text(NOTHING.replace("paths_tried: []", f"paths_tried:\n{entries}"))
    assert main(["decide", "toy", "--root", str(root)]) == 0
    estimate = ["estimate", "--alias", "toy", "--root", str(root)]
    main(estimate)
    assert "decision" not in capsys.readouterr().err
    folder = root / ".liftgate/untrained/toy"
    assert main(["registry", "verify", "--report", str(folder / "report.json")]) == 0
    assert not (root / "ledger").exists()


def test_a_prompt_that_clears_the_bar_turns_the_matrix_against_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(by_prompt(lambda number: True)) as server:
        root = project(tmp_path, server.url)
        assert measure(root) == 10
    said = capsys.readouterr().err
    assert "toy: a better prompt by the matrix; the document recommends fine-tune\n" in said
    assert "  because a prompt clears the bar\n" in said


def test_answers_cost_no_more_than_the_policy_allows_and_half_of_them_say_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(by_prompt(lambda number: True)) as server:
        root = project(tmp_path, server.url)
        policy = root / "evals/policy.yaml"
        policy.write_text(policy.read_text() + "cost: {max_eval_usd: 0.0001}\n")
        assert measure(root) == 11
    told = "no report: not every question was answered within cost.max_eval_usd; this goes on: liftgate decide toy "
    assert f"\n{told}--measure\n" in capsys.readouterr().err
    assert not (root / "evals/reports").exists()


def test_nothing_is_asked_for_an_alias_without_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer() as server:
        root = project(tmp_path, server.url)
        (root / PAPER).unlink()
        assert measure(root) == 2
        assert server.count == 0
    assert "no decision document" in capsys.readouterr().err
