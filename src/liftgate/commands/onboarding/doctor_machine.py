"""What `liftgate doctor` finds on the machine: versions, extras, git, disk, GPU."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from liftgate import __version__
from liftgate.onboarding import diagnosis
from liftgate.onboarding.diagnosis import Line

_EXTRAS: Final = {
    "aws": ("boto3",),
    "openai": ("openai",),
    "github": ("github",),
    "local": ("torch", "transformers", "peft"),
    "secrets": ("kingfisher_sdk",),
    "pii": ("presidio_analyzer",),
    "labels": ("cleanlab",),
}
_NEEDED: Final = {"local": "local", "bedrock": "aws"}
_ASKED_WITHIN_S: Final = 20


def lines(root: Path, providers: Collection[str]) -> Iterator[Line]:
    """`providers` are those that the repository trains or asks at."""
    yield diagnosis.versions(__version__, sys.version_info[:2], f"{platform.system()} {platform.machine()}")
    there = {
        name: all(importlib.util.find_spec(module) is not None for module in modules)
        for name, modules in _EXTRAS.items()
    }
    needed: dict[str, str] = {}
    for provider in sorted(providers):
        extra = _NEEDED.get(provider, "openai")
        needed.setdefault(extra, f"models at {provider} need it")
    yield from diagnosis.extras(there, needed)
    yield from _git(root)
    yield diagnosis.disk(shutil.disk_usage(root if root.is_dir() else Path()).free)
    yield diagnosis.gpu(_gpus(), trains_here="local" in providers)


def _git(root: Path) -> Iterator[Line]:
    found = _said("git", "--version")
    if found is None:
        yield Line("git", "fix", "git is not installed", "install git: plans and verdicts are about commits")
        return
    missing = [key for key in ("user.name", "user.email") if not _said("git", "-C", str(root), "config", key)]
    if missing:
        yield Line(
            "git", "note", f"{found}; {' and '.join(missing)} not set", "git config --global user.name 'Your Name'"
        )  # fmt: skip
    else:
        yield Line("git", "ok", found)
    attributes = root / ".gitattributes"
    if attributes.is_file() and "filter=lfs" in attributes.read_text("utf-8", "replace"):
        lfs = _said("git", "lfs", "version")
        if lfs is None:
            yield Line(
                "git lfs", "fix", "files of this repository lie in LFS", "install git-lfs, then: git lfs pull"
            )
        else:
            yield Line("git lfs", "ok", lfs.split(" ", 1)[0])


def _gpus() -> list[str]:
    """Names of NVIDIA devices, else Apple's by the machine; torch is not asked, since it takes seconds to load."""
    found = _said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if found:
        return [line.strip() for line in found.splitlines() if line.strip()]
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return ["Apple silicon"] if apple else []


def _said(*words: str) -> str | None:
    """What a program prints, or None when it is not there or fails."""
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=_ASKED_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None
