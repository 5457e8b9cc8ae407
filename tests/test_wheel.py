"""What is installed from a wheel works away from the checkout: the commands, what opens first, the dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from setuptools import find_packages

from tests.e2e.conftest import HOUSE, browser, started  # noqa: F401 - a fixture

SETTINGS = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
BUILD = "import setuptools.build_meta as build, sys; print(getattr(build, sys.argv[1])(sys.argv[2]))"


@pytest.fixture(scope="module", autouse=True)
def no_checkout_on_the_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        yield


def build(kind: str, source: Path, out: Path) -> Path:
    """A wheel or sdist of a source tree, made by the project's own build backend."""
    command = [sys.executable, "-c", BUILD, f"build_{kind}", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, so that both are whole."""
    place = tmp_path_factory.mktemp("build")
    source = place / "source"
    for folder in ("gan", "xai", "dashboard", "scripts", "checkpoints"):
        shutil.copytree(HOUSE / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOUSE / file, source)
    sdist = build("sdist", source, place)
    shutil.unpack_archive(sdist, place, filter="data")
    return build("wheel", place / sdist.name.removesuffix(".tar.gz"), place)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's folder of programs: only the wheel in it, and this environment's libraries behind it."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    python = str(place / "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    where = subprocess.check_output([python, "-c", ask], text=True).strip()
    Path(where, "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin"


def test_the_list_of_packages_is_whole() -> None:
    found = find_packages(str(HOUSE), include=["gan*", "xai*", "dashboard*"])
    assert sorted(SETTINGS["packages"]) == sorted(["posterlens", "posterlens.checkpoints", *found])


def test_every_file_that_a_package_reads_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("gan", "xai", "dashboard"):
        for path in (HOUSE / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(HOUSE).as_posix() in names


@pytest.mark.parametrize("script", sorted((HOUSE / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_no_command_imports_another_by_the_name_that_only_a_checkout_has(script: Path) -> None:
    assert not re.search(r"^\s*(from|import) scripts\b", script.read_text(encoding="utf-8"), re.MULTILINE)


def test_it_carries_what_opens_first_and_no_other_weights(wheel: Path) -> None:
    from dashboard.cached.listing import checkpoint_names

    first = checkpoint_names()[0]
    weights = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("generator.safetensors")}
    assert weights == {f"posterlens/checkpoints/{first}/generator.safetensors"}


def test_commands_work_and_find_the_checkpoint_by_its_name(installed: Path, tmp_path: Path) -> None:
    said = subprocess.check_output([installed / "posterlens", "--version"], text=True, cwd=tmp_path)
    assert said.startswith("posterlens ")
    command = [installed / "posterlens", "sample", "--checkpoint", "whole-64", "--seeds", "3", "--out", "grid.png"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "grid.png").stat().st_size > 1000
    code = "import gan, xai, json; print(json.dumps([gan.__file__, gan.load('whole-64').name]))"
    place, name = json.loads(subprocess.check_output([installed / "python", "-c", code], text=True, cwd=tmp_path))
    assert name == "whole-64"
    assert not Path(place).is_relative_to(HOUSE)


@pytest.mark.browser
def test_the_dashboard_opens(installed: Path, tmp_path: Path, browser: Browser) -> None:  # noqa: F811 - the fixture
    with started([], tmp_path, tmp_path, command=[str(installed / "posterlens"), "dashboard"]) as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_test_id("stSidebar").get_by_text("D finds it")).to_be_visible(timeout=120_000)
        page.close()
