from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

import gan
from gan.fetching.folder import LOCK
from gan.fetching.providers import PROVIDERS
from tests.gan.fetching.local_server import Server, picture, send, serving, table
from tests.scripting import one_sentence, script


def run(*arguments: str | Path) -> int:
    code: int = script("fetch_posters").main([*map(str, arguments), "--quiet"])
    return code


@pytest.fixture
def server() -> Iterator[Server]:
    """/0, /1 ... /11 are posters, /bad is a page."""
    with serving() as running:
        running.routes |= {f"/{number}": send(picture("PNG")) for number in range(12)}
        running.routes["/bad"] = send(b"<html>not here</html>")
        yield running


def addresses(server: Server, path: Path, *names: str) -> Path:
    rows = "".join(f"{server.url('/' + name)},Drama\n" for name in names)
    path.write_text(f"poster,genre\n{rows}")
    return path


def test_a_table_of_addresses_becomes_a_folder_to_train_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = addresses(server, tmp_path / "a.csv", "1", "2", "bad", "3"), tmp_path / "posters"
    command = ("csv", source, "--out", out, "--allow-private", "--rate=1000")
    assert run(*command) == 0
    assert capsys.readouterr().out == (
        f"3 posters fetched, 0 already there; 3 have genres; {out}\n1 failed: {out / 'failed.csv'} says why\n"
    )
    assert table(out / "failed.csv") == {server.url("/bad"): "The file cannot be read as a picture."}
    assert len(gan.load_posters(out, 8, genres=["Drama"], progress=False)) == 3

    assert run(*command) == 0
    assert capsys.readouterr().out == (
        f"no posters fetched, 3 already there; 3 have genres; {out}\n"
        "1 failed in an earlier run; --retry-failed tries them again\n"
    )
    assert len(server.asked) == 4
    assert run(*command, "--retry-failed") == 0
    assert server.asked[4:] == ["/bad"]


def test_addresses_of_this_machine_are_refused_unless_allowed(server: Server, tmp_path: Path) -> None:
    source, out = addresses(server, tmp_path / "a.csv", "1"), tmp_path / "posters"
    assert run("csv", source, "--out", out) == 0
    assert table(out / "failed.csv") == {server.url("/1"): "127.0.0.1 is not a public address."}
    assert server.asked == []


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests themselves run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_leaves_a_folder_in_order_and_the_same_command_goes_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/5":
            os.kill(os.getpid(), signal.SIGINT)
        leave.wait(10)  # does not answer until the run is over

    out, ready = tmp_path / "posters", dict(server.routes)
    server.routes |= {f"/{number}": late for number in range(5, 12)}
    source = addresses(server, tmp_path / "a.csv", *map(str, range(12)))
    command = ("csv", source, "--out", out, "--allow-private", "--rate=1000", "--workers=2")
    assert run(*command) == 130
    leave.set()
    assert capsys.readouterr().err == (
        f"Stopped; what is in {out} is complete, and the same command continues from there.\n"
    )
    there = {path.name for path in out.iterdir()} - {"metadata.csv", "failed.csv", LOCK}
    assert 4 <= len(there) <= 6
    assert table(out / "metadata.csv") == dict.fromkeys(there, "Drama")
    assert table(out / "failed.csv") == {}
    server.routes = ready
    assert run(*command) == 0
    assert capsys.readouterr().out.startswith(f"{12 - len(there)} posters fetched, {len(there)} already there; ")


def test_the_key_of_omdb_comes_from_the_environment_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids.txt").write_text("tt0111161\n")
    command = ("omdb", tmp_path / "ids.txt", "--out", tmp_path / "out")
    monkeypatch.delenv("OMDB_API_KEY", raising=False)
    assert run(*command) == 2
    assert one_sentence(capsys) == "Put your key for the OMDb API into the environment variable OMDB_API_KEY."
    with pytest.raises(SystemExit):
        run(*command, "--key", "secret")
    capsys.readouterr()
    monkeypatch.setattr("gan.fetching.providers.OMDB", server.url("/"))
    monkeypatch.setenv("OMDB_API_KEY", " secret\n")
    assert run(*command, "--allow-private", "--rate=1000") == 0
    assert server.asked == ["/?i=tt0111161&apikey=secret"]
    assert "secret" not in "".join(capsys.readouterr())


def test_a_kaggle_data_set_is_fetched_through_kagglehub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/7.png").write_bytes(picture())
    asked = []
    hub = SimpleNamespace(dataset_download=lambda handle: asked.append(handle) or str(tmp_path / "data"))
    monkeypatch.setitem(sys.modules, "kagglehub", hub)  # type: ignore[arg-type]
    assert run("kaggle", "owner/posters", "--out", tmp_path / "out") == 0
    assert asked == ["owner/posters"]
    assert capsys.readouterr().out.startswith("1 poster fetched, 0 already there; 0 have genres; ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["csv", "none.csv"], "none.csv cannot be read: No such file or directory."),
        (["csv", "a.csv", "--id-column=key"], "a.csv has no column key; it has poster."),
        (["csv", "a.csv", "--rate=0"], "rate must be from 0.001 to 10000, not 0.0."),
        (["csv", "a.csv", "--max-mb=inf"], "max_mb must be a finite number, not inf."),
        (["csv", "a.csv", "--workers=0"], "workers must be at least 1, not 0."),
        (["csv", "a.csv", "--first=0"], "first must be at least 1, not 0."),
        (["kaggle", "posters"], "posters is not a Kaggle handle; use OWNER/NAME."),
        (["celeba", "--root=here"], "There is no complete CelebA in here; --download downloads it."),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace())  # type: ignore[arg-type]
    (tmp_path / "a.csv").write_text("poster\nhttp://example.com/a.jpg\n")
    assert run(*arguments, "--out", "out") == 2
    assert one_sentence(capsys) == sentence
    assert not (tmp_path / "out").exists()


def test_a_folder_that_another_run_is_filling_is_refused(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = addresses(server, tmp_path / "a.csv", "1"), tmp_path / "posters"
    command = ("csv", source, "--out", out, "--allow-private")
    out.mkdir()
    with FileLock(out / LOCK):
        assert run(*command) == 2
    assert one_sentence(capsys) == f"Another run is filling {out}; wait for its end, or choose another folder."
    assert server.asked == []
    assert run(*command) == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_explains_itself(provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        script("fetch_posters").main([provider, "--help"])
    assert stopped.value.code == 0
    assert "--retry-failed" in capsys.readouterr().out
