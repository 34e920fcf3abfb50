"""Routes of the GitHub fake: runs, workflows, environments, rulesets, refs, files, people."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from github_call import Call, Refusal, Reply, Routes, user
from github_description import REPO
from github_world import Body


def _repository(call: Call) -> Reply:
    repo = call.repo
    whole = {
        "id": 1,
        "full_name": repo.full_name,
        "default_branch": repo.default_branch,
        "private": repo.private,
    }
    whole["url"] = f"{call.base}/repos/{repo.full_name}"
    return Reply(200, {**whole, "name": call.names["repo"], "owner": user(call.names["owner"])})


def _permission(call: Call) -> Reply:
    name = call.names["username"]
    role = next((p for login, p in call.repo.permissions.items() if login.lower() == name.lower()), None)
    if role is None and call.repo.private:
        raise Refusal(404, "Not Found")
    role = role or "read"
    # The old field knows four words; maintain counts as write there and triage as read.
    old = {"maintain": "write", "triage": "read"}.get(role, role)
    return Reply(200, {"permission": old, "role_name": role, "user": user(name)})


def _run(call: Call) -> Reply:
    found = call.repo.runs.get(call.number("run_id"))
    if found is None:
        raise Refusal(404, "Not Found")
    return Reply(200, found)


def _workflow(call: Call) -> Body:
    wanted = call.names["workflow_id"]
    for file, found in call.repo.workflows.items():
        if wanted in {file, str(found["id"])}:
            return found
    raise Refusal(404, "Not Found")


def _show_workflow(call: Call) -> Reply:
    found = _workflow(call)
    shown = {name: value for name, value in found.items() if name != "inputs"}
    return Reply(
        200, {**shown, "url": f"{call.base}/repos/{call.repo.full_name}/actions/workflows/{found['id']}"}
    )


def _runs(call: Call) -> Reply:
    workflow = _workflow(call)
    asked = [(name, call.query[name]) for name in ("head_sha", "event", "status") if name in call.query]
    found = [
        run
        for run in call.repo.runs.values()
        if run["workflow_id"] == workflow["id"]
        and all(
            value in {run[name], run["conclusion"] if name == "status" else None} for name, value in asked
        )
        and call.query.get("branch", run["head_branch"]) == run["head_branch"]
    ]
    found.sort(key=lambda run: (str(run["created_at"]), int(run["id"])), reverse=True)
    return call.page(found, within="workflow_runs")


def _dispatch(call: Call) -> Reply:
    workflow, repo = _workflow(call), call.repo
    inputs = call.body.get("inputs") or {}
    if workflow["state"] != "active":
        raise Refusal(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    declared = workflow["inputs"]
    if declared is not None and (odd := sorted(set(inputs) - set(declared))):
        raise Refusal(422, f"Unexpected inputs provided: {odd}")
    if any(not isinstance(value, str) for value in inputs.values()):
        raise Refusal(422, "Inputs have to be strings here")
    made = repo.add_run(
        head_sha="d" * 40, head_branch=call.body["ref"], path=workflow["path"], event="workflow_dispatch",
        actor=call.actor, status="queued",
    )  # fmt: skip
    if workflow["run_name"]:
        made["display_title"] = str(workflow["run_name"]).format_map(inputs)
    file = str(workflow["path"]).rsplit("/", 1)[-1]
    repo.dispatches.append(
        {
            "workflow": file,
            "ref": call.body["ref"],
            "inputs": dict(inputs),
            "by": call.actor,
            "run_id": made["id"],
        }
    )
    return Reply(204)


def _repository_dispatch(call: Call) -> Reply:
    call.repo.dispatches.append(
        {"event_type": call.body["event_type"], "payload": call.body.get("client_payload")}
    )
    return Reply(204)


def _switch(call: Call) -> Reply:
    _workflow(call)["state"] = "active" if call.path.endswith("/enable") else "disabled_manually"
    return Reply(204)


def _environment(call: Call) -> Body:
    found = call.repo.environments.get(call.names["environment_name"])
    if found is None:
        raise Refusal(404, "Not Found")
    return found


def _put_environment(call: Call) -> Reply:
    repo, name, body = call.repo, call.names["environment_name"], call.body
    reviewers = body.get("reviewers") or []
    if reviewers and not repo.plan_has_reviewers:
        raise Refusal(
            422,
            "Failed to create the environment protection rule. Please ensure the billing plan supports the "
            "required reviewers protection rule.",
        )
    names = {user(login)["id"]: login for login in repo.permissions}
    rules: list[Body] = []
    if reviewers:
        shown: list[Body] = [
            {"type": each["type"], "reviewer": {"id": each["id"], "login": names.get(each["id"], "?")}}
            for each in reviewers
        ]
        own = {"type": "required_reviewers", "prevent_self_review": bool(body.get("prevent_self_review"))}
        rules.append({"id": 1, **own, "reviewers": shown})
    if body.get("wait_timer"):
        rules.append({"id": 3, "type": "wait_timer", "wait_timer": body["wait_timer"]})
    policy = body.get("deployment_branch_policy")
    if policy:
        rules.append({"id": 2, "type": "branch_policy"})
    made = {"id": repo.next_id(), "name": name, "protection_rules": rules}
    repo.environments[name] = {**made, "deployment_branch_policy": policy}
    return Reply(200, repo.environments[name])


def _branch_policies(call: Call) -> Reply:
    _environment(call)
    return call.page(
        call.repo.branch_policies.get(call.names["environment_name"], []), within="branch_policies"
    )


def _add_branch_policy(call: Call) -> Reply:
    policy = _environment(call)["deployment_branch_policy"]
    if not policy or not policy["custom_branch_policies"]:
        raise Refusal(404, "Not Found")
    held = call.repo.branch_policies.setdefault(call.names["environment_name"], [])
    if call.body["name"] in [each["name"] for each in held]:
        return Reply(303)
    held.append({"id": call.repo.next_id(), "type": "branch", **call.body})
    return Reply(200, held[-1])


def _rulesets(call: Call) -> Reply:
    # The list names them; only a look at one shows its rules.
    hidden = {"rules", "conditions", "bypass_actors"}
    return call.page(
        list(call.repo.rulesets.values()),
        render=lambda each: {n: v for n, v in each.items() if n not in hidden},
    )


def _ruleset(call: Call) -> Body:
    found = call.repo.rulesets.get(call.number("ruleset_id"))
    if found is None:
        raise Refusal(404, "Not Found")
    return found


def _create_ruleset(call: Call) -> Reply:
    repo = call.repo
    if call.body["name"] in [each["name"] for each in repo.rulesets.values()]:
        raise Refusal(422, "Validation Failed", ["Name must be unique"])
    _may_pass(call)
    identity = repo.next_id()
    head = {"id": identity, "source": repo.full_name, "source_type": "Repository", "target": "branch"}
    repo.rulesets[identity] = {**head, "bypass_actors": [], **call.body}
    return Reply(201, repo.rulesets[identity])


def _may_pass(call: Call) -> None:
    for actor in call.body.get("bypass_actors", []):
        if actor["actor_type"] == "Integration" and actor["actor_id"] not in call.repo.apps:
            raise Refusal(
                422, "Validation Failed", ["Actor must be part of the ruleset source or owner organization"]
            )


def _put_ruleset(call: Call) -> Reply:
    _may_pass(call)
    _ruleset(call).update(call.body)
    return Reply(200, _ruleset(call))


def _ref(call: Call) -> Reply:
    name = f"refs/{call.names['ref']}"
    if name not in call.repo.refs:
        raise Refusal(404, "Not Found")
    return Reply(200, {"ref": name, "object": {"type": "commit", "sha": call.repo.refs[name]}})


def _create_ref(call: Call) -> Reply:
    name = call.body["ref"]
    if name in call.repo.refs:
        raise Refusal(422, "Reference already exists")
    call.repo.refs[name] = call.body["sha"]
    return Reply(201, {"ref": name, "object": {"type": "commit", "sha": call.body["sha"]}})


def _content_json(path: str, raw: bytes) -> Body:
    blob = hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
    head = {"type": "file", "path": path, "name": path.rsplit("/", 1)[-1], "size": len(raw), "sha": blob}
    return {**head, "encoding": "base64", "content": base64.encodebytes(raw).decode()}


def _content(call: Call) -> Reply:
    raw = call.repo.contents.get(call.names["path"])
    if raw is None:
        raise Refusal(404, "Not Found")
    return Reply(200, _content_json(call.names["path"], raw))


def _put_content(call: Call) -> Reply:
    path, held = call.names["path"], call.repo.contents.get(call.names["path"])
    if held is not None and call.body.get("sha") != _content_json(path, held)["sha"]:
        raise Refusal(409, f"{path} does not match")
    call.repo.contents[path] = base64.b64decode(call.body["content"])
    shown = _content_json(path, call.repo.contents[path])
    return Reply(200 if held is not None else 201, {"content": shown, "commit": {"sha": "c" * 40}})


def _me(call: Call) -> Reply:
    if call.integration:
        raise Refusal(403, "Resource not accessible by integration")
    return Reply(200, user(call.actor))


def _someone(call: Call) -> Reply:
    known = {login.lower() for repo in call.repositories.values() for login in repo.permissions}
    if call.names["username"].lower() not in known:
        raise Refusal(404, "Not Found")
    return Reply(200, user(call.names["username"]))


def _teams(call: Call) -> Reply:
    org = f"{call.names['owner']}/"
    found = [
        {"id": n, "slug": name.removeprefix(org)} for name, n in call.teams.items() if name.startswith(org)
    ]
    return call.page(found)


def _team(call: Call) -> Reply:
    name = f"{call.names['org']}/{call.names['team_slug']}"
    if name not in call.teams:
        raise Refusal(404, "Not Found")
    return Reply(200, {"id": call.teams[name], "slug": call.names["team_slug"]})


def _viewer(call: Call) -> Reply:
    if "".join(str(call.body.get("query", "")).split()) != "query{viewer{login}}":
        return Reply(200, {"errors": [{"message": "the fake answers viewer.login alone"}]})
    return Reply(200, {"data": {"viewer": {"login": call.actor}}})


def _rate_limit(call: Call) -> Reply:
    core: Any = {"limit": 5000, "remaining": 4999, "reset": 1_800_000_000, "used": 1}
    return Reply(200, {"resources": {"core": core, "search": core}, "rate": core})


ROUTES: Routes = {
    ("GET", REPO): (_repository, "metadata:read"),
    ("GET", f"{REPO}/collaborators/{{username}}/permission"): (_permission, "metadata:read"),
    ("GET", f"{REPO}/actions/runs/{{run_id}}"): (_run, "actions:read"),
    ("GET", f"{REPO}/actions/runs/{{run_id}}/approvals"): (
        lambda c: Reply(200, c.repo.reviews.get(_run(c).json["id"], [])), "actions:read"),
    ("GET", f"{REPO}/actions/runs/{{run_id}}/artifacts"): (
        lambda c: c.page(c.repo.artifacts.get(_run(c).json["id"], []), within="artifacts"), "actions:read"),
    ("GET", f"{REPO}/actions/workflows/{{workflow_id}}"): (_show_workflow, "actions:read"),
    ("GET", f"{REPO}/actions/workflows/{{workflow_id}}/runs"): (_runs, "actions:read"),
    ("POST", f"{REPO}/actions/workflows/{{workflow_id}}/dispatches"): (_dispatch, "actions:write"),
    ("PUT", f"{REPO}/actions/workflows/{{workflow_id}}/enable"): (_switch, "actions:write"),
    ("PUT", f"{REPO}/actions/workflows/{{workflow_id}}/disable"): (_switch, "actions:write"),
    ("POST", f"{REPO}/dispatches"): (_repository_dispatch, "contents:write"),
    ("GET", f"{REPO}/environments"): (
        lambda c: c.page(list(c.repo.environments.values()), within="environments"), "actions:read"),
    ("GET", f"{REPO}/environments/{{environment_name}}"): (lambda c: Reply(200, _environment(c)), "actions:read"),
    ("PUT", f"{REPO}/environments/{{environment_name}}"): (_put_environment, "administration:write"),
    ("GET", f"{REPO}/environments/{{environment_name}}/deployment-branch-policies"): (_branch_policies, "actions:read"),
    ("POST", f"{REPO}/environments/{{environment_name}}/deployment-branch-policies"): (
        _add_branch_policy, "administration:write"),
    ("GET", f"{REPO}/teams"): (_teams, "administration:read"),
    ("GET", f"{REPO}/rulesets"): (_rulesets, "metadata:read"),
    ("POST", f"{REPO}/rulesets"): (_create_ruleset, "administration:write"),
    ("GET", f"{REPO}/rulesets/{{ruleset_id}}"): (lambda c: Reply(200, _ruleset(c)), "metadata:read"),
    ("PUT", f"{REPO}/rulesets/{{ruleset_id}}"): (_put_ruleset, "administration:write"),
    ("GET", f"{REPO}/git/ref/{{ref}}"): (_ref, "contents:read"),
    ("POST", f"{REPO}/git/refs"): (_create_ref, "contents:write"),
    ("GET", f"{REPO}/contents/{{path}}"): (_content, "contents:read"),
    ("PUT", f"{REPO}/contents/{{path}}"): (_put_content, "contents:write"),
    ("GET", "/user"): (_me, "metadata:read"),
    ("GET", "/users/{username}"): (_someone, "metadata:read"),
    ("GET", "/orgs/{org}/teams/{team_slug}"): (_team, "members:read"),
    ("POST", "/graphql"): (_viewer, "metadata:read"),
    ("GET", "/rate_limit"): (_rate_limit, "metadata:read"),
}  # fmt: skip
