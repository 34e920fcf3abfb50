"""`liftgate doctor`: what an account, a bucket or a repository still lacks, topic by topic."""

from __future__ import annotations

from typing import Final

from liftgate.commands.actions import Actions
from liftgate.errors import ExitCode

TOPICS: Final[dict[str, str]] = {
    "bedrock": "roles and policies for training and serving on Amazon Bedrock; checks identity and bucket",
}
_COMMAND: Final = Actions(
    "doctor",
    "Say what is still missing.",
    TOPICS,
    "liftgate.commands.doctor_",
    noun="topic",
    explained="",
    asked_for_nothing=ExitCode.PASS,
)

add_arguments, run = _COMMAND.add_arguments, _COMMAND.run
