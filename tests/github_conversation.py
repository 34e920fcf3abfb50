"""Routes of the GitHub fake: pull requests, comments, issues, labels, statuses; and what each needs."""

from __future__ import annotations

import re
from typing import Any

from github_call import Call, Refusal, Reply, Routes, user
from github_description import REPO
from github_world import Body, Pull

LONGEST_BODY, MOST_FILES, MOST_ANNOTATIONS = 65_536, 3_000, 50
STATES = ("error", "failure", "pending", "success")


def pull_json(call: Call, pull: Pull) -> Body:
    """A pull request as the API shows one."""
    fork = pull.head_repository
    owner = fork.split("/")[0] if fork else "unknown"
    return {
        "number": pull.number,
        "url": f"{call.base}/repos/{call.repo.full_name}/pulls/{pull.number}",
        "issue_url": f"{call.base}/repos/{call.repo.full_name}/issues/{pull.number}",
        "html_url": f"https://github.example/{call.repo.full_name}/pull/{pull.number}",
        "state": pull.state,
        "merged": pull.merged,
        "merged_at": pull.created_at if pull.merged else None,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "user": user(pull.author),
        "labels": [{"name": name} for name in pull.labels],
        "base": {
            "ref": pull.base_ref,
            "sha": pull.base_sha,
            "label": f"{call.names['owner']}:{pull.base_ref}",
            "repo": {"full_name": call.repo.full_name},
        },
        "head": {
            "ref": pull.head_ref,
            "sha": pull.head_sha,
            "label": f"{owner}:{pull.head_ref}",
            "repo": None if fork is None else {"full_name": fork, "owner": user(owner)},
        },
        "created_at": pull.created_at,
    }


def _short_pull(call: Call, pull: Pull) -> Body:
    # The list leaves `merged` out.
    return {name: value for name, value in pull_json(call, pull).items() if name != "merged"}


def _pull(call: Call) -> Reply:
    found = call.repo.pulls.get(call.number("pull_number"))
    if found is None:
        raise Refusal(404, "Not Found")
    return Reply(200, pull_json(call, found))


def _pulls(call: Call) -> Reply:
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [
        pull
        for pull in sorted(call.repo.pulls.values(), key=lambda p: -p.number)
        if state in {"all", pull.state}
        and (head is None or pull_json(call, pull)["head"]["label"].lower() == head.lower())
        and (base is None or pull.base_ref == base)
    ]
    return call.page(found, render=lambda pull: _short_pull(call, pull))


def _open_pull(call: Call) -> Reply:
    repo, body = call.repo, call.body
    head = body["head"] if ":" in body["head"] else f"{call.names['owner']}:{body['head']}"
    for pull in repo.pulls.values():
        if (
            pull.state == "open"
            and pull_json(call, pull)["head"]["label"] == head
            and pull.base_ref == body["base"]
        ):
            raise Refusal(
                422, "Validation Failed", [{"message": f"A pull request already exists for {head}."}]
            )
    branch = head.split(":", 1)[1]
    pull = repo.add_pull(
        max([0, *repo.pulls, *repo.issues]) + 1, author=call.actor, head_ref=branch,
        head_sha=repo.refs.get(f"refs/heads/{branch}", "e" * 40), base_sha="b" * 40, base_ref=body["base"],
        title=body.get("title", ""), body=body.get("body") or "",
    )  # fmt: skip
    return Reply(201, pull_json(call, pull))


def _files(call: Call) -> Reply:
    pull = call.repo.pulls.get(call.number("pull_number"))
    if pull is None:
        raise Refusal(404, "Not Found")
    return call.page(
        pull.files[:MOST_FILES], render=lambda name: {"filename": name, "status": "modified", "sha": "f" * 40}
    )


def _commits(call: Call) -> Reply:
    pull = call.repo.pulls.get(call.number("pull_number"))
    if pull is None:
        raise Refusal(404, "Not Found")
    return call.page(
        pull.writers or [pull.author],
        render=lambda who: {
            "sha": pull.head_sha,
            "author": user(who) if who else None,
            "committer": user("web-flow"),
        },
    )


def _pulls_of_commit(call: Call) -> Reply:
    sha = call.names["commit_sha"]
    found = [pull for pull in call.repo.pulls.values() if sha in {pull.head_sha, *pull.heads}]
    return call.page(found, render=lambda pull: _short_pull(call, pull))


def _activity(call: Call) -> Reply:
    name = f"{call.names['owner']}/{call.names['repo']}".lower()
    events = [
        e for repo in call.repositories.values() for e in repo.activity if e["repository"].lower() == name
    ]
    if name not in call.repositories and not events:
        raise Refusal(404, "Not Found")
    ref = call.query.get("ref")
    wanted = [
        e
        for e in events
        if ref is None or e["ref"].removeprefix("refs/heads/") == ref.removeprefix("refs/heads/")
    ]
    return Reply(
        200,
        sorted(wanted, key=lambda e: str(e["timestamp"]), reverse=True)[
            : int(call.query.get("per_page", 30))
        ],
    )


def _number_known(call: Call) -> int:
    number = call.number("issue_number")
    if number not in call.repo.pulls and number not in call.repo.issues:
        raise Refusal(404, "Not Found")
    return number


def _events(call: Call) -> Reply:
    return call.page(call.repo.label_events.get(_number_known(call), []))


def _comment_json(call: Call, each: Body) -> Body:
    url = f"{call.base}/repos/{call.repo.full_name}/issues/comments/{each['id']}"
    return {"url": url, **{name: value for name, value in each.items() if name not in {"number", "edits"}}}


def _body_of(call: Call) -> str:
    body = str(call.body.get("body", ""))
    if len(body) > LONGEST_BODY:
        raise Refusal(
            422, "Validation Failed",
            [{"resource": "IssueComment", "code": "unprocessable", "field": "data",
              "message": f"Body is too long (maximum is {LONGEST_BODY} characters)"}],
        )  # fmt: skip
    if not body.strip():
        raise Refusal(
            422, "Validation Failed", [{"resource": "IssueComment", "code": "missing_field", "field": "body"}]
        )
    return body


def _comments(call: Call) -> Reply:
    return call.page(
        call.repo.comments_of(_number_known(call)), render=lambda each: _comment_json(call, each)
    )


def _create_comment(call: Call) -> Reply:
    number, body = _number_known(call), _body_of(call)
    return Reply(201, _comment_json(call, call.repo.comment(number, call.actor, body)))


def _one_comment(call: Call) -> Body:
    found = call.repo.comments.get(call.number("comment_id"))
    if found is None:
        raise Refusal(404, "Not Found")
    return found


def _comment(call: Call) -> Reply:
    return Reply(200, _comment_json(call, _one_comment(call)))


def _edit_comment(call: Call) -> Reply:
    found = _one_comment(call)
    found["body"] = _body_of(call)
    found["edits"] += 1
    found["updated_at"] = call.repo.clock.tick()
    return Reply(200, _comment_json(call, found))


def _delete_comment(call: Call) -> Reply:
    del call.repo.comments[_one_comment(call)["id"]]
    return Reply(204)


def _issue_json(each: Body) -> Body:
    return {**each, "labels": [{"name": name} for name in each["labels"]]}


def _issues(call: Call) -> Reply:
    repo, state = call.repo, call.query.get("state", "open")
    labels = {name for name in call.query.get("labels", "").split(",") if name}
    pulls = [
        {"number": p.number, "state": p.state, "title": p.title, "body": p.body, "labels": p.labels,
         "user": user(p.author), "created_at": p.created_at, "pull_request": {}}
        for p in repo.pulls.values()
    ]  # fmt: skip
    found = [
        e
        for e in [*repo.issues.values(), *pulls]
        if state in {"all", e["state"]} and labels <= set(e["labels"])
    ]
    found.sort(key=lambda e: str(e["created_at"]), reverse=call.query.get("direction", "desc") == "desc")
    return call.page(found, render=_issue_json)


def _create_issue(call: Call) -> Reply:
    body = call.body
    if len(str(body.get("body") or "")) > LONGEST_BODY:
        raise Refusal(422, "Validation Failed", [{"message": "body is too long"}])
    return Reply(
        201,
        _issue_json(
            call.repo.open_issue(call.actor, body["title"], body.get("body") or "", body.get("labels") or [])
        ),
    )


def _issue(call: Call) -> Reply:
    number = _number_known(call)
    if number in call.repo.issues:
        return Reply(200, _issue_json(call.repo.issues[number]))
    pull = call.repo.pulls[number]
    return Reply(200, {**pull_json(call, pull), "pull_request": {}})


def _edit_issue(call: Call) -> Reply:
    number = _number_known(call)
    if number in call.repo.pulls:
        # A pull request is an issue, too.
        pull = call.repo.pulls[number]
        pull.title, pull.body = call.body.get("title", pull.title), call.body.get("body", pull.body)
        return Reply(200, {**pull_json(call, pull), "pull_request": {}})
    found = call.repo.issues.get(number)
    if found is None:
        raise Refusal(404, "Not Found")
    found.update(
        {name: value for name, value in call.body.items() if name in {"title", "body", "state", "labels"}}
    )
    return Reply(200, _issue_json(found))


def _labels_of(call: Call) -> list[Body]:
    return [{"name": name} for name in call.repo.labels_of(_number_known(call))]


def _add_labels(call: Call) -> Reply:
    number = _number_known(call)
    for name in call.body.get("labels", []):
        if name not in call.repo.labels_of(number):
            call.repo.label(number, name, by=call.actor)
    return Reply(200, _labels_of(call))


def _remove_label(call: Call) -> Reply:
    number, name = _number_known(call), call.names["name"]
    if name not in call.repo.labels_of(number):
        raise Refusal(404, "Label does not exist")
    call.repo.unlabel(number, name, by=call.actor)
    return Reply(200, _labels_of(call))


def _create_label(call: Call) -> Reply:
    name = str(call.body["name"])
    if name.lower() in {each.lower() for each in call.repo.labels}:
        raise Refusal(
            422, "Validation Failed", [{"resource": "Label", "code": "already_exists", "field": "name"}]
        )
    call.repo.labels[name] = {"color": "ededed", "description": None, **call.body}
    return Reply(201, call.repo.labels[name])


def _label(call: Call) -> Reply:
    found = call.repo.labels.get(call.names["name"])
    if found is None:
        raise Refusal(404, "Not Found")
    if call.method == "PATCH":
        found.update({name: value for name, value in call.body.items() if name != "new_name"})
    return Reply(200, found)


def _set_status(call: Call) -> Reply:
    sha, body = call.names["sha"], call.body
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise Refusal(422, f"No commit found for SHA: {sha}")
    if len(str(body.get("description") or "")) > 140:
        raise Refusal(
            422,
            "Validation Failed",
            [
                {
                    "resource": "Status",
                    "code": "custom",
                    "message": "description is too long (maximum is 140 characters)",
                }
            ],
        )
    known: Any = call.repo.statuses.setdefault(sha, [])
    made = {
        "id": call.repo.next_id(),
        "state": body["state"],
        "context": body.get("context", "default"),
        "description": body.get("description"),
        "target_url": body.get("target_url"),
        "creator": user(call.actor),
        "created_at": call.repo.clock.tick(),
    }
    known.insert(0, made)
    return Reply(201, made)


def _statuses(call: Call) -> Reply:
    return call.page(call.repo.statuses.get(call.names["ref"], []))


def _check_run(call: Call) -> Reply:
    if len(call.body.get("output", {}).get("annotations", [])) > MOST_ANNOTATIONS:
        raise Refusal(422, "Invalid request.\n\nNo more than 50 annotations may be sent in one request")
    identity = call.number("check_run_id") if "check_run_id" in call.names else call.repo.next_id()
    call.repo.check_runs[identity] = {**call.repo.check_runs.get(identity, {}), **call.body, "id": identity}
    return Reply(200 if "check_run_id" in call.names else 201, call.repo.check_runs[identity])


ROUTES: Routes = {
    ("GET", f"{REPO}/pulls/{{pull_number}}"): (_pull, "pull-requests:read"),
    ("GET", f"{REPO}/pulls"): (_pulls, "pull-requests:read"),
    ("POST", f"{REPO}/pulls"): (_open_pull, "pull-requests:write"),
    ("GET", f"{REPO}/pulls/{{pull_number}}/commits"): (_commits, "pull-requests:read"),
    ("GET", f"{REPO}/pulls/{{pull_number}}/files"): (_files, "pull-requests:read"),
    ("GET", f"{REPO}/commits/{{commit_sha}}/pulls"): (_pulls_of_commit, "pull-requests:read"),
    ("GET", f"{REPO}/activity"): (_activity, "contents:read"),
    ("GET", f"{REPO}/issues/{{issue_number}}/events"): (_events, "pull-requests:read"),
    ("GET", f"{REPO}/issues/{{issue_number}}/timeline"): (_events, "pull-requests:read"),
    ("GET", f"{REPO}/issues/{{issue_number}}/comments"): (_comments, "pull-requests:read"),
    ("POST", f"{REPO}/issues/{{issue_number}}/comments"): (_create_comment, "pull-requests:write"),
    ("GET", f"{REPO}/issues/comments/{{comment_id}}"): (_comment, "pull-requests:read"),
    ("PATCH", f"{REPO}/issues/comments/{{comment_id}}"): (_edit_comment, "pull-requests:write"),
    ("DELETE", f"{REPO}/issues/comments/{{comment_id}}"): (_delete_comment, "pull-requests:write"),
    ("GET", f"{REPO}/issues"): (_issues, "issues:read"),
    ("POST", f"{REPO}/issues"): (_create_issue, "issues:write"),
    ("GET", f"{REPO}/issues/{{issue_number}}"): (_issue, "issues:read"),
    ("PATCH", f"{REPO}/issues/{{issue_number}}"): (_edit_issue, "issues:write"),
    ("GET", f"{REPO}/issues/{{issue_number}}/labels"): (lambda c: c.page(_labels_of(c)), "pull-requests:read"),
    ("POST", f"{REPO}/issues/{{issue_number}}/labels"): (_add_labels, "pull-requests:write"),
    ("DELETE", f"{REPO}/issues/{{issue_number}}/labels/{{name}}"): (_remove_label, "pull-requests:write"),
    ("GET", f"{REPO}/labels"): (lambda c: c.page(list(c.repo.labels.values())), "issues:read"),
    ("POST", f"{REPO}/labels"): (_create_label, "issues:write"),
    ("GET", f"{REPO}/labels/{{name}}"): (_label, "issues:read"),
    ("PATCH", f"{REPO}/labels/{{name}}"): (_label, "issues:write"),
    ("POST", f"{REPO}/statuses/{{sha}}"): (_set_status, "statuses:write"),
    ("GET", f"{REPO}/commits/{{ref}}/statuses"): (_statuses, "statuses:read"),
    ("POST", f"{REPO}/check-runs"): (_check_run, "checks:write"),
    ("PATCH", f"{REPO}/check-runs/{{check_run_id}}"): (_check_run, "checks:write"),
}  # fmt: skip
