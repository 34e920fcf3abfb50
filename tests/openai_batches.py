"""Files and batches of `OpenAIServer`: stateful, held against OpenAI's own description where that is here."""

from __future__ import annotations

import email
import email.policy
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from conftest import REAL_DATA

DESCRIPTION = REAL_DATA / "openai" / "openapi.json"
Body = dict[str, Any]


class Desk:
    """Takes files and batches. A batch ends once it has been looked at `looks` times; `created` counts those paid for.

    `failing` are words whose requests fail; `end_as` is how a batch ends; `answered` is the share of the lines that
    are answered when it does not complete. `lose_replies` creations happen and are never answered.
    """

    def __init__(self, answer: Callable[[Body], Body]) -> None:
        self.answer = answer
        self.looks = 2
        self.failing: set[str] = set()
        self.end_as = "completed"
        self.answered = 0.5
        self.lose_replies = 0
        self.created = 0
        self.files: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self.batches: dict[str, Body] = {}
        self.refused: list[str] = []

    def reply(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any] | None:
        """Status and JSON (or bytes); None for a reply that gets lost."""
        parts = urlsplit(target)
        words = parts.path.removeprefix("/v1/").split("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match (method, *words):
            case ("POST", "files"):
                return self._upload(headers, raw)
            case ("GET", "files", file_id, "content"):
                return (200, self.files[file_id]) if file_id in self.files else _refusal(404, "no such file")
            case ("POST", "batches"):
                return self._create(json.loads(raw))
            case ("GET", "batches"):
                return 200, self._list(query)
            case ("GET", "batches", batch_id):
                if batch_id not in self.batches:
                    return _refusal(404, "no such batch")
                return 200, _described("Batch", self._look(self.batches[batch_id]))
        return _refusal(404, "no such route")

    def _upload(self, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + raw, policy=email.policy.HTTP)
        fields: dict[str, tuple[str | None, Any]] = {}
        for part in parts.iter_parts():
            name = part.get_param("name", header="content-disposition")
            fields[str(name)] = (part.get_filename(), part.get_payload(decode=True))
        if fields["purpose"][1].decode() != "batch" or not str(fields["file"][0]).endswith(".jsonl"):
            return self._refuse("purpose must be batch, and the file a .jsonl")
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id], self.names[file_id] = fields["file"][1], str(fields["file"][0])
        about = {"id": file_id, "object": "file", "bytes": len(self.files[file_id]), "created_at": _now()}
        return 200, {**about, "filename": self.names[file_id], "purpose": "batch", "status": "processed"}

    def _create(self, body: Body) -> tuple[int, Any] | None:
        if (why := wrong("CreateBatchRequest", body)) or body["input_file_id"] not in self.files:
            return self._refuse(why or "no such file")
        number = len(self.batches) + 1
        batch: Body = {
            "id": f"batch_{number}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "completion_window": body["completion_window"],
            "metadata": body.get("metadata"),
            "status": "validating",
            "created_at": _now() + number,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "looks": 0,
        }
        self.batches[batch["id"]] = batch
        self.created += 1
        if self.lose_replies:
            self.lose_replies -= 1
            return None
        return 200, _described("Batch", batch)

    def _list(self, query: dict[str, str]) -> Body:
        newest = sorted(self.batches.values(), key=lambda batch: -batch["created_at"])
        ids = [batch["id"] for batch in newest]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        page = newest[start : start + min(int(query.get("limit", "20")), 2)]
        return {
            "object": "list",
            "data": [_described("Batch", batch) for batch in page],
            "has_more": start + len(page) < len(newest),
        }

    def _look(self, batch: Body) -> Body:
        batch["looks"] += 1
        if batch["looks"] < self.looks:
            batch["status"] = "in_progress"
        elif batch["status"] in {"validating", "in_progress"}:
            self._end(batch)
        return batch

    def _end(self, batch: Body) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        problems = self._problems(batch, lines)
        batch["status"] = "failed" if problems or self.end_as == "failed" else self.end_as
        if batch["status"] == "failed":
            found = problems or [{"code": "token_limit_exceeded", "message": "quoting question 0", "line": 1}]
            batch["errors"] = {"object": "list", "data": found}
            return
        kept = lines if self.end_as == "completed" else lines[: int(len(lines) * self.answered)]
        good: list[Body] = []
        bad: list[Body] = []
        for line in reversed(kept):
            words = json.dumps(line["body"])
            failed = any(word in words for word in self.failing)
            error = {
                "error": {
                    "message": f"bad: {words}",
                    "type": "invalid_request_error",
                    "code": "invalid_value",
                }
            }
            response = {
                "status_code": 400 if failed else 200,
                "request_id": "req_1",
                "body": error if failed else self.answer(line["body"]),
            }
            row = {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}
            (bad if failed else good).append(row)
        late = {"code": "batch_expired", "message": "This request could not be executed in time."}
        if self.end_as == "expired":
            bad += [
                {"id": "r", "custom_id": line["custom_id"], "response": None, "error": late}
                for line in lines[len(kept) :]
            ]
        for name, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                batch[name] = f"file-{name}-{batch['id']}"
                self.files[batch[name]] = "".join(json.dumps(row) + "\n" for row in rows).encode()
        counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        batch["request_counts"] = counts

    def _problems(self, batch: Body, lines: list[Body]) -> list[Body]:
        found: list[Body] = []
        seen: set[str] = set()
        for number, line in enumerate(lines, start=1):
            why = wrong("CreateChatCompletionRequest", line.get("body"))
            if line.keys() != {"custom_id", "method", "url", "body"} or line["custom_id"] in seen:
                why = "duplicate_custom_id"
            if line["method"] != "POST" or line["url"] != batch["endpoint"]:
                why = "mismatched_url"
            seen.add(line["custom_id"])
            if why:
                self.refused.append(why)
                found.append({"code": "invalid_json_line", "message": why, "line": number, "param": None})
        return found

    def _refuse(self, why: str) -> tuple[int, Any]:
        self.refused.append(why)
        return _refusal(400, why)


def _refusal(status: int, why: str) -> tuple[int, Any]:
    return status, {"error": {"message": why, "type": "invalid_request_error", "code": None, "param": None}}


def _described(name: str, value: Body) -> Body:
    """A reply without what is ours, as the description has it."""
    reply = {key: each for key, each in value.items() if key != "looks"}
    assert not (why := wrong(name, reply)), why
    return reply


def wrong(name: str, value: Any) -> str:
    """What OpenAI's description has against a value, or nothing; nothing, too, where the description is not here."""
    if not DESCRIPTION.is_file():
        return ""
    return "; ".join(str(error.message)[:200] for error in _judge(name).iter_errors(value))


@cache
def _judge(name: str) -> Draft202012Validator:
    components = json.loads(DESCRIPTION.read_bytes())["components"]
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})


def _now() -> int:
    return int(time.time())
