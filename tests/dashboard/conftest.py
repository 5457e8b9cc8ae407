"""Runs the app without a browser, on whatever folders a test names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard.pages import PAGES
from dashboard.settings import settings
from tests.dashboard.exporting import Downloads

APP = Path(__file__).parents[2] / "dashboard/app.py"


@pytest.fixture(scope="session", autouse=True)
def components_scanned_once() -> Iterator[None]:
    """Each AppTest looks through every installed package for components: most of its time, and always the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    yield
    st.cache_resource.clear()
    settings.cache_clear()


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    found, shown = Downloads(), st.download_button

    def offer(label: str, data: Any, file_name: str = "", *rest: Any, key: str = "", **more: Any) -> bool:
        found[key or label] = file_name, data
        return shown(label, data, file_name, *rest, key=key or None, **more)

    monkeypatch.setattr(st, "download_button", offer)
    return found


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch, checkpoints: Path, tmp_path: Path) -> Callable[..., AppTest]:
    """Start the app on one page, with a query, as ``streamlit run dashboard/app.py -- ARGUMENTS`` would."""

    def start(page: str = "start", query: dict[str, str] | None = None, *arguments: str) -> AppTest:
        given = [*arguments]
        for option, default in (("--checkpoints", checkpoints), ("--runs", tmp_path / "runs")):
            if option not in given:
                given += [option, str(default)]
        monkeypatch.setattr(sys, "argv", ["app.py", *given])
        settings.cache_clear()
        app = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in (query or {}).items():
            app.query_params[name] = value
        app.switch_page(PAGES[page].path)
        return app.run()

    return start
