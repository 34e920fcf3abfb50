"""Its place puts this folder on the import path, so that tests can share example values and fake servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Two threads on a busy machine are far slower than one, and one gives the same bits everywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")
REAL_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    from tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Times that somebody wants to read, of tests that ran in another process: `record_property("told", ...)`."""
    for report in terminalreporter.stats.get("passed", []):
        for name, said in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"MEASURED {said}")
