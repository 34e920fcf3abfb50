"""What a reader has to press where a workflow opened a pull request: GitHub holds the runs that it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from liftgate.github.api import GitHub

WORKFLOW: Final = "github-actions[bot]"
_PRESS: Final = (
    "A workflow opened this, so GitHub holds the checks that it starts, and again those of each push by a workflow: "
    "somebody with write access presses **Approve workflows to run** beside them."
)


def with_click(body: str, github: GitHub) -> str:
    """The words of a pull request, and where the token is that of a workflow, what its checks wait for."""
    if github.login().lower() != WORKFLOW:
        return body
    return f"{body.rstrip()}\n\n{_PRESS}\n"
