"""A server that others wrote to break clients: no case is lost, and it finds nothing to blame."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import read_run

LLMOCK = Path(sys.prefix) / "share" / "servers" / "bin" / "llmock"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not LLMOCK.exists(), reason="llmock is not installed"),
]
CASES = 500


@pytest.fixture
def server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--port", str(port), "--response-style", "echo", "--log-level", "warning"]
    words += ["--error-rate", "429=0.15", "--error-rate", "503=0.05"]
    with subprocess.Popen([LLMOCK, *words], stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(url)
            yield url
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310
        except urllib.error.HTTPError:
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_a_storm_of_429_and_503_loses_no_case_and_the_servers_strict_report_passes(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    golden = [{"id": f"g{n}", "input": f"word {n}", "expected": f"word {n}"} for n in range(CASES)]
    (tmp_path / "golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))
    words = ["evaluate", "--cases", "golden.jsonl", "--scorer", "contains", "--model", "gpt-4o-mini"]
    words += ["--endpoint", "openai", "--base-url", f"{server}/v1", "--concurrency", "32", "--out", "out"]
    assert main(words) == 0
    run = read_run(tmp_path / "out")
    assert [(result.case_id, result.error) for result in run.results] == [
        (case["id"], None) for case in golden
    ]
    assert all(result.scores["contains"] == 1.0 for result in run.results)
    report = subprocess.run(
        [LLMOCK, "report", "--url", server, "--strict"], capture_output=True, text=True, check=False
    )
    assert report.returncode == 0, report.stdout
    assert f"{CASES} call(s)" in report.stdout
    assert "0 fault(s)" not in report.stdout
