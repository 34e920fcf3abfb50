"""Keys of the providers that the repository uses: there or not, and, when asked, whether they are taken."""

from __future__ import annotations

import http.client
from collections.abc import Collection, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from liftgate.onboarding import diagnosis
from liftgate.onboarding.diagnosis import Line
from liftgate.training.finetuning_hosts import HOSTS, Host

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ANSWERS_WITHIN_S: Final = 15


def lines(environment: Mapping[str, str], providers: Collection[str], *, online: bool) -> Iterator[Line]:
    """`online` asks each provider whose key is set for its models, which costs nothing."""
    wanted = {host.key_env: name if name in providers else None for name, host in HOSTS.items()}
    yield from diagnosis.keys(environment, wanted)
    if "bedrock" in providers:
        yield Line("keys", "note", "Amazon Bedrock is asked by role", "liftgate doctor bedrock")
    for host in HOSTS.values():
        value = environment.get(host.key_env, "").strip()
        if online and value:
            yield _asked(host, value, environment)


def _asked(host: Host, value: str, environment: Mapping[str, str]) -> Line:
    provider, key, variable = host.name, host.key_env, host.address_env
    address = environment.get(variable) or host.base_url
    if address is None:
        return Line(
            "access",
            "fix",
            f"{provider}: {variable} is not set",
            "the address of its API, such as https://.../v1",
        )
    parts = urlsplit(address)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or parts.username:
        return Line(
            "access", "fix", f"{provider}: no key goes to such an address", f"{variable} begins with https://"
        )
    try:
        code = _status(parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/models", provider, value)
    except (OSError, http.client.HTTPException, ValueError):
        return Line(
            "access",
            "fix",
            f"{provider}: {parts.hostname} does not answer",
            "a proxy, a firewall, or its status page",
        )
    if code == 200:
        return Line("access", "ok", f"{provider}: the key is taken")
    if code in {401, 403}:
        return Line("access", "fix", f"{provider}: the key is refused ({code})", f"set {key} anew")
    if code == 429:
        return Line("access", "note", f"{provider}: over its limit (429)", "look at quota and billing there")
    return Line("access", "fix", f"{provider}: answers {code}", f"is {variable} right?")


def _status(scheme: str, place: str, path: str, provider: str, key: str) -> int:
    """The status of one GET. Redirects are not followed, so that the key goes nowhere else."""
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(place, timeout=_ANSWERS_WITHIN_S)
    name, value = ("api-key", key) if provider == "azure" else ("Authorization", f"Bearer {key}")
    try:
        connection.request("GET", path, headers={name: value, "User-Agent": "liftgate"})
        response = connection.getresponse()
        response.read(65_536)
        return response.status
    finally:
        connection.close()
