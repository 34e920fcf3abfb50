"""Templates of whole pages: one environment, in which every text of somebody else is escaped and bounded."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.report.escape import clean

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def page_template(name: str, text_limit: int) -> Template:
    """The template of a page; no text in it is longer than `text_limit` characters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def finalize(value: Any) -> Any:
        # Plain text only: what carries __html__ is ours and stays as it is.
        return (
            clean(value, text_limit) if isinstance(value, str) and not hasattr(value, "__html__") else value
        )

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    return environment.get_template(name)
