"""Words that `init` takes, apart from what reads rows, so that `--help` imports none of that."""

from __future__ import annotations

from typing import Final

TASKS: Final = ("binary", "classification", "extraction", "style")
PROVIDERS: Final = ("local", "openai", "azure", "bedrock", "fireworks", "together")
CLASSIFICATIONS: Final = ("public", "internal", "confidential", "restricted")
