"""A command made of actions, each a module with `add_arguments` and `run`, imported when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from liftgate.config import did_you_mean
from liftgate.errors import ExitCode


@dataclass(frozen=True)
class Actions:
    """The actions of one command. `texts` says a line of each; `package` holds their modules.

    `noun` is what an action is called here, and `asked_for_nothing` what the command answers without one.
    """

    command: str
    purpose: str
    texts: Mapping[str, str]
    package: str
    noun: str = "action"
    explained: str = " explains one."
    asked_for_nothing: ExitCode = ExitCode.BAD_INPUT

    @property
    def usage(self) -> str:
        """The usage line, without the word `usage`."""
        return f"liftgate {self.command} {self.noun.upper()} [options]"

    @property
    def described(self) -> str:
        """What the command is for and what it can do."""
        width = max(map(len, self.texts))
        lines = [f"  {name.ljust(width)}  {text}" for name, text in self.texts.items()]
        last = f"liftgate {self.command} {self.noun.upper()} --help{self.explained}"
        return "\n".join([self.purpose, "", f"{self.noun}s:", *lines, "", last])

    def overview(self) -> str:
        """What is printed when the command is not told what to do."""
        return f"usage: {self.usage}\n\n{self.described}\n"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """An action and its own words."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.usage, parser.description = self.usage, self.described
        parser.add_argument("action", metavar=self.noun.upper(), nargs="?")
        parser.add_argument(
            "words", nargs=argparse.REMAINDER, metavar="...", help=f"what the {self.noun} needs"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Do what the action says; without one, say which there are."""
        if arguments.action is None:
            sys.stdout.write(self.overview())
            return self.asked_for_nothing
        return self.run_action(arguments.action, arguments.words)

    def run_action(self, action: str, words: Sequence[str]) -> int:
        """Parse the action's own words and run it."""
        if action not in self.texts:
            sys.stderr.write(
                f"error: {action!r} is not {'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"
                f"{did_you_mean(action, list(self.texts))}\n"
                f"  hint: one of {', '.join(self.texts)}\n"
            )
            return ExitCode.BAD_INPUT
        module = import_module(f"{self.package}{action}")
        return int(module.run(self.parser_of(action).parse_args(words)))

    def parser_of(self, action: str) -> argparse.ArgumentParser:
        """The parser of one action."""
        from liftgate.commands.command_line.parsing import Parser

        name = f"{self.command} {action}"
        parser = Parser(prog=f"liftgate {name}", description=self.texts[action], examples_of=name)
        import_module(f"{self.package}{action}").add_arguments(parser)
        return parser


def action_parsers(command: str) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Action → what it is for and its parser; empty for a command that has none."""
    module = import_module(f"liftgate.commands.{command.replace('-', '_')}")
    found = getattr(module, "_COMMAND", None)
    if not isinstance(found, Actions):
        return {}
    return {name: (text, found.parser_of(name)) for name, text in found.texts.items()}
