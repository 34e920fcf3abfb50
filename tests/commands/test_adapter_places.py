"""Adapters kept beyond the machine that trained them: whole, verified, and without a pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from killed_training import train
from liftgate.errors import InputError
from liftgate.training.adapter_places import bring, open_place, send
from liftgate.training.adapters import Adapter, read_adapter, seal
from toy_project import make_project

DIGEST = "d" * 64


def adapter_at(folder: Path) -> Adapter:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    seal(
        folder,
        {
            "kind": "adapter",
            "manifest": {"digest": DIGEST},
            "base": {"base_sha256": "b" * 64},
            "serving": {},
            "evidence": {},
        },
        "base",
    )
    return read_adapter(folder)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="needs moto[server]")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "kept")
    boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
    for name, value in {
        "AWS_ENDPOINT_URL": request.getfixturevalue("endpoint"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    name = f"kept-{abs(hash(str(tmp_path))) % 10**10}"
    client = boto3.Session().client("s3")
    client.create_bucket(Bucket=name)
    client.close()
    return f"s3://{name}/adapters"


def test_what_was_sent_is_brought_back_byte_for_byte_and_verified(address: str, tmp_path: Path) -> None:
    sent = adapter_at(tmp_path / "trained")
    (sent.folder / "optimizer.pt").write_bytes(b"a pickle")
    place = open_place(address)
    assert bring(place, tmp_path / "store", DIGEST) is None
    addresses = send(place, sent)
    assert [each.rpartition("/")[2] for each in addresses] == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "liftgate-adapter.json",
    ], "the record is the last, and no pickle goes along"
    brought = bring(place, tmp_path / "store", DIGEST)
    assert brought is not None
    assert brought.sha256 == sent.sha256
    assert brought.folder == tmp_path / "store" / "adapters" / DIGEST


def test_what_was_changed_there_is_refused_and_not_kept(address: str, tmp_path: Path) -> None:
    place = open_place(address)
    send(place, adapter_at(tmp_path / "trained"))
    forged = tmp_path / "forged"
    forged.write_bytes(b"others")
    place.put(DIGEST, "adapter_model.safetensors", forged)
    with pytest.raises(InputError, match=r"adapter_model\.safetensors changed"):
        bring(place, tmp_path / "store", DIGEST)
    assert not (tmp_path / "store" / "adapters" / DIGEST).exists()


@pytest.mark.parametrize("name", ["../evil.json", "training_args.bin", "/etc/passwd.json", ".hidden.json", 7])
def test_a_record_that_lists_what_no_adapter_has_is_refused_before_anything_is_copied(
    tmp_path: Path, name: Any
) -> None:
    place = open_place(str(tmp_path / "kept"))
    folder = tmp_path / "kept" / DIGEST
    folder.mkdir(parents=True)
    record = {"schema_version": 1, "files": [{"path": name, "sha256": "0" * 64}]}
    (folder / "liftgate-adapter.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="it lists files that no adapter has"):
        bring(place, tmp_path / "store", DIGEST)


def test_an_adapter_of_another_manifest_is_not_taken_for_this_one(tmp_path: Path) -> None:
    place = open_place(str(tmp_path / "kept"))
    sent = adapter_at(tmp_path / "trained")
    for name in ("adapter_config.json", "adapter_model.safetensors", "liftgate-adapter.json"):
        place.put("e" * 64, name, sent.folder / name)
    with pytest.raises(InputError, match="it is of another manifest"):
        bring(place, tmp_path / "store", "e" * 64)


@pytest.mark.parametrize("address", ["s3://key:secret@bucket/x", "https://bucket/x", "s3://", "s3://b/../x"])
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InputError) as refused:
        open_place(address)
    assert "secret" not in str(refused.value)


@pytest.mark.local
def test_the_command_keeps_what_it_trained_and_another_machine_trains_nothing(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path / "project", tiny_model)
    kept = tmp_path / "kept"
    assert train(project, tmp_path / "one", "--adapters", str(kept)) == 0
    assert capsys.readouterr().err.count("  kept at ") == 3
    assert (
        train(project, tmp_path / "two", "--adapters", str(kept), "--handoff", str(tmp_path / "served")) == 0
    )
    err = capsys.readouterr().err
    assert "already trained: " in err
    assert "kept at" not in err
    assert (tmp_path / "served" / "serve-vllm.sh").is_file()
    (one,), (two,) = ((tmp_path / name / "adapters").iterdir() for name in ("one", "two"))
    assert read_adapter(one).sha256 == read_adapter(two).sha256
