"""`liftgate registry`: what is served, and where it comes from; one module an action."""

from __future__ import annotations

from typing import Final

from liftgate.commands.command_line.actions import Actions

ACTIONS: Final[dict[str, str]] = {
    "check": "whether a change of models.yaml is a legal transition, every reason at once",
    "add": "a finished run as a variant at 0%",
    "promote": "the next step of a variant, as a diff or a pull request",
    "rollback": "callers get what they got before: one line, no evidence, no provider",
    "resolve": "which model a caller gets, and why",
    "export": "the registry for a LiteLLM proxy, or as lines for a shell",
    "trace": "what data trained a model, what it cost, who approved it, what was measured",
    "record": "write a verdict into the ledger, after making it again from its stored answers",
    "verify": "make the chain from rows to flag again, offline, and name the first broken link; or one report",
}
_COMMAND: Final = Actions(
    "registry", "What is served, and where it comes from.", ACTIONS, "liftgate.commands.registry."
)

add_arguments, run, run_action = _COMMAND.add_arguments, _COMMAND.run, _COMMAND.run_action
