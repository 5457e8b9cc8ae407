from __future__ import annotations

from pathlib import Path

import pytest

from xai import ExplanationError
from xai.bench.pages import browser


def test_the_ceilings_in_the_documentation_are_those_of_the_test() -> None:
    assert browser.ceilings() in (Path(__file__).parents[4] / "docs/benchmark.md").read_text()


def test_a_machine_without_a_browser_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ExplanationError, match="Chromium, and none is installed"):
        browser.chromium()
