"""Git's access to the repository's own remote in a workflow: a header for one host, in the environment of one process.

Workflows check out without leaving a token on disk. Here it reaches git neither as an argument, which every process
of the machine can read, nor in a file or an address, which are kept and quoted in messages.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_TALKS: Final = frozenset({"fetch", "ls-remote", "push"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


def with_token(environment: Mapping[str, str], arguments: tuple[str, ...]) -> dict[str, str]:
    """The environment for one git command: with GITHUB_TOKEN for GITHUB_SERVER_URL when the command talks to a remote.

    Only runners set GITHUB_SERVER_URL, so at a desk git's own credentials are used.
    """
    given = dict(environment)
    token, server = given.get("GITHUB_TOKEN", ""), given.get("GITHUB_SERVER_URL", "").rstrip("/")
    parts = urlsplit(server)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not token or not safe or not _TALKS & set(arguments):
        return given
    key = f"http.{server}/.extraheader"
    secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    # The empty value forgets a header that the checkout may have left: two of them are refused as malformed.
    pairs = [(key, ""), (key, f"Authorization: Basic {secret}")]
    count = int(given.get("GIT_CONFIG_COUNT") or 0)
    for number, (name, value) in enumerate(pairs, count):
        given[f"GIT_CONFIG_KEY_{number}"], given[f"GIT_CONFIG_VALUE_{number}"] = name, value
    given["GIT_CONFIG_COUNT"] = str(count + len(pairs))
    return given
