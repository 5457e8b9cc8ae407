"""docs/extending.md: every recipe is followed as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gan import PRESETS
from gan.evaluation.metrics import METRICS
from gan.fetching.providers import PROVIDERS
from gan.training.losses import LOSSES
from xai import METHODS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/extending.md").read_text()
RECIPES = [
    (section.partition("\n")[0], code)
    for section in re.split("^## ", TEXT, flags=re.M)
    for code in re.findall("^```python\n(.*?)^```", section, re.M | re.S)
]
OPEN = """
import sys
from streamlit.testing.v1 import AppTest
sys.argv = ["app.py", "--checkpoints", sys.argv[1]]
app = AppTest.from_file("dashboard/app.py", default_timeout=60).switch_page("app_pages/logit.py").run()
assert not app.exception, app.exception
print(app.title[0].value, [metric.label for metric in app.metric])
"""


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """As they were, afterwards."""
    all_of_them: tuple[dict[str, Any], ...] = (METHODS, LOSSES, PRESETS, PROVIDERS, METRICS)
    before = [dict(registry) for registry in all_of_them]
    yield
    for registry, entries in zip(all_of_them, before, strict=True):
        registry.clear()
        registry.update(entries)


def test_there_is_a_recipe_for_each_registry() -> None:
    assert len(RECIPES) == len(re.findall("^```python$", TEXT, re.M)) == 7


@pytest.mark.parametrize(("title", "code"), RECIPES, ids=[title for title, _ in RECIPES])
def test_a_recipe_runs_as_it_stands(title: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "recipe.py").write_text(code)  # a file: dataclasses look their module up
    monkeypatch.delitem(sys.modules, "recipe", raising=False)
    __import__("recipe")


def test_a_page_opens_after_its_two_steps(tmp_path: Path, checkpoints: Path) -> None:
    for package in ("gan", "xai", "dashboard"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    [line] = re.findall(r"^(Page\(.*\),)$", TEXT, re.M)
    [code] = re.findall(r"```python page\n(.*?)```", TEXT, re.S)
    pages = tmp_path / "dashboard/pages.py"
    pages.write_text(pages.read_text().replace("_ALL = (", f"_ALL = (\n    {line}", 1))
    (tmp_path / "dashboard/app_pages/logit.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(checkpoints)], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "Logit ['Logit']"
