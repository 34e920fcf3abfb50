"""Every road to an answer in one run: documents, another provider, what is promoted, a judge that may gate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import read_run
from liftgate.evaluation.suite_folder import read_judge
from liftgate.registry.models import read_models
from openai_server import Body, OpenAIServer
from toy_project import make_project

ARMS = """\
endpoints:
  gateway: {{kind: openai, base_url: "{url}"}}
arms:
  rag: {{prompt: prompts/rag.yaml, retriever: {{kind: bm25, documents: documents, passages: 1}}}}
  routing: {{model: other-model, endpoint: gateway, sampling: {{max_tokens: 12}}}}
  last-promoted: {{prompt: prompts/v1.yaml, model: promoted}}
  candidate: {{prompt: prompts/v1.yaml, model: candidate}}
"""


def with_arms(root: Path, url: str) -> None:
    evals = root / "evals" / "toy"
    suite = (evals / "suite.yaml").read_text()
    suite = suite.replace(
        "scorers: [exact_match, json_valid]", "scorers: [exact_match, label.intent, token_probability]"
    )
    (evals / "suite.yaml").write_text(suite[: suite.index("arms:")] + ARMS.format(url=url))
    (evals / "prompts" / "rag.yaml").write_text('version: 1\ncontext: "{passages}"\n')
    (evals / "documents").mkdir()
    (evals / "documents" / "intents.md").write_text(
        "A refund is money back. Billing is an invoice. An order ships.\n"
    )


def test_every_road_is_asked_and_one_that_leads_nowhere_is_named(tmp_path: Path, tiny_model: Path) -> None:
    def router(body: Body) -> str:
        return json.dumps({"intent": str(body["messages"][-1]["content"]).split()[-1]})

    make_project(tmp_path, tiny_model)
    with OpenAIServer(router) as server:
        with_arms(tmp_path, server.url)
        # token_probability needs the weights, which the other provider keeps
        assert main(["run", "--root", str(tmp_path), "--out", str(tmp_path / "o"), "--alias", "toy"]) == 2
        suite = tmp_path / "evals" / "toy" / "suite.yaml"
        suite.write_text(suite.read_text().replace(", token_probability", ""))
        code = main(["run", "--root", str(tmp_path), "--out", str(tmp_path / "o"), "--alias", "toy"])
    assert code in {10, 11}
    folder = tmp_path / "o" / "toy"
    report = json.loads((folder / "report.json").read_bytes())
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "rag", "routing"]
    assert [f["message"] for f in report["findings"] if f["rule"] == "arm-not-asked"] == [
        "arm last-promoted was not asked: no variant of this alias is rolled out yet"
    ]
    routing, rag = read_run(folder / "runs" / "routing"), read_run(folder / "runs" / "rag")
    quality = [row for row in routing.rows if row["suite"] == "quality"]
    assert {row["scores"]["label.intent"] for row in quality} == {1.0}
    assert (
        json.loads((folder / "runs/routing/run.json").read_bytes())["aggregates"]["label.intent"]["macro_f1"]
        == 1.0
    )
    assert rag.meta["retriever"]["kind"] == "bm25"
    assert server.bodies[0]["model"] == "other-model"
    assert {body["max_tokens"] for body in server.bodies} == {12}


def test_the_likelihood_of_expected_answers_rises_with_training_and_is_kept(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, tiny_model, epochs=3)
    suite = tmp_path / "evals" / "toy" / "suite.yaml"
    suite.write_text(
        suite.read_text().replace("[exact_match, json_valid]", "[exact_match, token_probability]")
    )
    words = ["run", "--root", str(tmp_path), "--out", str(tmp_path / "o"), "--alias", "toy"]
    assert main(words) in {10, 11}
    folder = tmp_path / "o" / "toy" / "runs"
    found = {name: json.loads((folder / name / "run.json").read_bytes()) for name in ("base", "candidate")}
    base, tuned = (found[name]["aggregates"]["token_probability"] for name in ("base", "candidate"))
    assert base["n"] == tuned["n"] == 12
    assert base["tokens"] == tuned["tokens"] > 12
    assert 1 < tuned["perplexity"] < base["perplexity"]
    rows = read_run(folder / "base").rows
    scored = [row for row in rows if row["suite"] == "quality"]
    assert all(0 < row["scores"]["token_probability"] < 1 for row in scored)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a second run loads no model")

    monkeypatch.setattr("liftgate.evaluation.endpoints.local.loaded", never)
    assert main(words) in {10, 11}
    again = json.loads((folder / "base" / "run.json").read_bytes())
    assert again["aggregates"] == found["base"]["aggregates"]


def variant(percent: int, version: str = "1.0.0") -> str:
    return f"{{model_id: t, provider: local, dataset: {{version: {version}}}, flag: f, rollout_percent: {percent}}}"


@pytest.mark.parametrize(
    ("variants", "promoted"),
    [
        ({}, None),
        ({"a": variant(0)}, None),
        ({"a": variant(5), "b": variant(95)}, "b"),
        ({"a": variant(50, "1.10.0"), "b": variant(50, "1.9.0")}, "a"),
    ],
)
def test_the_promoted_variant_is_the_one_most_callers_get(
    variants: dict[str, str], promoted: str | None
) -> None:
    said = ", ".join(f"{name}: {entry}" for name, entry in variants.items())
    text = f"version: 1\nmodels:\n  toy:\n    default: {{model_id: m, provider: local}}\n    variants: {{{said}}}\n"
    found = read_models(text).aliases["toy"].promoted
    assert (found.name if found else None) == promoted


def test_a_judge_gates_in_the_flow_by_the_calibration_of_its_suite(tmp_path: Path, tiny_model: Path) -> None:
    def harsh(body: Body) -> str:
        return json.dumps({"reason": "", "score": 1 + 4 * ("refund" in str(body["messages"][-1]["content"]))})

    make_project(tmp_path, tiny_model)
    evals = tmp_path / "evals" / "toy"
    text = (evals / "suite.yaml").read_text()
    (evals / "suite.yaml").write_text(
        text.replace("json_valid]", "{scorer: judge, judge: judges/faithfulness.yaml}]")
    )
    (evals / "judges").mkdir()
    words = ["run", "--root", str(tmp_path), "--out", str(tmp_path / "o"), "--alias", "toy"]
    with OpenAIServer(harsh) as server:
        path = evals / "judges" / "faithfulness.yaml"
        path.write_text(
            f"version: 1\nprompt: Grade it.\nanswers: scale\nendpoint: openai\nmodel: g\nbase_url: {server.url}\n"
        )
        assert main(words) in {10, 11}
        assert part(tmp_path, "judge")["gates"] is False
        run = read_run(tmp_path / "o" / "toy" / "runs" / "base")
        checked: dict[str, Any] = {
            "schema_version": 1,
            "metric": "faithfulness",
            "human_pairs": 64,
            "kappa": 0.71,
            "order_swapped": False,
            "pairwise": False,
            "judge": run.meta["judges"]["faithfulness"],
        }
        assert checked["judge"]["sha256"] == read_judge(path).sha256
        (evals / "calibration.json").write_text(json.dumps(checked))
        count = server.count
        assert main(words) in {10, 11}
        assert server.count == count
    judged = part(tmp_path, "judge")
    assert judged["gates"] is True
    assert "agreement with people κ 0.71 on 64 pairs" in judged["detail"]
    comment = (tmp_path / "o" / "toy" / "comment.md").read_text("utf-8")
    assert re.search(r"κ 0\.71 on 64 pairs", comment)
    gate = ["gate", "--run", str(tmp_path / "o" / "toy"), "--policy", str(tmp_path / "evals" / "policy.yaml")]
    assert main(gate) in {10, 11}
    assert part(tmp_path, "judge")["gates"] is True


def part(root: Path, name: str) -> dict[str, Any]:
    comparison = json.loads((root / "o" / "toy" / "comparison.json").read_bytes())
    found: dict[str, Any] = next(each for each in comparison["parts"] if each["name"] == name)
    return found
