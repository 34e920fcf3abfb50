"""From a card to a verdict on Bedrock, by commands alone, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from bedrock_control_account import BASE
from bedrock_server import ACCESS_KEY, SECRET_KEY, BedrockServer
from bedrock_world import World, moto_server, world
from hosted_project import PLANTED, approve, digest_of, make_hosted_project, train
from liftgate.cli import main
from liftgate.registry.models import read_models
from openai_submissions import BASE as OPENAI_BASE
from toy_project import write_jsonl


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def there(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    with world(endpoint, tmp_path / "aws", monkeypatch, more=keys) as built:
        yield built


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The hosted project with Bedrock in OpenAI's place, and enough golden cases to tell."""
    root = make_hosted_project(tmp_path / "repository", "https://unused")
    for path in ("datasets/toy/card.yaml", "evals/prices.yaml", "evals/sunsets.yaml", "models.yaml"):
        text = (root / path).read_text()
        text = text.replace(", base_url: https://unused", ", region: us-east-1").replace("openai", "bedrock")
        text = text.replace(OPENAI_BASE, f'"{BASE}"')
        text = text.replace(
            "train_usd_per_mtok", 'provisioned_usd_per_hour: "9.50", tokenizer: unknown, train_usd_per_mtok'
        )
        (root / path).write_text(text)
    cases: list[dict[str, Any]] = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"golden question number {n}"}],
            "expected": {"intent": "order"},
        }
        for n in range(60)
    ]
    write_jsonl(root / "evals" / "toy" / "golden.jsonl", cases)
    return root


def serve(root: Path, *words: str) -> int:
    places = ("--root", str(root), "--ledger", str(root / "ledger"), "--out", str(root / "out"))
    return main(["serve", "--alias", "toy", *places, "--interval", "0.01", *words])


def evaluate(root: Path, model: str, name: str) -> int:
    suite = str(root / "evals" / "toy" / "suite.yaml")
    words = ["--model", model, "--endpoint", "bedrock", "--region", "us-east-1", "--out", str(root / name)]
    return main(["evaluate", "--suite", suite, *words, "--store", str(root / "store.sqlite")])


def test_the_whole_story(
    there: World, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log: list[str] = []

    def step(title: str, code: int, expected: int) -> str:
        said = capsys.readouterr()
        log.append(f"$ {title}\n{said.out}{said.err}-> exit {code}\n")
        assert code == expected, log[-1]
        return said.out + said.err

    root = str(project)
    step("liftgate estimate --alias toy", main(["estimate", "--alias", "toy", "--root", root]), 0)
    step("liftgate train --alias toy", train(project), 10)
    assert not there.control.calls
    step("liftgate approve --alias toy --digest ... --by owner --author ann", approve(project), 0)
    step("liftgate train --alias toy", train(project), 5)
    [job_id] = there.control.jobs
    step("liftgate train --alias toy", train(project), 5)
    assert there.control.created["CreateModelCustomizationJob"] == 1
    step("liftgate serve --alias toy (too early)", serve(project), 2)
    there.control.finish(job_id, losses=[2.0, 1.0, 0.5])
    step("liftgate train --alias toy --wait", train(project, "--wait"), 0)

    step("liftgate serve --alias toy", serve(project), 5)
    [deployment] = there.control.deployments
    there.control.serve(deployment)
    right = {"now": False}

    def answer(body: Any) -> list[dict[str, Any]]:
        return [{"text": json.dumps({"intent": "order" if right["now"] else "refund"})}]

    with BedrockServer(answer, models=[BASE, deployment]) as runtime:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", runtime.url)
        for _ in range(2):
            step("liftgate serve --alias toy --wait", serve(project, "--wait"), 0)
        assert runtime.count == 1
        assert there.control.created["CreateCustomModelDeployment"] == 1
        patch = str(project / "out" / "toy" / "models.patch")
        subprocess.run(["git", "-C", root, "apply", patch], check=True)
        step("git apply out/toy/models.patch", 0, 0)
        variant = read_models((project / "models.yaml").read_bytes()).alias("toy").variants["v1.0.0"]
        assert (variant.model.model_id, variant.rollout_percent) == (deployment, 0)
        assert (variant.entry["job_id"], variant.entry["manifest_digest"]) == (job_id, digest_of(project))

        step(f"liftgate evaluate --model {BASE} --endpoint bedrock", evaluate(project, BASE, "base"), 0)
        right["now"] = True
        step(f"liftgate evaluate --model {deployment}", evaluate(project, deployment, "tuned"), 0)
    runs = ["--base", str(project / "base"), "--candidate", str(project / "tuned")]
    # How fast a loopback server answers on a busy machine says nothing about a model.
    policy = project / "policy.yaml"
    policy.write_text("version: 1\nlatency: {accept_ratio: 1000, block_ratio: 1000}\n")
    runs += ["--policy", str(policy)]
    verdict = step(
        "liftgate compare --base base --candidate tuned",
        main(["compare", *runs, "--out", str(project / "c")]),
        0,
    )
    assert "pass" in verdict

    log.append((project / "out" / "toy" / "models.patch").read_text())
    whole = "\n".join(log).replace(root, ".")
    if where := os.environ.get("LIFTGATE_STORY"):
        Path(where).write_text(whole)
    ledger = "".join(file.read_text() for file in (project / "ledger").rglob("*.json"))
    for planted in (PLANTED, ACCESS_KEY, SECRET_KEY, "X-Amz-Signature"):
        assert planted not in whole
        assert planted not in ledger


def test_a_deployment_that_callers_use_is_pointed_at_the_new_model_and_back(
    there: World, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(project)
    train(project)
    [job_id] = there.control.jobs
    there.control.finish(job_id)
    train(project)
    serve(project)
    [live] = there.control.deployments
    there.control.serve(live)
    model = there.control.jobs[job_id]["outputModelArn"]
    older = model[:-12] + "000000000099"
    there.control.jobs["older"] = {**there.control.jobs[job_id], "outputModelArn": older, "jobName": "older"}
    there.control.deployments[live]["modelArn"] = older
    capsys.readouterr()
    assert serve(project, "--deployment", live) == 5
    assert f"--deployment {live} --model {older}" in capsys.readouterr().err
    there.control.serve(live)
    assert serve(project, "--deployment", live) == 0
    assert serve(project, "--deployment", live, "--model", older) == 5
    there.control.serve(live)
    assert there.control.deployments[live]["modelArn"] == older
    assert serve(project, "--deployment", "live") == 2
    assert serve(project, "--model", older) == 2


def test_throughput_is_rented_only_at_a_price_that_somebody_named(
    there: World, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(project)
    train(project)
    [job_id] = there.control.jobs
    there.control.finish(job_id)
    train(project)
    capsys.readouterr()
    assert serve(project, "--provisioned", "2") == 2
    assert capsys.readouterr().err == (
        "error: throughput costs $19.00 an hour until somebody ends it\n  hint: --most-usd-per-hour 19.00 allows it\n"
    )
    assert serve(project, "--provisioned", "2", "--most-usd-per-hour", "18.99") == 2
    assert not there.control.throughputs
    assert serve(project, "--provisioned", "2", "--most-usd-per-hour", "19") == 5
    [rented] = there.control.throughputs.values()
    assert rented["modelUnits"] == 2
    assert "2 units: $19.00 an hour, idle or not" in capsys.readouterr().err
    prices = project / "evals" / "prices.yaml"
    prices.write_text(prices.read_text().replace('provisioned_usd_per_hour: "9.50", ', ""))
    assert serve(project, "--provisioned", "1", "--most-usd-per-hour", "100") == 2
    assert "nobody knows what an hour of throughput costs" in capsys.readouterr().err


def test_a_card_that_trains_elsewhere_has_nothing_to_serve_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_hosted_project(tmp_path, "https://unused")
    assert serve(root) == 2
    assert "does not train on bedrock" in capsys.readouterr().err
