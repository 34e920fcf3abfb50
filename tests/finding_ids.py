"""Every id that the source gives a finding, with its severities, read from the syntax trees: nothing is imported."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "liftgate"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Pair = tuple[str, str]
"""Rule and severity."""


class Unread(Exception):
    """An expression that may be anything: what it gives stands nowhere in so many words."""


@dataclass
class Module:
    """One file: its constants, what it imports by name, and which functions each node stands in."""

    name: str
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    inside: dict[ast.AST, tuple[Function, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.constants = {name: value for node in self.tree.body for name, value in _assignments(node)}
        self._walk(self.tree, ())

    def _walk(self, node: ast.AST, above: tuple[Function, ...]) -> None:
        self.inside[node] = above
        if isinstance(node, ast.ImportFrom) and node.module:
            self.imports |= {alias.asname or alias.name: node.module for alias in node.names}
        within = (node, *above) if isinstance(node, Function) else above
        for child in ast.iter_child_nodes(node):
            self._walk(child, within)


@dataclass
class Emitted:
    """What the source emits: id → severities, and places whose id could not be read."""

    severities: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unread: list[str] = field(default_factory=list)


def emitted(source: Path = SOURCE) -> Emitted:
    """Read every `Finding(...)` below a folder, through constants, parameters and small functions."""
    reader, found = _Reader(source), Emitted()
    for module, call in reader.calls["Finding"]:
        rule, severity = _argument(call, 0, "rule"), _argument(call, 1, "severity")
        try:
            for name, weight in reader.pairs(module, call, rule, severity):
                found.severities[name].add(weight)
        except Unread as error:
            found.unread.append(f"{module.name}: {ast.unparse(call)[:80]}: {error}")
    for module in reader.modules:
        for node in module.inside:
            if isinstance(node, ast.Dict) and any(_is_rule(key) for key in node.keys):
                value = next(v for k, v in zip(node.keys, node.values, strict=True) if _is_rule(k))
                if not isinstance(value, ast.Attribute):
                    found.unread.append(f"{module.name}: a finding as a literal: {ast.unparse(node)[:80]}")
    return found


class _Reader:
    def __init__(self, source: Path) -> None:
        self.modules = []
        for path in sorted(source.rglob("*.py")):
            name = ".".join(("liftgate", *path.relative_to(source).with_suffix("").parts))
            self.modules.append(Module(name, ast.parse(path.read_text("utf-8"))))
        self.by_name = {module.name: module for module in self.modules}
        self.calls: dict[str, list[tuple[Module, ast.Call]]] = defaultdict(list)
        for module in self.modules:
            for node in module.inside:
                if isinstance(node, ast.Call):
                    self.calls[_called(node)].append((module, node))

    def pairs(
        self, module: Module, at: ast.AST, rule: ast.expr | None, severity: ast.expr | None
    ) -> set[Pair]:
        """Rule and severity that go together: what one caller gives is not mixed with what another gives."""
        if isinstance(rule, ast.Attribute) and rule.attr == "rule":
            return set()  # Another finding's, which is read where that one is made.
        owner = self._owner(module, at, rule)
        if owner is not None and isinstance(rule, ast.Name):
            function, every = owner, set[Pair]()
            for where, call in self._callers(module, function):
                given = _given(call, function, rule.id)
                weight = severity
                if isinstance(severity, ast.Name) and severity.id in _parameters(function):
                    weight = _given(call, function, severity.id)
                    every |= self.pairs(where, call, given, weight)
                else:
                    fixed = self._weights(module, at, severity)
                    every |= {(name, s) for name, _ in self.pairs(where, call, given, None) for s in fixed}
            return every
        together = self._together(module, at, rule, severity)
        if together is not None:
            return together
        weights = self._weights(module, at, severity)
        return {(name, weight) for name in self._values(module, at, rule) for weight in weights}

    def _weights(self, module: Module, at: ast.AST, severity: ast.expr | None) -> set[str]:
        return {""} if severity is None else self._values(module, at, severity)

    def _values(self, module: Module, at: ast.AST, asked: ast.expr | None) -> set[str]:
        """The strings, or severities, that an expression may be."""
        match asked:
            case ast.Constant(value=str(value)):
                return {value}
            case ast.IfExp(body=body, orelse=other):
                return self._values(module, at, body) | self._values(module, at, other)
            case ast.Attribute(value=ast.Name(id="Severity"), attr=name):
                return {name.lower()}
            case ast.Name(id=name):
                return self._named(module, at, name)
        raise Unread("nothing" if asked is None else ast.unparse(asked))

    def _named(self, module: Module, at: ast.AST, name: str) -> set[str]:
        for function in module.inside[at]:
            if name in _parameters(function):
                given = [
                    (where, call, _given(call, function, name))
                    for where, call in self._callers(module, function)
                ]
                return set().union(*(self._values(where, call, value) for where, call, value in given))
            if written := [value for known, value in _assignments(function) if known == name]:
                inner = function.body[0]
                return set().union(*(self._values(module, inner, value) for value in written))
        if name in module.constants:
            return self._values(module, module.tree, module.constants[name])
        home = self.by_name.get(module.imports.get(name, ""))
        if home is None or name not in home.constants:
            raise Unread(name)
        return self._values(home, home.tree, home.constants[name])

    def _together(
        self, module: Module, at: ast.AST, rule: ast.expr | None, severity: ast.expr | None
    ) -> set[Pair] | None:
        """`rule, severity = TABLE[key]`: the tuples of a literal table."""
        if not (isinstance(rule, ast.Name) and isinstance(severity, ast.Name)):
            return None
        for function in module.inside[at]:
            for node in ast.walk(function):
                match node:
                    case ast.Assign(
                        targets=[ast.Tuple(elts=[ast.Name(id=one), ast.Name(id=other)])],
                        value=ast.Subscript(value=ast.Name(id=table)),
                    ) if (one, other) == (rule.id, severity.id):
                        literal = module.constants[table]
                        assert isinstance(literal, ast.Dict)
                        rows = [row.elts for row in literal.values if isinstance(row, ast.Tuple)]
                        return set().union(*(self.pairs(module, module.tree, *row) for row in rows))
        return None

    def _owner(self, module: Module, at: ast.AST, rule: ast.expr | None) -> Function | None:
        """The function of which the rule is a parameter."""
        if not isinstance(rule, ast.Name):
            return None
        return next((each for each in module.inside[at] if rule.id in _parameters(each)), None)

    def _callers(self, module: Module, function: Function) -> list[tuple[Module, ast.Call]]:
        """A name that begins with an underscore, or that another function holds, is called in its own file."""
        own = function.name.startswith("_") or bool(module.inside[function])
        sites = [site for site in self.calls[function.name] if not own or site[0] is module]
        method = [each.arg for each in function.args.args][:1] == ["self"]
        sites = [site for site in sites if isinstance(site[1].func, ast.Attribute) == method]
        fitting = [site for site in sites if _fits(site[1], function)]
        if not fitting:
            raise Unread(f"nobody calls {function.name}")
        return fitting


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_rule(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value == "rule"


def _parameters(function: Function) -> list[str]:
    """Their names in order, without `self`."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return names[1:] if names[:1] == ["self"] else names


def _given(call: ast.Call, function: Function, name: str) -> ast.expr | None:
    """What a call gives for a parameter."""
    return _argument(call, _parameters(function).index(name), name)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if position < len(call.args):
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _fits(call: ast.Call, function: Function) -> bool:
    """Whether a call by this name can be one of this function: another may have the name."""
    given = function.args
    least = len(_parameters(function)) - len(given.kwonlyargs) - len(given.defaults)
    return len(call.args) + sum(each.arg in _parameters(function) for each in call.keywords) >= least


def _assignments(within: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is written to them, by assignment or by a loop over a literal."""
    for node in ast.walk(within):
        match node:
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _unpacked(target, value)
            case ast.Assign(targets=[target], value=value):
                yield from _unpacked(target, value)
            case ast.For(target=target, iter=ast.Tuple(elts=rows) | ast.List(elts=rows)):
                for row in rows:
                    yield from _unpacked(target, row)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterable[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values):
            for one, other in zip(targets, values, strict=True):
                yield from _unpacked(one, other)
