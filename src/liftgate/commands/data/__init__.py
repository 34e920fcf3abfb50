"""`liftgate data`: make, change and compare dataset files; one module an action."""

from __future__ import annotations

from typing import Final

from liftgate.commands.command_line.actions import Actions

ACTIONS: Final[dict[str, str]] = {
    "export": "write the rows as the platform that trains on them wants them",
    "split": "halve a file into training and validation rows",
    "diff": "what changed between two files or releases, without any row's text",
    "scrub": "put consistent placeholders in place of personal data and credentials",
    "augment": "make variants of rows with other ids, amounts, dates and names, prompt and answer in step",
    "cluster": "give golden cases that nearly repeat one another one cluster_id",
    "adopt": "take over chat rows of others: add provenance, or make golden cases",
}
_COMMAND: Final = Actions(
    "data", "Make, change and compare dataset files.", ACTIONS, "liftgate.commands.data."
)

add_arguments, run, run_action = _COMMAND.add_arguments, _COMMAND.run, _COMMAND.run_action
overview = _COMMAND.overview
