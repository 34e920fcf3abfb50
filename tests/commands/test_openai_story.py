"""From a pull request to a verdict at OpenAI, by commands alone, over HTTP; the create's reply is lost on the way.

`LIFTGATE_STORY_OPENAI=FILE` keeps what the commands said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from hosted_project import PLANTED, approve, digest_of, make_hosted_project, train
from liftgate.cli import main
from liftgate.registry.models import read_models
from openai_finetuning_server import KEY, FineTuningServer
from openai_submissions import BASE
from toy_project import git, write_jsonl


def make_change(root: Path, url: str) -> None:
    """The ruler and the registry on `main`, the dataset on a branch."""
    # A busy machine's latency decides nothing here.
    make_hosted_project(
        root,
        url,
        policy="trigger: {min_reviewed_rows: 5}\nlatency: {accept_ratio: 50, block_ratio: 100}\n",
    )
    cases: list[dict[str, Any]] = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"golden question number {n}"}],
            "expected": {"intent": "order"},
        }
        for n in range(60)
    ]
    write_jsonl(root / "evals" / "toy" / "golden.jsonl", cases)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "evals", "models.yaml")
    git(root, "commit", "-q", "-m", "The ruler")
    git(root, "checkout", "-q", "-b", "tuned")
    git(root, "add", "datasets")
    git(root, "commit", "-q", "-m", "The dataset")


def evaluate(root: Path, url: str, model: str, name: str) -> int:
    suite = str(root / "evals" / "toy" / "suite.yaml")
    words = ["--model", model, "--endpoint", "openai", "--base-url", url, "--out", str(root / name)]
    return main(["evaluate", "--suite", suite, *words, "--store", str(root / "store.sqlite")])


@pytest.fixture
def tuned() -> set[str]:
    """The models that know the answer."""
    return set()


@pytest.fixture
def server(tuned: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FineTuningServer]:
    def answer(body: Any) -> str:
        return json.dumps({"intent": "order" if body["model"] in tuned else "refund"})

    with FineTuningServer(answer=answer) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
            monkeypatch.delenv(name, raising=False)
        yield running


def test_the_whole_story(
    tmp_path: Path, server: FineTuningServer, tuned: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log: list[str] = []
    project = tmp_path / "repository"

    def step(title: str, code: int, expected: int) -> str:
        said = capsys.readouterr()
        log.append(f"$ {title}\n{said.out}{said.err}-> exit {code}\n")
        assert code == expected, log[-1]
        return said.out + said.err

    make_change(project, server.url)
    root = str(project)
    step("liftgate plan --base main", main(["plan", "--base", "main", "--root", root]), 0)
    step("liftgate estimate --alias toy", main(["estimate", "--alias", "toy", "--root", root]), 0)
    step("liftgate train --alias toy", train(project), 10)
    assert server.jobs == {}
    step("liftgate approve --alias toy --digest ... --by owner --author ann", approve(project), 0)

    server.fail("POST", "/fine_tuning/jobs", "lost")
    step("liftgate train --alias toy    (the reply to the create is lost)", train(project), 5)
    step("liftgate train --alias toy", train(project), 5)
    (job_id,) = server.jobs
    assert server.jobs[job_id]["metadata"]["liftgate_digest"] == digest_of(project)
    assert server.count("POST /fine_tuning/jobs") == 1

    server.run(job_id)
    for number, loss in enumerate((2.0, 1.1, 0.6, 0.3), start=1):
        server.metrics(job_id, number, train_loss=loss, valid_loss=loss + 0.1)
    step("liftgate train --alias toy --resume", train(project, "--resume"), 5)
    server.set_status(job_id, "paused")
    step("liftgate train --alias toy --resume    (paused)", train(project, "--resume"), 5)
    tuned.add(server.checkpoint(job_id, 2, valid_loss=1.2))
    model = server.succeed(job_id, 1_234)
    tuned.add(model)
    step("liftgate train --alias toy --wait", train(project, "--wait"), 0)
    assert len(server.jobs) == 1

    ledger_at = ["--root", root, "--ledger", str(project / "ledger")]
    told = step(f"liftgate registry trace {model}", main(["registry", "trace", model, *ledger_at]), 0)
    assert all(word in told for word in (job_id, "owner", "1.0.0"))
    git(project, "apply", str(project / "out" / "toy" / "models.patch"))
    step("git apply out/toy/models.patch", 0, 0)
    variant = read_models((project / "models.yaml").read_bytes()).alias("toy").variants["v1.0.0"]
    assert (variant.model.model_id, variant.rollout_percent) == (model, 0)
    assert (variant.entry["job_id"], variant.entry["manifest_digest"]) == (job_id, digest_of(project))

    for name, which in (
        ("base", BASE),
        ("candidate", variant.model.model_id),
        ("checkpoint", min(tuned - {model})),
    ):
        step(
            f"liftgate evaluate --model {which} --endpoint openai --out {name}",
            evaluate(project, server.url, which, name),
            0,
        )
    for name in ("candidate", "checkpoint"):
        runs = ["--base", str(project / "base"), "--candidate", str(project / name)]
        runs += ["--policy", str(project / "evals" / "policy.yaml")]
        verdict = step(
            f"liftgate compare --base base --candidate {name}",
            main(["compare", *runs, "--out", str(project / f"{name}-compared")]),
            0,
        )
        assert "pass" in verdict

    log.append((project / "out" / "toy" / "models.patch").read_text())
    whole = "\n".join(log).replace(root, ".")
    if where := os.environ.get("LIFTGATE_STORY_OPENAI"):
        Path(where).write_text(whole)
    ledger = "".join(file.read_text() for file in (project / "ledger").rglob("*.json"))
    for planted in (PLANTED, KEY):
        assert planted not in whole
        assert planted not in ledger
