"""Serving on Bedrock over HTTP: deployments, throughput and imports, each once by digest, and the way back."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

from bedrock_control_account import ACCOUNT, BASE, REGION, Record
from bedrock_world import BUCKET, ROW_TEXT, World, moto_server, submission, world
from liftgate.errors import InputError, LiftgateError, ProviderError, ReplyLost
from liftgate.training.bedrock import importing, serving
from liftgate.training.jobs import Job, JobState


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def there(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(endpoint, tmp_path, monkeypatch) as built:
        yield built


def trained(there: World, tmp_path: Path, seed: int = 0) -> Job:
    job = there.trainer.submit(submission(tmp_path, seed=seed))
    there.control.finish(job.id)
    return there.trainer.poll(job.id)


def metadata(job: Job, **more: str) -> dict[str, str]:
    return {"liftgate_digest": job.digest or "", "liftgate_dataset": "support-intent 1.2.0", **more}


def test_a_trained_model_is_deployed_once_and_carries_its_digest(there: World, tmp_path: Path) -> None:
    job = trained(there, tmp_path)
    first = there.trainer.deploy(job, "support-intent", metadata(job))
    assert (first.state, first.billed) == (serving.ServingState.STARTING, "by the token")
    there.control.serve(first.arn)
    again = there.trainer.deploy(job, "support-intent", metadata(job))
    assert (again.arn, again.state) == (first.arn, serving.ServingState.ACTIVE)
    assert there.control.created["CreateCustomModelDeployment"] == 1
    assert {"key": "liftgate_digest", "value": job.digest} in there.control.tags[first.arn]


@pytest.mark.parametrize("fault", ["lost", "500-done", "500", "throttle", "denied", "expired", "quota"])
@pytest.mark.parametrize("kind", ["deployment", "throughput", "import"])
def test_whatever_becomes_of_the_reply_there_is_one_resource(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fault: str
) -> None:
    operation = {
        "deployment": "CreateCustomModelDeployment",
        "throughput": "CreateProvisionedModelThroughput",
        "import": "CreateModelImportJob",
    }[kind]
    with world(endpoint, tmp_path, monkeypatch, faults={operation: [fault]}) as there:
        job = trained(there, tmp_path)
        account, arn = there.trainer.account, job.model_id or ""
        folder = merged(tmp_path / "merged")

        def attempt() -> Any:
            if kind == "deployment":
                return serving.deploy(account, arn, suffix="shop", metadata=metadata(job)).arn
            if kind == "throughput":
                return serving.provision(account, arn, suffix="shop", metadata=metadata(job)).arn
            return importing.import_model(account, folder, suffix="shop", metadata=metadata(job)).id

        arns, errors = set(), []
        for _ in range(3):
            try:
                arns.add(attempt())
            except LiftgateError as error:
                errors.append(error)
        assert there.control.created[operation] == 1
        assert len(arns) == 1
        assert len(errors) == (0 if fault in {"lost", "500-done"} else 1)
        assert all(isinstance(error, ReplyLost) == (fault == "500") for error in errors)
        assert not any("row text" in str(error) for error in errors)


def test_an_import_that_is_listed_late_is_not_created_again(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(endpoint, tmp_path, monkeypatch, late=4, faults={"CreateModelImportJob": ["lost"]}) as there:
        folder, marks = merged(tmp_path / "merged"), {"liftgate_digest": "ab" * 32}
        results = []
        for _ in range(3):
            try:
                results.append(
                    importing.import_model(there.trainer.account, folder, suffix="shop", metadata=marks).id
                )
            except ReplyLost as error:
                assert "looks before it creates" in str(error)
        assert results
        assert there.control.created["CreateModelImportJob"] == 1


def test_a_deployment_is_pointed_at_another_model_and_back(there: World, tmp_path: Path) -> None:
    old, new = trained(there, tmp_path), trained(there, tmp_path, seed=1)
    account = there.trainer.account
    live = there.trainer.deploy(old, "support-intent", metadata(old))
    there.control.serve(live.arn)
    moving = serving.point(account, live.arn, new.model_id or "")
    assert (moving.model_arn, moving.coming, moving.previous) == (old.model_id, new.model_id, old.model_id)
    serving.point(account, live.arn, new.model_id or "")
    assert there.control.calls.count("UpdateCustomModelDeployment") == 1
    there.control.serve(live.arn)
    assert serving.deployment(account, live.arn).model_arn == new.model_id
    serving.point(account, live.arn, moving.previous or "")
    there.control.serve(live.arn)
    back = serving.deployment(account, live.arn)
    assert (back.arn, back.model_arn, back.coming) == (live.arn, old.model_id, None)


def test_a_swap_that_fails_leaves_the_old_model_answering(there: World, tmp_path: Path) -> None:
    old, new = trained(there, tmp_path), trained(there, tmp_path, seed=1)
    live = there.trainer.deploy(old, "support-intent", metadata(old))
    there.control.serve(live.arn)
    serving.point(there.trainer.account, live.arn, new.model_id or "")
    there.control.serve(live.arn, "Failed")
    after = serving.deployment(there.trainer.account, live.arn)
    assert (after.state, after.model_arn, after.coming) == (serving.ServingState.ACTIVE, old.model_id, None)


def test_a_foreign_deployment_under_our_name_is_left_alone(there: World, tmp_path: Path) -> None:
    job = trained(there, tmp_path)
    live = there.trainer.deploy(job, "support-intent", metadata(job))
    there.control.tags[live.arn] = []
    with pytest.raises(ProviderError, match="serves another model"):
        there.trainer.deploy(job, "support-intent", metadata(job))


def test_a_job_without_a_model_is_not_deployed(there: World, tmp_path: Path) -> None:
    job = there.trainer.submit(submission(tmp_path))
    with pytest.raises(InputError, match="only a job that has succeeded has a model to serve"):
        there.trainer.deploy(job, "support-intent", metadata(job))


def test_throughput_is_rented_without_a_commitment_unless_one_is_named(there: World, tmp_path: Path) -> None:
    job = trained(there, tmp_path)
    account, arn = there.trainer.account, job.model_id or ""
    rented = serving.provision(account, arn, suffix="shop", metadata=metadata(job))
    there.control.serve(rented.arn)
    now = serving.throughput(account, rented.arn)
    assert (now.state, now.billed, now.model_arn) == (serving.ServingState.ACTIVE, "by the hour", arn)
    assert "commitmentDuration" not in there.control.throughputs[rented.arn]
    serving.stop_serving(account, rented.arn)
    serving.stop_serving(account, rented.arn)
    assert not there.control.throughputs
    for units, commitment in ((0, None), (1, "OneYear")):
        with pytest.raises(InputError, match="1 unit or more"):
            serving.provision(
                account, arn, suffix="shop", metadata=metadata(job), units=units, commitment=commitment
            )


def test_a_deployment_that_is_removed_is_gone(there: World, tmp_path: Path) -> None:
    job = trained(there, tmp_path)
    live = there.trainer.deploy(job, "support-intent", metadata(job))
    serving.stop_serving(there.trainer.account, live.arn)
    serving.stop_serving(there.trainer.account, live.arn)
    with pytest.raises(ProviderError, match="does not exist"):
        serving.deployment(there.trainer.account, live.arn)


def merged(folder: Path, extra: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights" + extra.encode())
    (folder / "training_args.bin").write_bytes(b"a pickle")
    return folder


def test_a_merged_model_is_uploaded_without_pickles_and_imported(there: World, tmp_path: Path) -> None:
    marks = {"liftgate_digest": "ab" * 32}
    job = there.trainer.import_model(merged(tmp_path / "merged"), "shop", marks)
    held = [item["Key"] for item in there.s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    folder = held[0].rpartition("/")[0]
    assert [key.removeprefix(folder + "/") for key in held] == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    [(_, asked)] = [request for request in there.control.requests if request[0] == "CreateModelImportJob"]
    assert asked["modelDataSource"] == {"s3DataSource": {"s3Uri": f"s3://{BUCKET}/{folder}/"}}
    assert asked["clientRequestToken"] == "ab" * 32 + "-import"
    there.control.imported(job.id)
    done = importing.poll_import(there.trainer.account, job.id)
    assert done.state is JobState.SUCCEEDED
    assert done.model_arn == f"arn:aws:bedrock:{REGION}:{ACCOUNT}:imported-model/{job.id[-12:]}"
    assert [each.id for each in importing.find_imports(there.trainer.account, "ab" * 32)] == [job.id]


def test_an_import_that_fails_says_where_its_reason_stands(there: World, tmp_path: Path) -> None:
    job = there.trainer.import_model(merged(tmp_path / "merged"), "shop", {"liftgate_digest": "ab" * 32})
    there.control.imported(job.id, "Failed")
    failed = importing.poll_import(there.trainer.account, job.id)
    assert (failed.state, failed.model_arn) == (JobState.FAILED, None)
    assert "get-model-import-job" in (failed.error or "")


def test_a_folder_that_is_not_a_merged_model_is_refused(there: World, tmp_path: Path) -> None:
    folder = merged(tmp_path / "merged")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json missing"):
        there.trainer.import_model(folder, "shop", {"liftgate_digest": "ab" * 32})
    (folder / "tokenizer.json").write_text("{}")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="is not a merged model"):
        there.trainer.import_model(folder, "shop", {"liftgate_digest": "ab" * 32})
    assert not there.s3.list_objects_v2(Bucket=BUCKET).get("Contents")


def test_the_end_of_a_base_is_what_bedrock_announces(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = datetime.datetime(2027, 3, 1, tzinfo=datetime.UTC)
    legacy = ends - datetime.timedelta(days=180)
    models: dict[str, Record] = {
        BASE: {
            "modelLifecycle": {"status": "LEGACY", "legacyTime": legacy, "endOfLifeTime": ends},
            "customizationsSupported": ["FINE_TUNING"],
        },
        "amazon.nova-lite-v1:0": {"modelLifecycle": {"status": "ACTIVE"}},
        "amazon.nova-pro-v1:0": {},
    }
    with world(endpoint, tmp_path, monkeypatch, models=models) as there:
        told = there.trainer.lifecycle(f"arn:aws:bedrock:{REGION}::foundation-model/{BASE}")
        assert (told.model, told.status, told.trainable) == (BASE, "LEGACY", True)
        assert (told.legacy_on, told.ends_on) == (datetime.date(2026, 9, 2), datetime.date(2027, 3, 1))
        assert there.trainer.shutdown_date("amazon.nova-lite-v1:0") is None
        with pytest.raises(ProviderError, match="does not say how long"):
            there.trainer.lifecycle("amazon.nova-pro-v1:0")
        with pytest.raises(ProviderError, match="ResourceNotFoundException"):
            there.trainer.lifecycle("amazon.nova-none-v1:0")


def test_a_model_that_is_not_served_is_a_notice_and_one_that_is_silent_an_error(
    there: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = trained(there, tmp_path)
    [notice] = there.trainer.smoke(job.model_id or "")
    assert (notice.rule, notice.severity) == ("not-deployed", "notice")
    live = there.trainer.deploy(job, "support-intent", metadata(job))
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
    [error] = there.trainer.smoke(live.arn)
    assert (error.rule, error.severity) == ("model-does-not-answer", "error")
    assert ROW_TEXT not in error.message
