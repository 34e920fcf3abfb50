"""What OpenAI's Files and fine-tuning API refuses, with the words in which it does."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
BODY_KEYS: Final = frozenset(
    {
        "model",
        "training_file",
        "validation_file",
        "method",
        "hyperparameters",
        "suffix",
        "seed",
        "metadata",
        "integrations",
    }
)
MARK: Final = b"\xef\xbb\xbf"
Body = dict[str, Any]


class Refused(Exception):
    """What the service answers instead."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "code": code, "param": param}}


def check_body(body: Body) -> None:
    pairs = body.get("metadata") or {}
    if len(pairs) > 16:
        raise Refused(
            400, "Invalid 'metadata': too many properties", "object_above_max_properties", "metadata"
        )
    for key, value in pairs.items():
        if len(key) > 64 or not isinstance(value, str) or len(value) > 512:
            raise Refused(
                400, f"Invalid 'metadata.{key[:20]}': too long", "string_above_max_length", "metadata"
            )
    if not 1 <= len(body.get("suffix", "x")) <= 64:
        raise Refused(400, "Invalid 'suffix': string too long", "string_above_max_length", "suffix")
    if not 0 <= body.get("seed", 0) < 2**31:
        raise Refused(400, "Invalid 'seed': out of range", "integer_out_of_range", "seed")
    method = body.get("method") or {"type": "supervised"}
    kind = method.get("type")
    if kind not in {"supervised", "dpo", "reinforcement"}:
        raise Refused(400, f"Invalid value: {kind!r}", "invalid_value", "method.type")
    if kind == "reinforcement" and "grader" not in method.get(kind, {}):
        raise Refused(400, "Missing required parameter: 'grader'", "missing_required_parameter", "method")
    numbers = method.get(kind, {}).get("hyperparameters", {})
    known = {"n_epochs", "batch_size", "learning_rate_multiplier", "beta", "reasoning_effort"}
    if foreign := sorted(numbers.keys() - known):
        raise Refused(400, f"Unknown parameter: {foreign[0]}", "unknown_parameter", "method")
    epochs = numbers.get("n_epochs", "auto")
    if epochs != "auto" and not 1 <= epochs <= 50:
        raise Refused(400, "Invalid 'n_epochs'", "integer_out_of_range", "method")


def file_problem(content: bytes) -> str | None:
    lines = content.removeprefix(MARK).splitlines()
    head = "The job failed due to an invalid training file."
    for number, line in enumerate(lines, start=1):
        row = json.loads(line)
        if "messages" not in row and "preferred_output" not in row:
            return f'{head} Invalid file format. Example {number} is missing key "messages".'
        if b"<|fim_suffix|>" in line:
            return f"{head} Invalid file format. Example {number} message contains an invalid token: <|fim_suffix|>."
    if len(lines) < 10:
        return f"{head} Training file has {len(lines)} example(s), but must have at least 10 examples"
    return None


def form(headers: dict[str, str], body: bytes) -> dict[str, tuple[str, bytes]]:
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refused(400, "Invalid content type", "invalid_content_type")
    whole = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    parts = {}
    for part in whole.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        parts[str(name)] = (part.get_filename() or "", content if isinstance(content, bytes) else b"")
    return parts


def check_lines(content: bytes, *, azure: bool) -> None:
    marked = content.startswith(MARK)
    if azure and not marked:
        raise Refused(400, "The file is not encoded in UTF-8 with a byte order mark", "invalidPayload")
    for number, line in enumerate(content.removeprefix(MARK).splitlines(), start=1):
        try:
            good = isinstance(json.loads(line), dict) and (azure or not marked)
        except ValueError:
            good = False
        if not good:
            raise Refused(
                400,
                "Expected file to have JSONL format, where every line is a JSON dictionary. "
                f'Line {number} is not a dictionary (HINT: line starts with: "{line[:40].decode()}...").',
            )
