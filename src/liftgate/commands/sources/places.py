"""Places as the repository knows them, wherever its files were unpacked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.findings import Finding

if TYPE_CHECKING:
    from liftgate.commands.checking.file_check import FileCheck


class Places:
    """Places as the repository knows them, not where a ruler was unpacked or a root was named."""

    def __init__(self, *folders: Path) -> None:
        self.prefixes = [f"{folder}/" for folder in folders if str(folder) != "."]

    def text(self, text: str) -> str:
        """A text without the folders."""
        for prefix in self.prefixes:
            text = text.replace(prefix, "")
        return text

    def finding(self, finding: Finding) -> Finding:
        """A finding whose place and words name the repository's own files."""
        path = None if finding.path is None else self.text(finding.path)
        return replace(finding, path=path, message=self.text(finding.message))

    def check(self, file: FileCheck) -> FileCheck:
        """A file's check with everything in it."""
        from liftgate.data.waivers import Waived

        waived = tuple(
            Waived(self.finding(each.finding), replace(each.waiver, path=self.text(each.waiver.path)))
            for each in file.waived
        )
        findings = tuple(map(self.finding, file.findings))
        return replace(file, path=self.text(file.path), findings=findings, waived=waived)
