"""Git LFS pointers: read to the letter, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.lfs import Pointer, is_pointer, read_pointer

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
# The example of the Git LFS specification.
SPECIFIED = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()


def test_the_specifications_own_pointer_is_read() -> None:
    assert read_pointer(SPECIFIED) == Pointer(OID, 12345)


@pytest.mark.parametrize(
    "data",
    [
        SPECIFIED.replace(b"4d7a", b"../."),
        SPECIFIED.replace(b"4d7a", b"4D7A"),
        SPECIFIED.replace(b"4d7a", b""),
        SPECIFIED.replace(b"sha256:", b"sha1:"),
        SPECIFIED.replace(b"12345", b"-1"),
        SPECIFIED.replace(b"12345", b"9" * 5000),
        SPECIFIED.replace(b"12345", "١٢".encode()),
        SPECIFIED.replace(b"\n", b"\r\n"),
        SPECIFIED + b"more",
        SPECIFIED + b" " * 2000,
        SPECIFIED[:60],
    ],
)
def test_a_pointer_that_departs_from_its_form_is_refused(data: bytes) -> None:
    assert is_pointer(data)
    assert read_pointer(data) is None


@given(st.binary(max_size=1100))
def test_no_bytes_break_the_reader(tail: bytes) -> None:
    read_pointer(tail)
    found = read_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + tail)
    assert found is None or (len(found.oid) == 64 and found.oid.isalnum())
