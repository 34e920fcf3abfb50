"""What every workflow keeps to, read from the files; actionlint, zizmor and the schemas run in `make check`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from act_runner import PROJECT, WORKFLOWS, load, stub_of, used_actions

FILES = sorted(WORKFLOWS.glob("*.yml"))
NAMES = [file.name for file in FILES]
PRODUCT = {"gate.yml", "report.yml", "train.yml", "evaluate.yml", "poll.yml", "watch.yml", "reevaluate.yml"}
# Everything that may stand in ${{ }}: numbers, shas, ids and what the project itself says. No titles, bodies, names.
TRUSTED = re.compile(
    r"github\.event\.(pull_request\.(number|base\.sha|head\.sha)|merge_group\.base_sha|repository\.private|workflow_run\.(id|head_sha|event|run_attempt))"
    r"|github\.(ref|sha|run_id|token|event_name|action_path|repository)"
    r"|(steps|needs)\.[\w-]+\.outputs\.[\w-]+|needs\.[\w-]+\.result|(secrets|vars|inputs|matrix|runner|strategy)\.[\w-]+"
    r"|(success|failure|cancelled|always)\(\)|(fromJSON|format)\(|true|false"
)


def jobs(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from document["jobs"].items()


def steps(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "runs" in document:
        yield from document["runs"]["steps"]
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_every_action_is_pinned_by_sha_with_one_version_comment_and_has_a_stub() -> None:
    found = used_actions()
    assert found
    for (action, sha), versions in found.items():
        assert re.fullmatch(r"[0-9a-f]{40}", sha), action
        assert len(set(versions)) == 1 and versions[0], f"{action}: the version comment is missing or differs"
        # act copies the work tree itself in place of actions/checkout.
        if action != "actions/checkout":
            assert (stub_of(action) / "action.yml").is_file(), action
    assert len({action for action, _ in found}) == len(found), "one action, two shas"


def test_a_stub_takes_every_input_that_is_given_to_its_action() -> None:
    for file in [PROJECT / "action.yml", *FILES]:
        for step in steps(load(file)):
            action = step.get("uses", "./").partition("@")[0]
            if action not in {"./", "actions/checkout"}:
                known = load(stub_of(action) / "action.yml")["inputs"]
                assert set(step.get("with", {})) <= set(known), f"{file.name}: {action}"


def test_the_workflows_give_the_action_only_inputs_that_it_has() -> None:
    known = set(load(PROJECT / "action.yml")["inputs"])
    for file in FILES:
        for step in steps(load(file)):
            if step.get("uses") == "./":
                assert set(step["with"]) <= known, file.name


@pytest.mark.parametrize("file", [PROJECT / "action.yml", *FILES], ids=lambda file: file.name)
def test_no_expression_reaches_a_shell(file: Path) -> None:
    for step in steps(load(file)):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_expressions_read_numbers_shas_and_our_own_words_only(file: Path) -> None:
    for text in texts(load(file)):
        for expression in re.findall(r"\$\{\{(.*?)\}\}", text):
            bare = re.sub(r"'[^']*'", "", expression)
            left = re.sub(r"[\s|&!=(),]|<|>", "", TRUSTED.sub("", bare))
            assert left == "", f"{expression.strip()} in {text}"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_job_names_its_permissions_and_its_time(file: Path) -> None:
    document = load(file)
    assert document["permissions"] == {}
    for name, job in jobs(document):
        assert "permissions" in job, name
        assert "timeout-minutes" in job, name
    assert "concurrency" in document or all("concurrency" in job for _, job in jobs(document))


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_no_credentials_stay_on_disk(file: Path) -> None:
    for step in steps(load(file)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
            # Nothing but the ref that started the run: under workflow_run that is the default branch.
            assert not {"ref", "repository", "token"} & set(step["with"])


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_pull_requests_meet_no_secret_and_nothing_else_meets_a_cache(file: Path) -> None:
    document = load(file)
    triggers = set(document["on"])
    assert "pull_request_target" not in triggers
    unprivileged = bool(triggers & {"pull_request", "merge_group"})
    for name, job in jobs(document):
        written = [key for key, value in job["permissions"].items() if value == "write"]
        secret = any("secrets." in text for text in texts(job))
        if unprivileged:
            assert (written, secret, job.get("environment")) == ([], False, None), name
            assert not any("github.token" in text for text in texts(job)), name
        else:
            assert not any(step.get("with", {}).get("cache") == "true" for step in job["steps"]), name
        assert not secret or job.get("environment"), f"{name}: secrets come from an environment only"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_two_lines_at_the_top_say_what_it_is_for(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert all(line.startswith("# ") for line in lines[:2])
    assert lines[2].startswith("name: ")


def test_the_required_check_is_never_filtered_away() -> None:
    gate = load(WORKFLOWS / "gate.yml")
    assert all("paths" not in (trigger or {}) for trigger in gate["on"].values())
    assert set(gate["on"]) == {"pull_request", "merge_group"}
    assert {"edited", "synchronize", "labeled", "unlabeled"} <= set(gate["on"]["pull_request"]["types"])
