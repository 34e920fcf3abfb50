"""The registry in the form of what serves traffic: one module each, in a literal table. Pure.

A module has one public function, `export(table: Table) -> str`: the text of the file. Keys are never written, only the
names of the variables that hold them. Raises `InputError` for a registry that the target cannot express.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from liftgate.registry.exports import env, litellm
from liftgate.registry.resolve import Table

EXPORTS: Final[dict[str, Callable[[Table], str]]] = {"env": env.export, "litellm": litellm.export}
