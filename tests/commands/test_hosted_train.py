"""`liftgate approve` and `liftgate train` with the real SDK against a provider on loopback."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai")

from hosted_project import PLANTED, approve, digest_of, make_hosted_project, train
from liftgate.cli import main
from liftgate.config import parse_yaml
from liftgate.registry.models import read_models
from openai_finetuning_server import KEY, FineTuningServer
from openai_submissions import BASE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FineTuningServer]:
    with FineTuningServer() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture
def project(tmp_path: Path, server: FineTuningServer) -> Path:
    return make_hosted_project(tmp_path, server.url)


def only_job(server: FineTuningServer) -> str:
    (job_id,) = server.jobs
    return str(job_id)


def ledger_text(root: Path) -> str:
    return "".join(file.read_text() for file in (root / "ledger").rglob("*.json"))


def events(root: Path) -> list[str]:
    files = sorted((root / "ledger" / "jobs").rglob("*.json"))
    return [json.loads(file.read_text())["event"] for file in files]


def test_without_an_approval_nothing_is_sent(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project) == 10
    assert server.calls == []
    assert capsys.readouterr().err.splitlines()[-1] == (
        "evals/policy.yaml: error: the training is priced at $0.01 and needs an approval; nothing was started "
        "[approval-missing]"
    )


def test_from_approval_to_a_variant_at_zero_percent(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(project) == 0
    assert train(project) == 5
    job_id = only_job(server)
    assert server.jobs[job_id]["metadata"]["liftgate_digest"] == digest_of(project)
    assert train(project, "--resume") == 5
    server.run(job_id)
    for step, loss in ((1, 2.0), (2, 1.5)):
        server.metrics(job_id, step, train_loss=loss)
    capsys.readouterr()
    assert train(project, "--wait", "--deadline", "0.05") == 5
    err = capsys.readouterr().err
    assert f"job {job_id} is running, loss █▁ 1.5000 at step 2\n" in err
    assert "it goes on without this command\n  hint: liftgate train --alias toy" in err
    model = server.succeed(job_id, 1234)
    assert train(project, "--wait", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "digest": digest_of(project),
        "provider": "openai",
        "job_id": job_id,
        "state": "succeeded",
        "model_id": model,
        "checkpoints": [],
        "trained_tokens": 1234,
    }
    assert len(server.jobs) == 1
    assert events(project) == ["submitted", "finished", "smoke"]
    patch = project / "out" / "toy" / "models.patch"
    subprocess.run(["git", "-C", str(project), "apply", str(patch)], check=True)
    text = (project / "models.yaml").read_text()
    assert text.startswith("# the registry\n")
    assert "# untuned\n" in text
    entry = read_models(text).alias("toy").variants["v1.0.0"].entry
    assert (entry["model_id"], entry["job_id"], entry["rollout_percent"]) == (model, job_id, 0)
    assert (entry["manifest_digest"], entry["method"]) == (digest_of(project), "supervised")
    assert entry["hyperparameters"]["epochs"] == 3
    assert entry["training_usd"] == "0.01"
    assert (entry["base"], entry["dataset"]["version"]) == (BASE, "1.0.0")
    assert parse_yaml(text, "m").data["models"]["toy"]["default"]["base_url"] == server.url
    assert train(project) == 0
    assert len(server.jobs) == 1
    assert "holds the model of job" in capsys.readouterr().err


def test_nothing_planted_is_in_any_output_or_in_the_ledger(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(project) == 0
    assert train(project) == 5
    server.fail_job(
        only_job(server),
        "invalid_training_file",
        f"Line 3: {PLANTED} see https://b/k?X-Amz-Signature=1",
    )
    assert train(project) == 10
    shown = capsys.readouterr()
    for planted in (PLANTED, KEY, "X-Amz-Signature"):
        assert planted not in shown.err + shown.out
        assert planted not in ledger_text(project)
    assert (
        "datasets/toy/v1.0.0.train.jsonl:3: error: the provider cannot train on this row [row-refused]"
        in shown.err
    )


@pytest.mark.parametrize("mode", ["lost", "garbled", "cut"])
def test_a_lost_reply_to_the_create_makes_one_job(project: Path, server: FineTuningServer, mode: str) -> None:
    approve(project)
    server.fail("POST", "/fine_tuning/jobs", mode)
    assert train(project) == 5
    assert train(project) == 5
    assert len(server.jobs) == 1
    assert events(project) == ["submitted"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/files"), ("GET", "/files"), ("GET", "/fine_tuning/jobs"), ("GET", "/files/.*")],
)
@pytest.mark.parametrize("mode", ["401", "403"])
def test_refused_credentials_start_nothing_and_the_next_run_goes_on(
    project: Path, server: FineTuningServer, method: str, path: str, mode: str
) -> None:
    approve(project)
    server.fail(method, path, mode)
    assert train(project) == 4
    assert len(server.jobs) == 0
    assert train(project) == 5
    assert len(server.jobs) == 1


def test_a_refused_create_is_not_a_lost_one(project: Path, server: FineTuningServer) -> None:
    approve(project)
    server.fail("POST", "/fine_tuning/jobs", "429")
    assert train(project) == 4
    assert events(project) == ["released"]
    assert train(project) == 5
    assert len(server.jobs) == 1


def test_rows_that_the_provider_refuses_are_told_at_their_line(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.broken_files["train"] = f"Invalid file format. Line 2: {PLANTED}"
    approve(project)
    assert train(project) == 4
    err = capsys.readouterr().err
    assert "datasets/toy/v1.0.0.train.jsonl:2: the provider does not take this row" in err
    assert PLANTED not in err
    assert events(project) == ["released"]


def test_two_launches_at_once_make_one_job(project: Path, server: FineTuningServer) -> None:
    approve(project)
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(train(project))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [5, 5, 5]
    assert len(server.jobs) == 1
    assert events(project) == ["submitted"]


def test_a_change_after_the_approval_voids_it(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(project) == 0
    card = project / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace("epochs: 3", "epochs: 2"))
    assert train(project) == 10
    card.write_text(card.read_text().replace("epochs: 2", "epochs: 3"))
    prices = project / "evals" / "prices.yaml"
    prices.write_text(prices.read_text().replace('train_usd_per_mtok: "3.00"', 'train_usd_per_mtok: "3.01"'))
    capsys.readouterr()
    assert train(project) == 10
    assert "the row of the price table has changed since" in capsys.readouterr().err
    assert server.calls == []


def test_another_repository_or_change_cannot_use_an_approval(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(project, "--change", "pull/7", "--repository", "octocat/toy") == 0
    for words, why in (
        (("--change", "pull/8", "--repository", "octocat/toy"), "it is for another change"),
        (("--change", "pull/7", "--repository", "mallory/toy"), "it is for another repository"),
        (("--change", "pull/7", "--repository", "octocat/toy", "--author", "bob"), "of another author"),
    ):
        capsys.readouterr()
        assert train(project, *words) == 10
        assert why in capsys.readouterr().err
    assert server.calls == []
    assert train(project, "--change", "pull/7", "--repository", "octocat/toy", "--author", "ann") == 5


def test_nobody_approves_their_own_change(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert approve(project, by="Ann") == 2
    assert "Ann wrote the change and cannot approve it" in capsys.readouterr().err


def test_what_the_policy_forbids_cannot_be_approved(
    tmp_path: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    few = make_hosted_project(tmp_path / "few", server.url, policy="trigger: {min_reviewed_rows: 13}\n")
    assert approve(few) == 10
    assert "12 reviewed rows, the policy starts a paid training from 13" in capsys.readouterr().err
    nowhere = make_hosted_project(
        tmp_path / "nowhere",
        server.url,
        policy="trigger: {min_reviewed_rows: 0}\nproviders_by_classification: {public: [bedrock]}\n",
    )
    assert approve(nowhere) == 10
    assert train(nowhere) == 10
    assert "card.yaml:7: error: openai may not hold public rows" in capsys.readouterr().err
    assert server.calls == []


def test_a_price_that_the_policy_starts_by_itself_needs_no_approval(
    tmp_path: Path, server: FineTuningServer
) -> None:
    policy = "trigger: {min_reviewed_rows: 0}\ncost: {auto_approve_usd: 1}\n"
    root = make_hosted_project(tmp_path, server.url, policy=policy)
    assert train(root) == 5
    assert len(server.jobs) == 1


def test_a_person_cancels_and_another_job_takes_a_fresh_approval(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(project)
    assert train(project) == 5
    assert train(project, "--cancel", "--by", "owner") == 10
    assert events(project) == ["submitted", "cancel-requested", "finished"]
    capsys.readouterr()
    assert train(project) == 10
    assert "a launch has used it already" in capsys.readouterr().err
    assert approve(project) == 0
    assert train(project) == 2
    assert train(project, "--relaunch") == 5
    assert len(server.jobs) == 2


def test_a_local_card_knows_nothing_of_jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_hosted_project(tmp_path, "http://127.0.0.1:1/v1")
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace(f"provider: openai, base: {BASE}", "provider: local, base: b"))
    for word in ("--wait", "--cancel", "--relaunch"):
        assert train(root, word) == 2
        assert f"{word} goes with a provider" in capsys.readouterr().err
    assert (
        main(
            ["approve", "--alias", "toy", "--digest", "x", "--by", "a", "--author", "b", "--root", str(root)]
        )
        == 2
    )
    assert "its revision is not known here" in capsys.readouterr().err


def test_resuming_what_was_never_launched_is_told(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project, "--resume") == 2
    assert "nothing was launched under this digest" in capsys.readouterr().err
    assert server.calls == []


def test_rows_that_are_not_those_of_the_card_are_neither_approved_nor_sent(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = project / "datasets/toy/v1.0.0.train.jsonl"
    rows.write_text(rows.read_text().replace("parcel 3", "parcel 33"))
    assert approve(project) == 10
    assert train(project) == 10
    assert server.calls == []
    err = capsys.readouterr().err
    assert err.count("datasets/toy/card.yaml:11: error: v1.0.0.train.jsonl has sha256 ") == 2
    assert "the card says another [card-mismatch]" in err
    assert PLANTED not in err
