"""The parser of every command and action: says what is wrong with a word in two lines, and what was meant."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from liftgate.commands.command_line.examples import shown


class _Paragraphs(argparse.HelpFormatter):
    """Wraps paragraphs, and leaves those alone that are parted into lines: lists and examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = [part if "\n" in part else textwrap.fill(part, width) for part in text.split("\n\n")]
        return textwrap.indent("\n\n".join(parts), indent)


class Parser(argparse.ArgumentParser):
    """`examples_of` names the command whose examples end the help."""

    def __init__(self, *, examples_of: str = "", epilog: str | None = None, **options: Any) -> None:
        parts = [part for part in (shown(examples_of), epilog) if part]
        options.setdefault("formatter_class", _Paragraphs)
        super().__init__(epilog="\n\n".join(parts) or None, **options)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As ever, but an option that does not exist is named before one that is missing."""
        words = list(sys.argv[1:] if args is None else args)
        leaves_words = any(a.nargs in {argparse.REMAINDER, argparse.PARSER} for a in self._actions)
        unknown = [] if leaves_words else [w for w in words[: _end(words)] if self._is_unknown(w)]
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """End with the exit code of bad input."""
        self.exit(2, f"error: {message}{self._meant(message)}\n  hint: {self.prog} --help\n")

    def _is_unknown(self, word: str) -> bool:
        name = word.partition("=")[0]
        return (
            re.fullmatch(r"--[a-zA-Z][\w-]*", name) is not None
            and not any(option.startswith(name) for option in self._option_string_actions)
        )  # fmt: skip

    def _meant(self, message: str) -> str:
        from liftgate.config import did_you_mean

        if message.startswith("unrecognized arguments: "):
            words = [word.partition("=")[0] for word in message.split(": ", 1)[1].split()]
            known = [
                option for parser in (self, *self._children()) for option in parser._option_string_actions
            ]
            near = [did_you_mean(word, known) for word in words if word.startswith("-")]
            return next((said for said in near if said), "")
        if found := re.match(r"argument ([^:]+): invalid choice: '([^']*)'", message):
            names = set(re.split(r"[/, ]+", found[1]))
            for action in self._actions:
                if action.choices and names & {*action.option_strings, action.dest, str(action.metavar)}:
                    return did_you_mean(found[2], [str(choice) for choice in action.choices])
        return ""

    def _children(self) -> Iterator[argparse.ArgumentParser]:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from action.choices.values()


def _end(words: Sequence[str]) -> int:
    """Where the options end: at a lone `--`, or after all."""
    return words.index("--") if "--" in words else len(words)
