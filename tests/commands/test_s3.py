"""Datasets in S3, served by moto on loopback: pinned by sha256, fetched once, refused by name."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.commands.validate import validate_files
from liftgate.errors import InputError, MissingExtra, ProviderError
from liftgate.project import read_subject

boto3 = pytest.importorskip("boto3", reason="needs the extra aws")
pytest.importorskip("moto.server", reason="needs moto[server]")

ADDRESS = "s3://tickets/shop/v1.0.0.train.jsonl"
ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"where is parcel {word}"},
            {"role": "assistant", "content": "order"},
        ],
        "metadata": {"id": word, "source": "human", "reviewed": True},
    }
    for word in ("amber", "basil", "cedar")
]
DATA = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bucket with the dataset in it, found the way that boto3 finds any: by the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "LIFTGATE_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="tickets")
    client.put_object(Bucket="tickets", Key="shop/v1.0.0.train.jsonl", Body=DATA)
    yield client
    client.close()


def card(folder: Path, *, sha256: str = SHA, address: str = ADDRESS, more: str = "") -> Path:
    path = folder / "datasets" / "shop" / "card.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "version: 1\nalias: shop\ntask: style\ndescription: tickets\nowner: us\nlicence: CC0-1.0\n"
        f"releases:\n  - version: 1.0.0\n    train: {{file: '{address}', sha256: {sha256}{more}}}\n"
    )
    return path


def test_a_pinned_object_is_validated_like_a_file_and_fetched_once(bucket: Any, tmp_path: Path) -> None:
    about = card(tmp_path, more=", rows: 3")
    report = validate_files(Path(ADDRESS), card=about)
    assert report["rows"] == 3
    assert {f["rule"] for f in report["findings"]} == {"too-few-rows", "validation-share"}
    bucket.delete_object(Bucket="tickets", Key="shop/v1.0.0.train.jsonl")
    assert validate_files(Path(ADDRESS), card=about) == report
    assert (tmp_path / "cache" / "datasets" / SHA).read_bytes() == DATA


def test_findings_name_the_address_and_the_line(bucket: Any, tmp_path: Path) -> None:
    twice = DATA + DATA.splitlines(keepends=True)[0]
    bucket.put_object(Bucket="tickets", Key="shop/v1.0.0.train.jsonl", Body=twice)
    about = card(tmp_path, sha256=hashlib.sha256(twice).hexdigest())
    report = validate_files(Path(ADDRESS), card=about)
    found = [(f["path"], f["line"]) for f in report["findings"] if f["rule"] == "duplicate-row"]
    assert found == [(ADDRESS, 4)]


def test_the_command_takes_the_address(
    bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", ADDRESS, "--card", str(card(tmp_path))]) == 10
    assert f"{ADDRESS}: error: 3 usable rows" in capsys.readouterr().err


def test_an_object_that_differs_from_its_pin_is_refused_by_name_and_not_kept(
    bucket: Any, tmp_path: Path
) -> None:
    about = card(tmp_path, sha256="f" * 64)
    report = validate_files(Path(ADDRESS), card=about)
    message = f"{ADDRESS}: the object has sha256 {SHA}, the card pins {'f' * 64}"
    found = [(f["path"], f["line"], f["message"]) for f in report["findings"] if f["rule"] == "card-mismatch"]
    assert found == [(str(about), 9, message)]
    assert (report["rows"], report["outcome"]) == (0, "block")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    with pytest.raises(InputError, match="the card pins"):
        read_subject(tmp_path, "shop").data(Path(ADDRESS))


def test_a_damaged_copy_in_the_cache_is_fetched_again(bucket: Any, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "datasets" / SHA
    kept.parent.mkdir(parents=True)
    kept.write_bytes(DATA[:-5])
    assert validate_files(Path(ADDRESS), card=card(tmp_path))["rows"] == 3
    assert kept.read_bytes() == DATA


def test_what_is_trained_is_the_copy_that_was_validated(bucket: Any, tmp_path: Path) -> None:
    card(tmp_path)
    subject = read_subject(tmp_path, "shop")
    assert subject.data(subject.train_path).read_bytes() == DATA


def test_an_older_version_of_an_object_can_be_pinned(bucket: Any, tmp_path: Path) -> None:
    bucket.create_bucket(Bucket="kept")
    bucket.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    first = bucket.put_object(Bucket="kept", Key="v1.0.0.train.jsonl", Body=DATA)["VersionId"]
    bucket.put_object(Bucket="kept", Key="v1.0.0.train.jsonl", Body=b"other")
    address = "s3://kept/v1.0.0.train.jsonl"
    about = card(tmp_path, address=address, more=f", version_id: '{first}'")
    assert validate_files(Path(address), card=about)["rows"] == 3


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("s3://tickets/absent.jsonl", "cannot be fetched: NoSuchKey"),
        ("s3://absent-bucket/rows.jsonl", "cannot be fetched: NoSuchBucket"),
    ],
)
def test_an_object_that_is_not_there_is_the_providers_failure(
    bucket: Any, tmp_path: Path, address: str, told: str
) -> None:
    with pytest.raises(ProviderError, match=told):
        validate_files(Path(address), card=card(tmp_path, address=address))


def test_an_unreachable_store_is_an_error_and_never_a_pass(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ProviderError, match="cannot be fetched: EndpointConnectionError"):
        validate_files(Path(ADDRESS), card=card(tmp_path))


def test_without_credentials_the_error_says_so(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ProviderError, match="cannot be fetched: NoCredentialsError"):
        validate_files(Path(ADDRESS), card=card(tmp_path))


def test_without_the_extra_one_sentence_says_how_to_get_it(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtra) as missing:
        validate_files(Path(ADDRESS), card=card(tmp_path))
    assert missing.value.hint == "pip install 'liftgate[aws]'"


def test_an_address_that_no_card_pins_is_refused(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is pinned by no card"):
        validate_files(Path(ADDRESS))
    with pytest.raises(InputError, match="is pinned by no card"):
        validate_files(Path("s3://tickets/other.jsonl"), card=card(tmp_path))


def test_an_address_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(InputError) as refused:
        validate_files(Path("s3://id:kestrel@tickets/rows.jsonl"))
    assert "holds credentials" in str(refused.value)
    assert "kestrel" not in str(refused.value)
