"""What `liftgate doctor` asks GitHub with the token that is there: rulesets, environments, labels, runners."""

from __future__ import annotations

import datetime
import email.utils
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.onboarding.doctor_project import Project, ledger
from liftgate.commands.sources.origin import named, origin
from liftgate.errors import InputError, LiftgateError
from liftgate.onboarding import diagnosis
from liftgate.onboarding.diagnosis import Line

if TYPE_CHECKING:
    from liftgate.github.wire import Wire

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")


def lines(
    root: Path,
    given: str | None,
    project: Project,
    environment: Mapping[str, str],
    *,
    offline: bool,
    online: bool,
) -> Iterator[Line]:
    """Each matter of GitHub; one note when nobody is asked."""
    remote = origin(root)
    repository = given or environment.get("GITHUB_REPOSITORY") or named(remote)
    if given and not _REPOSITORY.fullmatch(given):
        raise InputError("--repository takes owner/name")
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    if offline:
        yield Line("github", "note", "not asked: --offline")
        return
    if remote and (online or token):
        yield ledger(root)
    if not token.strip():
        yield Line(
            "github", "note", "not asked: GITHUB_TOKEN is not set", "export GITHUB_TOKEN=$(gh auth token)"
        )
        yield diagnosis.clock(_skew_of_public() if online else None)
        return
    if not repository or not _REPOSITORY.fullmatch(repository):
        yield Line("github", "note", "not asked: which repository is it?", "--repository owner/name")
        yield diagnosis.clock(None)
        return
    yield from _asked(root, repository, token, project, environment)


def _asked(
    root: Path, repository: str, token: str, project: Project, environment: Mapping[str, str]
) -> Iterator[Line]:
    from liftgate.github.wire import Wire

    try:
        wire = Wire(token, environment.get("GITHUB_API_URL") or None, time.sleep)
        answer = wire.ask("GET", f"/repos/{repository}", "reading the repository")
    except LiftgateError as error:
        yield Line("github", "fix", error.sentence, error.hint)
        return
    if answer.code == 404 or not isinstance(answer.json, dict):
        yield Line(
            "github",
            "fix",
            f"{repository} is not seen with this token",
            "its name, or the token's repositories",
        )
        return
    yield Line(
        "github",
        "ok",
        f"{repository} is seen; default branch {str(answer.json.get('default_branch'))[:100]!r}",
    )
    yield diagnosis.clock(_skew(answer.headers.get("date"), time.time()))
    from liftgate.github.protection import ENVIRONMENTS

    if "bedrock" in project.providers or not project.providers:
        yield from diagnosis.subjects(
            repository, answer.json, [e for e in ENVIRONMENTS if e != "training-approval"]
        )
    for look in (_rulesets, _environments, _labels):
        try:
            yield from look(wire, repository, root)
        except LiftgateError as error:
            yield Line("github", "fix", error.sentence, error.hint)
    if "local" in project.providers and (root / ".github/workflows/train.yml").is_file():
        yield runners_of(wire, repository)


def _rulesets(wire: Wire, repository: str, root: Path) -> Iterator[Line]:
    listed = wire.ask(
        "GET", f"/repos/{repository}/rulesets", "reading the rulesets", query={"per_page": 100}
    ).json
    held = [
        wire.ask("GET", f"/repos/{repository}/rulesets/{int(each['id'])}", "reading a ruleset").json
        for each in listed or []
        if isinstance(each, dict) and str(each.get("name")).startswith("liftgate: ")
    ]
    from liftgate.github.protection import Wanted

    yield from diagnosis.protection([each for each in held if isinstance(each, dict)], Wanted())


def _environments(wire: Wire, repository: str, root: Path) -> Iterator[Line]:
    from liftgate.github.protection import APPROVAL, ENVIRONMENTS

    fix = "liftgate init --protect --owner @org/team"
    for name in ENVIRONMENTS:
        found = wire.ask("GET", f"/repos/{repository}/environments/{name}", "reading an environment").json
        if not isinstance(found, dict):
            yield Line("environment", "fix", f"{name} is not there", fix)
            continue
        kinds = {rule.get("type") for rule in found.get("protection_rules") or [] if isinstance(rule, dict)}
        if (found.get("deployment_branch_policy") or {}).get("custom_branch_policies") is not True:
            yield Line("environment", "fix", f"{name}: every branch may use it, and its keys", fix)
        elif name == APPROVAL and "required_reviewers" not in kinds:
            yield Line(
                "environment", "note", f"{name}: nobody has to agree in it", "approve by label, or add reviewers"
            )  # fmt: skip
        else:
            yield Line("environment", "ok", name)


def _labels(wire: Wire, repository: str, root: Path) -> Iterator[Line]:
    from liftgate.commands.onboarding.init_protect import approval_label
    from liftgate.github.protection import Wanted, labels

    for label in labels(Wanted(label=approval_label(root))):
        path = f"/repos/{repository}/labels/{str(label['name']).replace(' ', '%20')}"
        if wire.ask("GET", path, "reading a label").json is None:
            yield Line(
                "label", "fix", f"{label['name']} is not there", "liftgate init --protect --owner @org/team"
            )
        else:
            yield Line("label", "ok", str(label["name"]))


def runners_of(wire: Wire, repository: str) -> Line:
    """Whether a runner takes the local training job, as far as this token may see."""
    from liftgate.github.api import GitHubRefused

    try:
        listed: Any = list(
            wire.pages(f"/repos/{repository}/actions/runners", "listing the runners", {}, within="runners")
        )
    except GitHubRefused:
        listed = None
    return diagnosis.runners(listed)


def _skew(date: str | None, now: float) -> float | None:
    """Seconds that this clock is ahead; a header has whole seconds only."""
    try:
        there = email.utils.parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return round(now - there.replace(tzinfo=there.tzinfo or datetime.UTC).timestamp())


def _skew_of_public() -> float | None:
    import http.client

    connection = http.client.HTTPSConnection("api.github.com", timeout=10)
    try:
        connection.request("HEAD", "/", headers={"User-Agent": "liftgate"})
        return _skew(connection.getresponse().headers.get("date"), time.time())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
