"""Every host of OpenAI's fine-tuning API is launched at from a card, through export, upload and create."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai")

from hosted_project import approve, make_hosted_project, train
from openai_finetuning_server import FineTuningServer


@pytest.mark.parametrize("provider", ["together", "fireworks"])
def test_a_card_that_names_another_host_is_trained_there(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FineTuningServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        policy = f"trigger: {{min_reviewed_rows: 5}}\nproviders_by_classification: {{public: [{provider}]}}\n"
        project = make_hosted_project(tmp_path, server.url, policy=policy)
        card, prices = project / "datasets/toy/card.yaml", project / "evals/prices.yaml"
        card.write_text(card.read_text().replace("provider: openai", f"provider: {provider}"))
        row = prices.read_text().split("prices:\n")[1]
        prices.write_text(prices.read_text() + row.replace("provider: openai", f"provider: {provider}"))
        sunsets = project / "evals/sunsets.yaml"
        row = sunsets.read_text().split("sunsets:\n")[1]
        sunsets.write_text(sunsets.read_text() + row.replace("provider: openai", f"provider: {provider}"))
        assert approve(project) == 0
        assert train(project) == 5
        assert len(server.jobs) == 1
