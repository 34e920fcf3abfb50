"""The openai trainer against a stand-in that others wrote (npm @copilotkit/aimock, found on the PATH)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from liftgate.training.jobs import JobState
from liftgate.training.trainers import Settings, open_trainer
from openai_submissions import submission

AIMOCK = shutil.which("aimock")
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(AIMOCK is None, reason="aimock is not installed (npm install -g @copilotkit/aimock)"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "fixtures.json").write_text(json.dumps({"fixtures": []}))
    (tmp_path / "aimock.json").write_text(json.dumps({"llm": {"fixtures": "./fixtures.json"}}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(AIMOCK), "--config", str(tmp_path / "aimock.json"), "--port", str(port)]
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def test_one_job_is_created_found_polled_and_cancelled(address: str, tmp_path: Path) -> None:
    trainer = open_trainer(Settings("openai", {"OPENAI_API_KEY": "sk-any", "OPENAI_BASE_URL": address}))
    sent = submission(tmp_path)
    assert trainer.find(sent.manifest.digest) == []
    job = trainer.submit(sent)
    assert [each.id for each in trainer.find(sent.manifest.digest)] == [job.id]
    assert trainer.find("0" * 64) == []
    assert trainer.poll(job.id).digest == sent.manifest.digest
    assert trainer.cancel(job.id).state is JobState.CANCELLED
