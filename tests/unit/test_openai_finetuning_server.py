"""The stand-in for OpenAI's fine-tuning API refuses what the service refuses, and says what it says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import openai_description
from openai_finetuning_server import KEY, FineTuningServer
from openai_submissions import BASE, rows


@pytest.fixture
def server() -> Iterator[FineTuningServer]:
    with FineTuningServer(judged=False) as running:
        yield running


def ask(
    server: FineTuningServer,
    path: str,
    body: bytes | None = None,
    kind: str = "application/json",
    key: str = KEY,
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    request = urllib.request.Request(server.url + path, data=body, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def upload(
    server: FineTuningServer, content: bytes, purpose: str = "fine-tune"
) -> tuple[int, dict[str, Any]]:
    parts = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose.encode() + b"\r\n"
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n'
        b"Content-Type: application/jsonl\r\n\r\n" + content + b"\r\n--B--\r\n"
    )
    return ask(server, "/files", parts, "multipart/form-data; boundary=B")


def good_file(server: FineTuningServer) -> str:
    content = "".join(json.dumps(row) + "\n" for row in rows()).encode()
    return str(upload(server, content)[1]["id"])


def create(server: FineTuningServer, **body: Any) -> tuple[int, dict[str, Any]]:
    whole = {"model": BASE, "training_file": good_file(server), **body}
    return ask(server, "/fine_tuning/jobs", json.dumps(whole).encode())


def test_takes_what_the_service_takes(server: FineTuningServer) -> None:
    status, job = create(server, method={"type": "supervised"}, suffix="x" * 64, seed=0, metadata={"a": "b"})
    assert (status, job["status"], job["object"]) == (200, "validating_files", "fine_tuning.job")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"training_file": "file-unknown"}, "training_file"),
        ({"validation_file": "file-unknown"}, "validation_file"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "x"}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": 2**31}, "seed"),
        ({"method": {"type": "lora"}}, "method.type"),
        ({"method": {"type": "reinforcement", "reinforcement": {}}}, "method"),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"epochs": 3}}}}, "method"),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 51}}}}, "method"),
        ({"trainingType": "Standard"}, "trainingType"),
        ({"model": "gpt-9"}, None),
    ],
)
def test_refuses_a_job(server: FineTuningServer, body: dict[str, Any], param: str | None) -> None:
    status, answer = create(server, **body)
    assert (status, answer["error"]["param"], server.jobs) == (400, param, {})


def test_refuses_a_file(server: FineTuningServer) -> None:
    assert upload(server, b"{}\n", "training")[1]["error"]["param"] == "purpose"
    status, answer = upload(server, b'{"messages": []}\n[1]\n')
    assert status == 400
    assert answer["error"]["message"].startswith(
        "Expected file to have JSONL format, where every line is a JSON dictionary. Line 2 is not a dictionary"
    )
    assert upload(server, b"\xef\xbb\xbf{}\n")[0] == 400
    server.most_bytes = 10
    assert upload(server, b'{"messages": []}\n')[0] == 413
    assert ask(server, "/files", b"{}")[0] == 400
    assert server.files == {}


def test_an_azure_file_without_its_mark_is_refused() -> None:
    with FineTuningServer(azure=True, judged=False) as server:
        assert upload(server, b"{}\n")[0] == 400
        assert upload(server, b"\xef\xbb\xbf{}\n")[0] == 200


def test_refuses_a_foreign_key_and_unknown_things(server: FineTuningServer) -> None:
    assert ask(server, "/files", key="sk-other")[0] == 401
    server.limits = None
    for path in (
        "/files/file-0",
        "/fine_tuning/jobs/ftjob-0",
        "/models/gpt-9",
        "/fine_tuning/model_limits",
        "/x",
    ):
        assert ask(server, path)[0] == 404
    assert ask(server, "/fine_tuning/jobs/ftjob-0/cancel", b"")[0] == 404


def test_too_few_rows_and_reserved_text_fail_the_job_not_the_upload(server: FineTuningServer) -> None:
    few = upload(server, (json.dumps(rows()[0]) + "\n").encode())[1]["id"]
    job = create(server, training_file=few)[1]["id"]
    server.run(job)
    error = ask(server, f"/fine_tuning/jobs/{job}")[1]["error"]
    assert (error["code"], error["param"]) == ("invalid_training_file", "training_file")
    assert error["message"].endswith("Training file has 1 example(s), but must have at least 10 examples")


def test_lists_in_pages_newest_first_by_metadata(server: FineTuningServer) -> None:
    made = [create(server, metadata={"k": "a" if n % 2 else "b"})[1]["id"] for n in range(5)]
    page = ask(server, "/fine_tuning/jobs?limit=2")[1]
    assert ([job["id"] for job in page["data"]], page["has_more"]) == ([made[4], made[3]], True)
    rest = ask(server, f"/fine_tuning/jobs?limit=9&after={made[3]}")[1]
    assert ([job["id"] for job in rest["data"]], rest["has_more"]) == ([made[2], made[1], made[0]], False)
    assert [job["id"] for job in ask(server, "/fine_tuning/jobs?metadata[k]=a")[1]["data"]] == [
        made[3],
        made[1],
    ]


def test_the_description_and_the_stand_in_refuse_the_same() -> None:
    if reason := openai_description.missing():
        pytest.skip(f"{reason}: requests are not held against it")
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    bad: list[dict[str, Any]] = [
        {"model": BASE},
        {"model": BASE, "training_file": "f", "suffix": "x" * 65},
        {"model": BASE, "training_file": "f", "seed": -1},
        {"model": BASE, "training_file": "f", "method": {"type": "lora"}},
        {"model": BASE, "training_file": "f", "metadata": {"a": 1}},
    ]
    with FineTuningServer(judged=False) as server:
        for body in bad:
            raw = json.dumps(
                {**body, "training_file": good_file(server)} if "training_file" in body else body
            )
            assert ask(server, "/fine_tuning/jobs", raw.encode())[0] == 400
            assert openai_description.violations("POST", "/fine_tuning/jobs", headers, raw.encode())
    assert openai_description.violations("GET", "/fine_tuning/jobs?limit=many", headers, b"")
    assert openai_description.violations("GET", "/fine_tunes", headers, b"")


def test_a_request_that_the_description_does_not_know_fails_the_test() -> None:
    if reason := openai_description.missing():
        pytest.skip(f"{reason}: requests are not held against it")
    with pytest.raises(AssertionError), FineTuningServer() as server:
        ask(server, "/fine_tuning/jobs?limit=many")
