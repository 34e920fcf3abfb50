"""`liftgate run` where OpenAI trains: blocked, launched, left running, judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from hosted_project import PLANTED, approve, make_hosted_project
from liftgate.cli import main
from liftgate.commands.registry.record import recompute
from liftgate.training.ledger import Ledger, find_verdict
from liftgate.training.ledger_folder import Folder
from openai_finetuning_server import KEY, FineTuningServer
from openai_submissions import BASE
from toy_project import write_jsonl


class Place:
    """The repository, and the provider whose tuned models answer well."""

    def __init__(self, root: Path, server: FineTuningServer) -> None:
        self.root, self.server = root, server

    def run(self, *words: str) -> int:
        places = (
            "--root",
            str(self.root),
            "--out",
            str(self.root / "out"),
            "--ledger",
            str(self.root / "ledger"),
        )
        return main(["run", "--alias", "toy", *places, "--interval", "0.01", *words])

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "out" / "toy" / "report.json").read_bytes())
        return found

    def errors(self) -> list[str]:
        return [each["rule"] for each in self.report()["findings"] if each["severity"] == "error"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    def answer(body: Any) -> str:
        return json.dumps({"intent": "order" if str(body["model"]).startswith("ft:") else "refund"})

    with FineTuningServer(answer=answer) as server:
        server.models[BASE] = "2099-01-01"
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
            monkeypatch.delenv(name, raising=False)
        policy = (
            "trigger: {min_reviewed_rows: 5}\nlatency: {accept_ratio: 50, block_ratio: 100}\n"
            "rules: {near-duplicate-row: 'off', golden-near-leak: 'off'}\n"
        )
        root = make_hosted_project(tmp_path, server.url, policy=policy)
        cases: list[dict[str, Any]] = [
            {
                "id": f"c{n}",
                "messages": [{"role": "user", "content": f"golden question number {n}"}],
                "expected": {"intent": "order"},
            }
            for n in range(60)
        ]
        write_jsonl(root / "evals" / "toy" / "golden.jsonl", cases)
        yield Place(root, server)


def test_blocked_launched_running_judged(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run() == 10
    assert place.errors() == ["approval-missing"]
    assert place.server.calls == []
    assert approve(place.root) == 0
    assert place.run() == 5
    assert place.errors() == ["training-running"]
    told = capsys.readouterr().err.splitlines()
    (waiting, running) = [line for line in told if ", do not merge yet: " in line]
    assert waiting == (
        "Waiting, do not merge yet: the training is priced at $0.01 and needs an approval; nothing was started."
    )
    assert running == (
        "Not finished, do not merge yet: job ftjob-000005 is running at openai; run again, it goes on from there."
    )
    assert place.report()["resumable_hint"].startswith("liftgate run --alias toy")
    (job_id,) = place.server.jobs
    place.server.run(job_id)
    assert place.run("--wait", "--deadline", "0.05") == 5
    model = place.server.succeed(job_id, 4321, "step,train_loss\n1,2.0\n2,1.0\n")
    code = place.run("--wait")
    report = place.report()
    assert (code, report["verdict"]) == (0, "pass"), report["headline"]
    assert len(place.server.jobs) == 1
    training = report["training"]
    assert (training["job_id"], training["model_id"], training["trained_tokens"]) == (job_id, model, 4321)
    assert (training["usd"], training["adapter_sha256"]) == ("0.02", None)
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate"]
    assert (place.root / "out" / "toy" / "models.patch").read_text().startswith("--- a/models.yaml\n")
    assert place.run() == 0
    assert place.report()["training"] == training
    assert len(place.server.jobs) == 1
    record(place, capsys, model)
    shown = capsys.readouterr()
    held = "".join(file.read_text() for file in (place.root / "ledger").rglob("*.json"))
    comment = (place.root / "out" / "toy" / "comment.md").read_text()
    assert f"{model}" in comment
    for planted in (PLANTED, KEY):
        assert planted not in shown.err + shown.out + held + comment


def record(place: Place, capsys: pytest.CaptureFixture[str], model: str) -> None:
    """The verdict goes into the ledger, is found by its key while its answers say so, and ends the trace."""
    folder, ledger = place.root / "out" / "toy", ("--ledger", str(place.root / "ledger"))
    assert main(["registry", "record", str(folder), *ledger]) == 0
    assert main(["registry", "record", str(folder), *ledger]) == 0
    capsys.readouterr()
    assert main(["registry", "trace", model, *ledger]) == 0
    assert "measured  pass, exact_match +100.0 points" in capsys.readouterr().out
    kept, key = Ledger(Folder(place.root / "ledger")), place.report()["verdict_key"]
    assert find_verdict(kept, key, recompute) is not None
    results = folder / "runs" / "candidate" / "results.jsonl"
    before = results.read_text()
    results.write_text(before.replace("1.0", "0.0"))
    assert find_verdict(kept, key, recompute) is None
    assert main(["registry", "record", str(folder), *ledger]) == 2
    results.write_text(before)


def test_where_a_trained_model_has_no_address_the_way_is_that_of_its_provider(place: Place) -> None:
    for name in ("datasets/toy/card.yaml", "evals/prices.yaml", "evals/sunsets.yaml", "models.yaml"):
        path = place.root / name
        path.write_text(path.read_text().replace("provider: openai", "provider: fireworks"))
    with (place.root / "evals" / "policy.yaml").open("a") as policy:
        policy.write("providers_by_classification: {public: [fireworks]}\n")
    assert approve(place.root) == 0
    assert place.run() == 5, place.report()["findings"]
    place.server.succeed(next(iter(place.server.jobs)), 4321)
    assert place.run() == 10
    (found,) = [each["message"] for each in place.report()["findings"] if each["rule"] == "not-deployed"]
    assert found.endswith("from a deployment only, which is billed while it stands; deploy it at fireworks")


def test_a_failed_job_blocks_with_the_rows_it_names(place: Place) -> None:
    assert approve(place.root) == 0
    assert place.run() == 5
    (job_id,) = place.server.jobs
    place.server.fail_job(job_id, "invalid_training_file", f"Line 3: {PLANTED}")
    assert place.run() == 10
    assert sorted(place.errors()) == ["row-refused", "training-failed"]
    named = next(each for each in place.report()["findings"] if each["rule"] == "row-refused")
    assert named["line"] == 3
    assert PLANTED not in json.dumps(place.report()["findings"])
    assert place.run() == 10
    assert len(place.server.jobs) == 1


def test_a_lost_reply_while_running_everything_makes_one_job(place: Place) -> None:
    assert approve(place.root) == 0
    place.server.fail("POST", "/fine_tuning/jobs", "lost")
    assert place.run() == 5
    assert place.run() == 5
    assert len(place.server.jobs) == 1
