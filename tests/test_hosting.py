"""What docs and SECURITY.md promise to who hosts the dashboard."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image
from streamlit import config

import gan
from dashboard import ui
from dashboard.settings import settings
from dashboard.sidebar import UPLOAD_MB
from scripts.open_dashboard import parse

HOUSE = Path(__file__).parents[1]
SERVED = tomllib.loads((HOUSE / "dashboard/.streamlit/config.toml").read_text())


def dockerfile() -> dict[str, list[str]]:
    """Arguments of each kind of instruction."""
    text = (HOUSE / "Dockerfile").read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for word, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE):
        found.setdefault(word, []).append(rest)
    return found


def test_the_image_copies_all_that_is_installed_and_nothing_that_is_not_there() -> None:
    copied = {part for line in dockerfile()["COPY"] for part in shlex.split(line)[:-1]}
    assert all((HOUSE / name).exists() for name in copied)
    packages = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["setuptools"]
    renamed = packages["package-dir"]
    assert {renamed.get(name, name.partition(".")[0]) for name in packages["packages"]} <= copied


def test_the_image_starts_the_dashboard_with_options_that_there_are_as_a_user_without_rights() -> None:
    program, command, *options = eval(dockerfile()["ENTRYPOINT"][0])
    assert (program, command) == ("posterlens", "dashboard")
    _, streamlits = parse(options)
    assert [name for name in streamlits if name.startswith("--")] == [name for name in options if name[:2] == "--"]
    assert all(config.get_option(name.removeprefix("--")) is not ... for name in options if name[:2] == "--")
    assert dockerfile()["USER"] == ["viewer"]
    assert "_stcore/health" in dockerfile()["HEALTHCHECK"][0]


class OnlyHealth(BaseHTTPRequestHandler):
    """Answers as the dashboard does, below the path of its server."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == f"{self.server.below}/_stcore/health" else 404)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize("below", ["", "/lens"])
@pytest.mark.parametrize("served", ["", "/lens"])
def test_the_image_is_healthy_where_its_pages_are(below: str, served: str) -> None:
    check = dockerfile()["HEALTHCHECK"][0].partition("CMD ")[2]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with HTTPServer(("127.0.0.1", 0), OnlyHealth) as server:
        server.below = served  # type: ignore[attr-defined]
        threading.Thread(target=server.handle_request, daemon=True).start()
        command = ["sh", "-c", check.replace("8501", str(server.server_port))]
        path = {"STREAMLIT_SERVER_BASE_URL_PATH": below.strip("/")} if below else {}
        done = subprocess.run(command, env=environment | path, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) == (below == served)


def test_a_proxy_as_the_page_shows_it_lets_the_largest_upload_through() -> None:
    (proxy,) = re.findall(r"```nginx\n(.*?)```", (HOUSE / "docs/host.md").read_text("utf-8"), re.S)
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", proxy)
    assert int(limit) > UPLOAD_MB  # a form's own lines come to the file


def test_uploads_are_limited_by_the_server_and_by_the_page() -> None:
    assert SERVED["server"]["maxUploadSize"] == UPLOAD_MB <= 20


def test_a_fault_shows_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SERVED["client"]["showErrorDetails"] == "none"
    here, cache = tmp_path / "class" / "checkpoints", tmp_path / "cached"
    given = Path(os.path.relpath(here))  # as somebody may have named it on the command line
    options = ["app.py", "--checkpoints", str(given), "--posters", str(tmp_path / "films.zip")]
    monkeypatch.setattr(sys, "argv", options)
    monkeypatch.setenv("POSTERLENS_CACHE", str(cache))
    settings.cache_clear()
    problems = {
        f"{here}/whole-64 cannot be written: Read-only file system.": "checkpoints/whole-64 cannot be written",
        f"{given}/whole-64 cannot be written: Read-only file system.": "checkpoints/whole-64 cannot be written",
        f"{tmp_path}/films.zip: a.png cannot be read.": "films.zip: a.png cannot be read.",
        f"{cache}/index/1 cannot be written.": "cached/index/1 cannot be written.",
        f"{HOUSE}/dashboard/lessons/x.md: no title.": "dashboard/lessons/x.md: no title.",
        "Nothing is wrong with and/or.": "Nothing is wrong with and/or.",
    }
    for problem, shown in problems.items():
        words = ui.message(gan.CheckpointError(problem)).replace("\\", "")
        assert shown in words
        assert str(tmp_path) not in words
        assert ".." not in words
    settings.cache_clear()


@pytest.mark.parametrize("kind", ["EPS", "TGA", "PCX", "ICO", "SGI", "PPM"])
def test_formats_with_a_history_are_not_opened(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 96)).save(file, kind)
    with pytest.raises(gan.ImageError):
        gan.read_poster(file.getvalue(), 64)


def test_every_threat_names_a_test_that_there_is() -> None:
    rows = [line for line in (HOUSE / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    for row in rows:
        (named,) = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$", row)
        path, name = named
        assert f"def {name}(" in (HOUSE / path).read_text(), row
