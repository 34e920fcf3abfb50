"""What `liftgate watch` does about what it finds: issues, pages, proposed rollbacks; each once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from liftgate.cli import main
from log_world import MODELS, write
from watch_world import TODAY, make_watched, pager

STALE = MODELS.replace("2026-11-20T09:00:00Z", "2026-07-01T09:00:00Z")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    with GitHubServer() as made:
        made.repository("octocat/toy").add_workflow("watch.yml")
        for key, value in {"TOKEN": "t", "REPOSITORY": "octocat/toy", "API_URL": made.url}.items():
            monkeypatch.setenv(f"GITHUB_{key}", value)
        yield made
        assert made.violations == []


def look(root: Path, *words: str, today: str = TODAY) -> int:
    return main(["watch", "--root", str(root), "--today", today, "--ledger", str(root / "ledger"), *words])


def changes(server: GitHubServer, since: int) -> list[tuple[str, str]]:
    """What was written, but for the call that keeps the schedule alive and the question who the token is."""
    return [
        (each.method, each.path)
        for each in server.writes[since:]
        if not each.path.endswith(("/enable", "/graphql"))
    ]


def issues(server: GitHubServer) -> dict[str, str]:
    repo = server.repository("octocat/toy")
    return {each["title"].split(": ")[0]: each["state"] for each in repo.issues.values()}


def test_a_sound_registry_opens_nothing(tmp_path: Path, server: GitHubServer) -> None:
    root = make_watched(tmp_path / "toy")
    assert look(root, "--issues", "--strict") == 0
    assert changes(server, 0) == []


def test_what_is_said_is_said_once_cured_and_said_again(
    tmp_path: Path, server: GitHubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy", STALE)
    log = write(tmp_path / "log.jsonl", 30_000, 8, "slow-answers")
    words = ("--issues", "--log", str(log))
    assert look(root, *words) == 0
    assert issues(server) == {"support/v1.1.0": "open", "support/v1.1.0/requests": "open"}
    before = len(server.writes)
    assert look(root, *words, "--strict") == 10
    assert changes(server, before) == []

    # A look without the log says nothing of requests, and so cures nothing of them.
    (root / "models.yaml").write_text(MODELS)
    assert look(root, "--issues") == 0
    assert issues(server) == {"support/v1.1.0": "closed", "support/v1.1.0/requests": "open"}
    clean = write(tmp_path / "clean.jsonl", 30_000, 8)
    assert look(root, "--issues", "--log", str(clean)) == 0
    assert set(issues(server).values()) == {"closed"}
    before = len(server.writes)
    assert look(root, "--issues", "--log", str(clean)) == 0
    assert changes(server, before) == []

    assert look(root, *words) == 0
    assert issues(server) == {"support/v1.1.0": "closed", "support/v1.1.0/requests": "open"}
    assert "issue of support/v1.1.0/requests: reopen" in capsys.readouterr().err


def test_what_the_registry_does_not_hold_any_more_is_cured(tmp_path: Path, server: GitHubServer) -> None:
    root = make_watched(tmp_path / "toy", STALE)
    assert look(root, "--issues") == 0
    text = STALE.split("    variants:")[0] + "  billing:" + STALE.split("  billing:")[1]
    (root / "models.yaml").write_text(text)
    assert look(root, "--issues") == 0
    assert issues(server) == {"support/v1.1.0": "closed"}


def test_who_is_on_call_is_paged_once_each_time_that_an_issue_opens(
    tmp_path: Path, server: GitHubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy", STALE)
    with pager(tmp_path) as receiver:
        monkeypatch.setenv("PAGER", receiver.address)
        monkeypatch.setenv("SSL_CERT_FILE", str(receiver.certificate))
        words = ("--issues", "--webhook-env", "PAGER")
        receiver.code = 500
        assert look(root, *words) == 4
        said = capsys.readouterr().err
        assert (
            "nobody was paged for support/v1.1.0: the webhook answered 500" in said and "s3cret" not in said
        )
        assert issues(server) == {"support/v1.1.0": "open"}
        receiver.code = 302
        assert look(root, *words) == 4
        receiver.code = 204
        assert look(root, *words) == 0
        assert len(receiver.received) == 3
        before = len(server.writes)
        assert look(root, *words) == 0
        assert look(root, "--issues") == 0
        assert changes(server, before) == [] and len(receiver.received) == 3
        message = receiver.received[-1]
        [finding] = message.pop("findings")
        assert (finding["rule"], finding["severity"]) == ("stale-weights", "error")
        assert message == {
            "schema_version": 1,
            "event": "liftgate.watch",
            "key": "octocat/toy/support/v1.1.0",
            "repository": "octocat/toy",
            "subject": "support/v1.1.0",
            "on_call": "support-oncall",
            "owner": None,
            "runbook": None,
        }
        (root / "models.yaml").write_text(MODELS)
        assert look(root, *words) == 0
        (root / "models.yaml").write_text(STALE)
        assert look(root, *words) == 0
        assert len(receiver.received) == 4


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://localhost/hook",
        "https://",
        "https://user:s3cret@host/",
        "https://a b/s3cret",
        "ftp:s3cret",
    ],
)
def test_pages_go_to_https_addresses_only_and_none_is_shown(
    tmp_path: Path,
    server: GitHubServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    root = make_watched(tmp_path / "toy", STALE)
    monkeypatch.setenv("PAGER", address)
    assert look(root, "--issues", "--webhook-env", "PAGER") == 2
    said = capsys.readouterr().err
    assert "PAGER" in said and "s3cret" not in said
    assert changes(server, 0) == []


def test_the_ledger_says_what_was_evaluated_and_how_the_gate_fares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from liftgate.training.ledger import Ledger, verdict_name
    from liftgate.training.ledger_folder import Folder

    weights = "a" * 64
    models = STALE.replace("rollout_percent: 25", f"rollout_percent: 25\n        manifest_digest: {weights}")
    root = make_watched(tmp_path / "toy", models)
    ledger = Ledger(Folder(root / "ledger"))
    for number in range(20):
        said = {
            "schema_version": 1,
            "entry": "verdict",
            "verdict": "pass",
            "alias": "support",
            "results": "x",
        }
        key = f"{number:064x}"
        more = {"manifest_digest": weights, "key": key, "report_sha256": key, "at": "2026-11-20T09:00:00Z"}
        ledger.keep(verdict_name(key), {**said, **more})
    assert look(root, "--strict", "--json") == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    [finding] = told["subjects"]["support/v1.1.0"]
    assert (finding["rule"], finding["severity"]) == ("no-canary", "notice")
    assert [finding["rule"] for finding in told["subjects"]["support/gate"]] == ["gate-never-failed"]
    assert told["gate"]["support"] == {
        "passed": 20, "blocked": 0, "insufficient": 0, "judged_again": 1, "flakes": 0, "caught": 0, "usd": "0",
        "usd_per_catch": None,
    }  # fmt: skip
    assert (
        "gate of support: 20 passed, 0 blocked, 0 without enough evidence; 0 of 1 judged again differ"
        in shown.err
    )


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout


def test_what_is_stale_for_a_month_more_gets_a_rollback_proposed_once_and_a_no_is_a_no(
    tmp_path: Path, server: GitHubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = make_watched(tmp_path / "origin", STALE)
    for words in (("init", "-q", "-b", "main"), ("add", "."),
                  ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "start")):  # fmt: skip
        git(origin, *words)
    git(tmp_path, "clone", "-q", str(origin), "clone")
    root, words = tmp_path / "clone", ("--issues", "--flag-down")
    repo = server.repository("octocat/toy")
    repo.add_workflow("evaluate.yml", inputs=["pr", "alias", "digest", "head-sha"])
    assert look(root, *words, today="2026-10-29") == 0
    assert repo.pulls == {}
    assert look(root, *words, today="2026-10-30") == 0
    [pull] = repo.pulls.values()
    assert (pull.title, pull.head_ref) == (
        "Roll back support v1.1.0 from 25% to 0%", "liftgate/rollback-support-v1.1.0-to-0"
    )  # fmt: skip
    assert pull.body.startswith(
        "<!-- liftgate-flag-down 2026-07-01 -->\n`v1.1.0` was last evaluated more than 120 days ago. The verdict on "
        "this change comes by itself, from a run of liftgate evaluate.\n"
        "`v1.1.0` of `support` goes from 25% to 0%; the callers that it loses get what they got before it.\n\n"
        "A rollback changes nothing else, so the gate asks for no evaluation, no provider and no secret.\n"
        "Merge it, then see docs/runbooks/rollback.md.\n\n"
        "A workflow opened this, so GitHub holds the checks that it starts, and again those of each push by a "
        "workflow: somebody with write access presses **Approve workflows to run** beside them.\n"
    )
    [sent] = repo.dispatches
    assert (sent["workflow"], sent["ref"]) == ("evaluate.yml", "main")
    asked = {"pr": str(pull.number), "alias": "support", "digest": "rollback", "head-sha": pull.head_sha}
    assert sent["inputs"] == asked
    assert "rollout_percent: 0" in git(origin, "show", f"{pull.head_ref}:models.yaml")
    before, tip = len(server.writes), git(origin, "rev-parse", pull.head_ref)
    assert look(root, *words, today="2026-10-30") == 0
    assert changes(server, before) == [] and git(origin, "rev-parse", pull.head_ref) == tip
    repo.close(pull.number)
    assert look(root, *words, today="2026-10-30") == 0
    assert (len(repo.pulls), len(repo.dispatches)) == (1, 1)
    assert "pull request #" in capsys.readouterr().err


def test_schedules_that_github_switched_off_are_on_again_and_those_of_a_person_stay_off(
    tmp_path: Path, server: GitHubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_watched(tmp_path / "toy")
    repo = server.repository("octocat/toy")
    repo.add_workflow("poll.yml", state="disabled_manually")
    assert look(root, "--issues") == 0
    assert "reevaluate.yml is not on GitHub: nothing starts it by itself" in capsys.readouterr().err
    repo.add_workflow("reevaluate.yml", state="disabled_inactivity")
    assert look(root, "--issues") == 0
    assert (
        "reevaluate.yml: GitHub had switched its schedule off, and it is on again" in capsys.readouterr().err
    )
    assert repo.workflows["reevaluate.yml"]["state"] == "active"
    repo.workflows["reevaluate.yml"]["state"] = "disabled_manually"
    before = len(server.writes)
    assert look(root, "--issues") == 0
    assert [each.path.split("/workflows/")[1] for each in server.writes[before:]] == ["watch.yml/enable"]
    assert {file: each["state"] for file, each in repo.workflows.items()} == {
        "watch.yml": "active",
        "reevaluate.yml": "disabled_manually",
        "poll.yml": "disabled_manually",
    }
    assert (
        "reevaluate.yml is switched off, and stays so: gh workflow enable reevaluate.yml"
        in capsys.readouterr().err
    )


def test_findings_come_without_a_token_as_text_or_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    root = make_watched(tmp_path / "toy", STALE)
    (tmp_path / "log.jsonl").write_text(
        '{"at":"2026-11-25T09:00:00Z","model":"plain-model","status":"ok"}\nx\n'
    )
    assert look(root, "--json", "--log", str(tmp_path / "log.jsonl")) == 0
    shown = capsys.readouterr()
    told: dict[str, Any] = json.loads(shown.out)
    assert told["log"] == {
        "lines": 2, "mirrored": 0, "outside": 0, "requests": 1, "unclear": 0,
        "refused": {"not JSON, or too long a line": 1},
    }  # fmt: skip
    assert [finding["rule"] for finding in told["subjects"]["support/v1.1.0"]] == ["stale-weights"]
    assert "2 lines of log: 1 requests, 0 mirrored, 0 of other days, 1 unreadable" in shown.err
    (tmp_path / "logs/day").mkdir(parents=True)
    assert look(root, "--log", str(tmp_path / "logs")) == 2
    assert "no .jsonl or .jsonl.gz file is in this folder" in capsys.readouterr().err
    for name in ("a.jsonl", "day/b.jsonl"):
        (tmp_path / "logs" / name).write_bytes((tmp_path / "log.jsonl").read_bytes())
    (tmp_path / "logs/notes.txt").write_text("no log")
    assert look(root, "--log", str(tmp_path / "logs")) == 0
    assert "4 lines of log: 2 requests" in capsys.readouterr().err
    assert look(root, "--strict") == 10
    assert look(root, "--webhook-env", "PAGER") == 2
    assert look(root, "--log", str(tmp_path / "none.jsonl")) == 2
    with pytest.raises(SystemExit):
        look(root, today="2026-02-30")
