"""Files that all aliases of a repository share: written where there are none, kept where there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from liftgate.config import parse_yaml
from liftgate.errors import InputError
from liftgate.files import read_bytes
from liftgate.github.protection import codeowners
from liftgate.onboarding import documents, templates
from liftgate.onboarding.documents import Naming
from liftgate.onboarding.placing import there
from liftgate.registry.models import read_models

_OWNERS: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_TEMPLATE_ALIAS: Final = "support-intent"


def shared_files(
    root: Path, naming: Naming, entry: Mapping[str, Any], owners: Sequence[str], action: str | None
) -> tuple[dict[str, bytes], dict[str, tuple[bytes, bytes]], list[str]]:
    """(new files, files that get longer as (before, after), files that stay as they are).

    Raises `InputError` when the registry holds the alias already, or cannot be added to by a tool.
    """
    wanted: dict[str, bytes] = {"evals/policy.yaml": documents.policy(naming).encode()}
    for name in ("prices", "sunsets"):
        text = templates.template(f"evals/{name}.yaml").replace(_TEMPLATE_ALIAS, naming.alias)
        wanted[f"evals/{name}.yaml"] = documents.reheaded(text, naming).encode()
    if naming.schemas == templates.SCHEMA_FOLDER:
        wanted |= templates.schemas()
    if action:
        wanted |= {path: text.encode() for path, text in templates.workflows(action).items()}
    kept: list[str] = []
    if owners:
        found = next((path for path in _OWNERS if there(root, path)), None)
        if found:
            kept.append(found)
        else:
            wanted[_OWNERS[0]] = codeowners([f"@{owner.removeprefix('@')}" for owner in owners]).encode()
    extended: dict[str, tuple[bytes, bytes]] = {}
    if there(root, "models.yaml"):
        before = read_bytes(root / "models.yaml", "registry")
        extended["models.yaml"] = (before, _with_alias(before, naming.alias, entry))
    else:
        wanted["models.yaml"] = documents.models(naming, entry).encode()
    # A schema that is there is one of Liftgate's own; it is not worth a line each.
    kept += [path for path in wanted if there(root, path) and not path.endswith(".schema.json")]
    return {path: data for path, data in sorted(wanted.items()) if not there(root, path)}, extended, kept


def _with_alias(before: bytes, alias: str, entry: Mapping[str, Any]) -> bytes:
    models = read_models(before, "models.yaml")
    if alias in models.aliases:
        line = models.document.line(("models", alias))
        raise InputError(f"models.yaml:{line}: {alias} is there already", hint="take another alias")
    made = documents.with_alias(before.decode("utf-8"), alias, entry)
    expected = {**models.document.data, "models": {**models.document.data["models"], alias: dict(entry)}}
    try:
        holds = parse_yaml(made, "models.yaml").data == expected
    except InputError:
        holds = False
    if not holds:
        raise InputError(
            "models.yaml: an entry cannot be added to it by a tool",
            hint="let it end with its `models`, one key a line and two spaces before each alias",
        )
    return made.encode()
