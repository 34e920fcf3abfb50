"""Completion scripts, written out of the parsers themselves, so that they know every option there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """What may follow a command, or a command and its action. `values`: option → its choices."""

    path: str
    text: str
    actions: Mapping[str, str]
    options: Mapping[str, str]
    values: Mapping[str, tuple[str, ...]]
    takes_alias: bool


def everything() -> list[Words]:
    """Every command and action, by its parser."""
    from liftgate.commands.command_line.actions import action_parsers
    from liftgate.commands.command_line.overview import COMMANDS, parser_for

    found = []
    for command, text in COMMANDS.items():
        parser = parser_for(command)
        below = action_parsers(command) or _subparsers(parser)
        found.append(_words(command, text, parser, {name: about for name, (about, _) in below.items()}))
        found += [_words(f"{command} {name}", about, sub, {}) for name, (about, sub) in below.items()]
    return found


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {name: (str(sub.description or ""), sub) for name, sub in action.choices.items()}
    return {}


def _words(path: str, text: str, parser: argparse.ArgumentParser, actions: Mapping[str, str]) -> Words:
    options: dict[str, str] = {}
    values: dict[str, tuple[str, ...]] = {}
    takes_alias = False
    for action in parser._actions:
        long = [option for option in action.option_strings if option.startswith("--")]
        for option in long:
            options[option] = _plain(action)
            if action.choices:
                values[option] = tuple(str(choice) for choice in action.choices)
        if not action.option_strings and action.dest == "alias":
            takes_alias = True
        if not action.option_strings and action.choices and not actions:
            actions = {str(choice): "" for choice in action.choices}
    return Words(path, text, actions, options, values, takes_alias)


def _plain(action: argparse.Action) -> str:
    """The help of an option as one short line without what a shell could read in it."""
    text = "" if action.help in {None, argparse.SUPPRESS} else str(action.help)
    first = text.replace("%%", "%").split(";")[0].split(" (")[0]
    return "".join(letter for letter in first if letter.isalnum() or letter in " -_.,/:%<>='")[:80].strip()


def bash() -> str:
    """For bash from 3.2 on."""
    table = everything()
    top = [words for words in table if " " not in words.path]
    nested = [words.path for words in top if any(other.path.startswith(f"{words.path} ") for other in table)]
    lines = [
        "# liftgate: source this file, or put it where bash-completion looks.",
        "_liftgate() {",
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=${COMP_WORDS[1]} words=''",
        "    COMPREPLY=()",
        "    if (( COMP_CWORD == 1 )); then",
        f"        COMPREPLY=($(compgen -W '{' '.join(w.path for w in top)} --help --version' -- \"$cur\"))",
        "        return",
        "    fi",
        f"    case $path in {'|'.join(nested)})",
        '        if (( COMP_CWORD > 2 )) && [[ ${COMP_WORDS[2]} != -* ]]; then path="$path ${COMP_WORDS[2]}"; fi ;;',
        "    esac",
        "    if [[ $prev == --alias ]]; then words=$(liftgate completion aliases 2>/dev/null)",
        "    else",
        '        case "$path $prev" in',
        *(
            f"            '{w.path} {o}') words='{' '.join(v)}' ;;"
            for w in table
            for o, v in w.values.items()
        ),
        "        esac",
        "    fi",
        "    if [[ -z $words ]]; then",
        '        case "$path" in',
    ]
    for words in table:
        known = " ".join([*words.actions, *words.options])
        aliases = " $(liftgate completion aliases 2>/dev/null)" if words.takes_alias else ""
        said = f'"{known}{aliases}"' if aliases else f"'{known}'"
        lines.append(f"            '{words.path}') words={said} ;;")
    lines += [
        "        esac",
        "    fi",
        '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        "complete -o default -F _liftgate liftgate",
        "",
    ]
    return "\n".join(lines)


def zsh() -> str:
    """zsh runs the functions of bash, once it is asked to."""
    return "#compdef liftgate\nautoload -U +X bashcompinit && bashcompinit\n" + bash()


def fish() -> str:
    """For fish from 3.0 on."""
    lines = ["# liftgate: save as ~/.config/fish/completions/liftgate.fish", "complete -c liftgate -e"]
    table = everything()
    for words in table:
        if " " not in words.path:
            lines.append(
                f"complete -c liftgate -f -n __fish_use_subcommand -a {words.path} -d {_quoted(words.text)}"
            )
        lines += _fish_lines(words)
    return "\n".join([*lines, ""])


def _fish_lines(words: Words) -> Iterator[str]:
    command, _, action = words.path.partition(" ")
    seen = f"__fish_seen_subcommand_from {command}" + (
        f"; and __fish_seen_subcommand_from {action}" if action else ""
    )
    start = f"complete -c liftgate -n '{seen}'"
    first = f"{start[:-1]}; and not __fish_seen_subcommand_from {' '.join(words.actions)}'"
    for name, about in words.actions.items():
        yield f"{first} -f -a {name} -d {_quoted(about)}"
    if words.takes_alias:
        yield f"{start} -f -a '(liftgate completion aliases 2>/dev/null)'"
    for option, about in words.options.items():
        values: Any = words.values.get(option)
        if option == "--alias":
            values = ("(liftgate completion aliases 2>/dev/null)",)
        taken = f" -x -a '{' '.join(values)}'" if values else ""
        yield f"{start} -l {option.removeprefix('--')}{taken} -d {_quoted(about)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "").replace("'", "\\'") + "'"
