"""What is imported before the first page is painted."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gan
import xai

HOUSE = Path(__file__).parents[2]
HEAVY = (
    "numpy", "torch", "captum", "shap", "lime", "skimage", "sklearn", "scipy", "pandas", "plotly.graph_objs._figure",
)  # fmt: skip


UNUSED = ("torchvision", "torch._dynamo", "sympy", "captum", "shap", "lime", "matplotlib")  # by what pages need at once


def loaded_by(statements: list[str], heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """The heavy libraries that are there after these statements, in a fresh process."""
    code = "\n".join([*statements, "import sys", f"print(*[name for name in {heavy} if name in sys.modules])"])
    run = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_the_app_imports_nothing_heavy_before_it_paints() -> None:
    tree = ast.parse((HOUSE / "dashboard/app.py").read_text())
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert len(imports) > 3
    assert loaded_by(imports) == []


def test_what_pages_need_imports_no_compiler_and_no_library_that_is_only_compared_with(checkpoints: Path) -> None:
    """Of torch's compiler and torchvision a server would hold 300 MB, and wait for them."""
    load = f"import gan; gan.load({str(checkpoints / 'tiny')!r})"
    assert loaded_by(["from dashboard.cached import networks", "networks.warm_up()", load], UNUSED) == []
    assert loaded_by(["import torch._dynamo"], UNUSED) == ["torch._dynamo", "sympy"]


@pytest.mark.parametrize("package", ["gan", "xai"])
def test_importing_a_package_alone_imports_no_network_library(package: str) -> None:
    assert loaded_by([f"import {package}"]) == []
    assert loaded_by([f"import {package}; {package}.{'load' if package == 'gan' else 'Score'}"]) != []


@pytest.mark.parametrize("package", [gan, xai])
def test_every_public_name_is_found_where_the_package_says(package: object) -> None:
    homes = package._HOMES.values()  # type: ignore[attr-defined]
    assert sorted(name for names in homes for name in names) == sorted(package.__all__)  # type: ignore[attr-defined]
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # type: ignore[attr-defined]  # noqa: B018
