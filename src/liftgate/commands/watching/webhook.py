"""One message to whoever is on call: https only, one try, no redirect, and its address never shown."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import orjson

from liftgate.errors import InputError, ProviderError

SECONDS: Final = 10.0
_MOST_BYTES: Final = 32_768


def address(environment: Mapping[str, str], name: str) -> SplitResult:
    """The address that a variable holds. Raises `InputError`, which names the variable and nothing of its content."""
    hint = "the address belongs in a secret of the repository, not in a file"
    given = environment.get(name, "")
    if not given:
        raise InputError(f"{name} is not set, and --webhook-env names it", hint=hint)
    try:
        parts = urlsplit(given)
        fine = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        fine = fine and given.isascii() and given.isprintable() and " " not in given and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise InputError(f"{name} holds no https:// address", hint=hint)
    return parts


def send(to: SplitResult, message: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
    """Post one JSON object. Raises `ProviderError` for anything but a 2xx answer."""
    body = orjson.dumps(message)
    if len(body) > _MOST_BYTES:
        raise ValueError("the message was not cut to size")
    path = (to.path or "/") + (f"?{to.query}" if to.query else "")
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(
        str(to.hostname), to.port or 443, timeout=seconds, context=context
    )
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", "User-Agent": "liftgate"})
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ProviderError(f"the webhook could not be reached ({type(error).__name__})") from None
    finally:
        connection.close()
    if not 200 <= code < 300:
        raise ProviderError(f"the webhook answered {code}", hint="it is tried again at the next look")
