"""The dashboard fetches no checkpoint: neither for an address in a link, nor for a folder that is called like one."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from dashboard.pages import PAGES
from tests.dashboard.reading import OpenApp, subject_of
from tests.gan.checkpoints.hub.conftest import hub, shared  # noqa: F401 - fixtures
from tests.gan.checkpoints.hub.local_hub import Hub

DASHBOARD = Path(__file__).parents[2] / "dashboard"
NAME = "someone/tiny"


@pytest.mark.parametrize("page", PAGES)
def test_an_address_in_a_link_asks_nobody(
    page: str,
    open_app: OpenApp,
    hub: Hub,  # noqa: F811 - the fixture
    shared: dict[str, bytes],  # noqa: F811 - the fixtures
) -> None:
    hub.add(NAME, shared)
    words = ("checkpoint", "run", "runs", "compare", "lesson", "start", "poster")
    app = open_app(page, dict.fromkeys(words, f"hf:{NAME}"))
    assert not app.exception
    assert not hub.asked


def test_a_folder_that_is_called_like_an_address_is_a_folder(
    open_app: OpenApp,
    hub: Hub,  # noqa: F811 - the fixture
    shared: dict[str, bytes],  # noqa: F811 - the fixture
    checkpoints: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.add(NAME, shared)
    shutil.copytree(checkpoints, tmp_path / "hf:someone")
    monkeypatch.chdir(tmp_path)
    app = open_app("start", {"checkpoint": "tiny"}, "--checkpoints", "hf:someone")
    assert subject_of(app).checkpoint.name == "tiny"
    assert open_app("start", {}, "--checkpoints", f"hf:{NAME}") is not None
    assert not hub.asked


def test_no_module_of_the_dashboard_names_what_fetches() -> None:
    found = []
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            fetches = isinstance(node, ast.Attribute) and ast.unparse(node) == "gan.load"
            if isinstance(node, ast.ImportFrom):
                named = {alias.name for alias in node.names}
                fetches = "gan.checkpoints.hub" in (node.module or "") or (node.module == "gan" and "load" in named)
            found += [(path.name, node.lineno)] if fetches else []
    assert not found
