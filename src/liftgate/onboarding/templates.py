"""Files of the template that a new repository takes over: inside the wheel, or in the checkout that is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from liftgate.config import SCHEMA_DIR
from liftgate.errors import InputError

SCHEMAS: Final = (
    "card", "case", "decision", "models", "policy", "prices", "prompt", "suite", "sunsets", "waivers",
)  # fmt: skip
SCHEMA_FOLDER: Final = ".github/liftgate/schemas"
_OURS_ALONE: Final = frozenset({"ci", "release"})
"""Workflows of Liftgate's own repository, which judge and publish the program itself."""
_ACTION: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_./-]{1,200}@[0-9a-f]{40}")
_IN_WHEEL: Final = Path(__file__).parent / "templates"
_CHECKOUT: Final = Path(__file__).parents[3]


def template(path: str) -> str:
    """A file of the template, by its path there. Raises `InputError` when this installation has none."""
    return _found(path).read_text("utf-8")


def _found(path: str) -> Path:
    for folder in (_IN_WHEEL, _CHECKOUT):
        if (folder / path).exists():
            return folder / path
    raise InputError(
        f"this installation of Liftgate lacks its template {path}", hint="install the wheel again"
    )


def schemas() -> dict[str, bytes]:
    """Path → bytes of the schemas that the files name in their first line."""
    return {
        f"{SCHEMA_FOLDER}/{name}.schema.json": (SCHEMA_DIR / f"{name}.schema.json").read_bytes()
        for name in SCHEMAS
    }


def workflows(action: str) -> dict[str, str]:
    """Path → text of the workflows, with `action` (owner/name@commit) in place of the template's own.

    Raises `InputError` for an action that is not pinned to a commit.
    """
    if not _ACTION.fullmatch(action):
        raise InputError(
            "--action takes OWNER/NAME@COMMIT with the 40 hex digits of a commit",
            hint="a tag can be moved by whoever owns it; take the commit that you have read",
        )
    return {
        f".github/workflows/{name}.yml": re.sub(
            r"(?m)^(\s*(?:- )?uses:) \./$", rf"\1 {action}", template(f".github/workflows/{name}.yml")
        )
        for name in sorted(path.stem for path in _found(".github/workflows").glob("*.yml"))
        if name not in _OURS_ALONE
    }
