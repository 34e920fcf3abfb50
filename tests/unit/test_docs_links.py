"""The documentation links to what is there, and its generated parts say what the code says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from docs_reading import ROOT, anchors, links, pages, tracked
from liftgate.policy import Policy

NAMES = [str(page.relative_to(ROOT)) for page in pages()]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_to_a_file_of_the_repository_and_a_heading_that_is_there(name: str) -> None:
    page, there, broken = ROOT / name, tracked(), []
    for address in links(page):
        parts = urlsplit(address)
        if parts.scheme in {"https", "mailto"}:
            continue
        assert not parts.scheme, address
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        inside = target.is_relative_to(ROOT) and str(target.relative_to(ROOT)) in there
        if not inside or (parts.fragment and unquote(parts.fragment) not in anchors(target)):
            broken.append(address)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        found = ((page.parent / urlsplit(link).path).resolve() for link in links(page) if "://" not in link)
        ahead += [target for target in found if target.suffix == ".md" and target.is_file()]
    assert {str(page.relative_to(ROOT)) for page in pages()} - {
        str(p.relative_to(ROOT)) for p in seen
    } == set()


def test_the_page_of_the_policy_is_that_of_the_schema_and_the_code() -> None:
    assert (ROOT / "docs" / "policy.md").read_text("utf-8") == tool("write_policy_doc").document()


@pytest.mark.parametrize(
    "changed",
    [{"report": {"show": "ids"}}, {"rollout": {"min_hours": 1}}, {"approval": {"approvers": ["ana"]}}],
)
def test_what_the_page_says_keeps_old_verdicts_does(changed: dict[str, object]) -> None:
    assert Policy.from_dict(changed).fingerprint == Policy().fingerprint


def test_the_generated_parts_of_the_readme_are_those_of_the_code() -> None:
    written = (ROOT / "README.md").read_text("utf-8")
    assert written == tool("write_readme_doc").document(written)


def test_the_readme_shows_a_comment_that_the_bot_writes_and_nothing_else() -> None:
    snapshot = (ROOT / "tests/snapshots/comment/change/block-by-bucket.md").read_text("utf-8").splitlines()
    shown = (ROOT / "README.md").read_text("utf-8").split("<!-- comment: generated -->\n")[1]
    lines = [line.removeprefix(">").strip() for line in shown.split("<!-- /comment -->")[0].splitlines()]
    ours = [line for line in lines if line and line not in snapshot]
    assert [line.split(" ")[0] for line in ours] == ["*What", "<sub>Folded:"]


def test_the_rooms_of_the_architecture_are_the_layers_that_the_import_contract_holds() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers, _ = (each["layers"] for each in contracts if each["type"] == "layers")
    held = [{name.removeprefix("liftgate.") for name in layer.split(" : ")} for layer in reversed(layers)]
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("| room | holds |\n|---|---|\n")[1]
    rows = [line.split(" | ")[0] for line in page.split("\n\n")[0].splitlines()]
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == held


def test_the_architecture_tells_of_every_workflow() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    ours = {path.name for path in (ROOT / ".github" / "workflows").glob("*.yml")} - {"ci.yml", "release.yml"}
    assert set(re.findall(r"^\| `(\w+\.yml)`", page, re.MULTILINE)) == ours


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 250


def test_the_workflow_of_the_readme_gives_the_action_inputs_that_it_has() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    workflow, action = yaml.safe_load(block), yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    checkout, step = workflow["jobs"]["gate"]["steps"]
    used = (ROOT / ".github" / "workflows" / "gate.yml").read_text("utf-8")
    assert checkout["uses"] in used
    assert set(step["with"]) <= set(action["inputs"])
    assert workflow["permissions"] == {"contents": "read"}
    assert Path(step["uses"].split("@")[0]).name == "liftgate"
    assert len(block.splitlines()) <= 12
    lint = Path(sys.executable).with_name("actionlint")
    linted = subprocess.run([lint, "-"], input=block, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
