"""One model asked through a real OpenAI-compatible server and through `local`: the same greedy answers.

The server is `transformers serve` with the embedded model's own weights. It answers one prompt at a time, `local`
in batches; both compute in float32, whose sums depend on the shape of a batch in the last digits. So two answers
may part only where the two best next tokens are as good as equal: every difference is traced to that token.

LIFTGATE_REAL_CASES=200 asks so many questions of CLINC150 and of XSTest each (default: 8).
"""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.evaluation.run_folder import read_run
from liftgate.evaluation.runs import EvalRun

SHARED = Path(__file__).parents[3] / "shared/data"
SERVERS = Path(sys.prefix) / "share" / "servers"
COUNT = int(os.environ.get("LIFTGATE_REAL_CASES", "8"))
# Logits of the embedded model lie around 20; float32 sums in another order differ in the sixth digit.
TIE = 1e-3
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.local,
    pytest.mark.skipif(not SHARED.exists(), reason="no real data beside this repository"),
    pytest.mark.skipif(not SERVERS.exists(), reason="`make acceptance` sets the servers up"),
]


def clinc() -> list[dict[str, Any]]:
    """Questions of the four domains, out-of-scope ones among them, evenly over the file."""
    lines = (SHARED / "clinc150/subset4.test.chat.jsonl").read_text().splitlines()
    rows = [json.loads(line)["messages"] for line in lines[:: max(1, len(lines) // COUNT)][:COUNT]]
    return [
        {"id": f"clinc-{n}", "messages": messages[:-1], "expected": messages[-1]["content"]}
        for n, messages in enumerate(rows)
    ]


def xstest() -> list[dict[str, Any]]:
    """Safe and unsafe prompts, evenly over the file."""
    with (SHARED / "xstest/xstest_prompts.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    rows = rows[:: max(1, len(rows) // COUNT)][:COUNT]
    return [{"id": f"xstest-{row['id']}", "input": row["prompt"], "expected": row["label"]} for row in rows]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    from liftgate.training.base_model import resolve_base

    folder = str(resolve_base("embedded").folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    packages = next((SERVERS / "lib").glob("python3*")) / "site-packages"
    environment = {**os.environ, "PYTHONPATH": str(packages), "HF_HUB_OFFLINE": "1"}
    words = ["serve", folder, "--host", "127.0.0.1", "--port", str(port)]
    words += ["--device", "cpu", "--dtype", "float32"]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("transformers"), *words],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.terminate()
            process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return


def answered(words: list[str], out: Path) -> EvalRun:
    cases = ["--cases", "golden.jsonl", "--scorer", "exact_match", "--max-tokens", "24"]
    more = ["--truncated", "score", "--timeout", "600", "--out", str(out)]
    assert main(["evaluate", *cases, *words, *more]) == 0
    return read_run(out)


def test_a_real_server_and_the_local_endpoint_give_the_same_greedy_answers(
    server: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    golden = [*clinc(), *xstest()]
    Path("golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))
    url, folder = server
    http = answered(
        ["--model", folder, "--endpoint", "openai", "--base-url", url, "--concurrency", "2"],
        tmp_path / "http",
    )
    local = answered(["--model", "embedded", "--endpoint", "local"], tmp_path / "local")
    assert [row["case_id"] for row in http.rows] == [case["id"] for case in golden]
    assert not [row["error"] for row in (*http.rows, *local.rows) if row["error"]]
    assert [row["input_tokens"] for row in http.rows] == [row["input_tokens"] for row in local.rows]
    parted = [
        parting(case, ours["output"], theirs["output"])
        for case, ours, theirs in zip(golden, local.rows, http.rows, strict=True)
        if ours["output"] != theirs["output"]
    ]
    with capsys.disabled():
        print(f"\n{len(golden)} cases, {len(parted)} answered differently: {parted}")  # noqa: T201
    assert all(gap <= TIE for _, _, gap in parted), parted
    assert len(parted) <= max(1, len(golden) // 50)


def parting(case: dict[str, Any], ours: str, theirs: str) -> tuple[str, int, float]:
    """Where two answers part, and by how much the model preferred one token over the other there."""
    import torch

    from liftgate.evaluation.endpoints.local import loaded
    from liftgate.training.base_model import resolve_base

    model = loaded(resolve_base("embedded"))
    messages = case.get("messages") or [{"role": "user", "content": case["input"]}]
    prompt = model.renderer.prompt_ids(messages, None)
    one, two = (list(model.renderer.encode(text)) for text in (ours, theirs))
    place = next(
        (at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two))
    )
    with torch.inference_mode():
        logits = model.model(torch.tensor([[*prompt, *one[:place]]]), logits_to_keep=1).logits[0, -1]
    best = logits.topk(2).values
    return case["id"], place, float(best[0] - best[1])
