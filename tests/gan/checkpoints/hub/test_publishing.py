"""A checkpoint is shared with its studies and its card, in one commit; posters and runs are refused."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import gan
from gan.checkpoints.hub.publishing import ensure_publishable, push
from gan.errors import CheckpointError
from tests.gan.checkpoints.hub.local_hub import READER, TOKEN, Hub
from tests.gan.checkpoints.hub.test_fetching import table
from tests.scripting import one_sentence as sentence_of
from tests.scripting import script
from tests.xai.nets import one_sentence

NAME = "someone/tiny"


@pytest.fixture
def mine(checkpoints: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint with studies, a card and what is not shared."""
    folder = tmp_path / "mine"
    shutil.copytree(checkpoints / "tiny", folder)
    (folder / "filters.npz").write_bytes(table())
    (folder / "evaluate.json").write_text("{}")
    (folder / "README.md").write_text("# mine\n\nWhat it draws.\n")
    (folder / "posters.png").write_bytes(b"drawn by the generator")
    (folder / "grids").mkdir()
    (folder / "grids/000001.jpg").write_bytes(b"drawn by the generator")
    (folder / "stats.jsonl").write_text("{}\n")
    (folder / "notes.txt").write_text("dear diary")
    return folder


@pytest.fixture
def token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that may write; the fixture ``hub`` takes away what is there."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def front_matter(card: bytes) -> tuple[dict[str, Any], str]:
    _, matter, body = card.decode().split("---\n", 2)
    return yaml.safe_load(matter), body


def refusal(directory: Path, **options: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        push(directory, NAME, **options)
    return one_sentence(caught.value)


@pytest.mark.usefixtures("token")
def test_what_was_pushed_is_what_others_load(hub: Hub, mine: Path) -> None:
    address = push(mine, NAME)
    assert address.startswith(f"{hub.endpoint}/{NAME}/commit/")
    assert gan.load(f"hf:{NAME}").digest == gan.load(mine).digest
    shared = {"config.json", "generator.safetensors", "discriminator.safetensors", "filters.npz", "evaluate.json"}
    assert hub.files(NAME).keys() == shared | {"README.md"}
    assert all(hub.files(NAME)[name] == (mine / name).read_bytes() for name in shared)
    assert hub.messages == ["Add mine"]
    assert NAME not in hub.private


@pytest.mark.usefixtures("token")
def test_the_card_is_the_readme_with_front_matter_and_how_to_load_it(hub: Hub, mine: Path) -> None:
    push(mine, NAME)
    matter, body = front_matter(hub.files(NAME)["README.md"])
    assert matter["license"] == "mit"
    assert matter["library_name"] == "posterlens"
    assert {"gan", "dcgan"} <= set(matter["tags"])
    assert body.strip().startswith("# mine\n\nWhat it draws.")
    assert f'gan.load("hf:{NAME}")' in body
    assert (mine / "README.md").read_text() == "# mine\n\nWhat it draws.\n"  # as it was
    (mine / "README.md").write_bytes(hub.files(NAME)["README.md"])
    push(mine, NAME)
    again, same = front_matter(hub.files(NAME)["README.md"])
    assert (again, same) == (matter, body)  # nothing twice


@pytest.mark.usefixtures("token")
def test_front_matter_that_is_there_stays_but_for_what_is_given(hub: Hub, mine: Path) -> None:
    (mine / "README.md").write_text("---\nlicense: cc-by-4.0\nlanguage: de\ntags:\n- noir\n---\n# mine\n")
    push(mine, NAME)
    matter, _ = front_matter(hub.files(NAME)["README.md"])
    assert (matter["license"], matter["language"], matter["tags"][0]) == ("cc-by-4.0", "de", "noir")
    assert "gan" in matter["tags"]
    push(mine, NAME, license="apache-2.0")
    assert front_matter(hub.files(NAME)["README.md"])[0]["license"] == "apache-2.0"


@pytest.mark.usefixtures("token")
def test_without_a_readme_the_card_says_what_it_draws(hub: Hub, mine: Path) -> None:
    (mine / "README.md").unlink()
    push(mine, NAME, private=True, message="First")
    assert "8 x 8 movie posters" in hub.files(NAME)["README.md"].decode()
    assert NAME in hub.private
    assert hub.messages == ["First"]


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("heat.jpg", "real poster"),
        ("more/tt0113277.PNG", "real poster"),
        ("posters.zip", "real posters"),
        ("state.pt", "of a run"),
        ("options.json", "of a run"),
        ("run.lock", "of a run"),
        ("tensorboard/events.1", "of a run"),
    ],
)
def test_real_posters_and_states_of_runs_are_refused(name: str, reason: str, hub: Hub, mine: Path) -> None:
    (mine / name).parent.mkdir(exist_ok=True)
    (mine / name).write_bytes(b"")
    said = refusal(mine)
    assert Path(name).parts[0] in said
    assert reason in said
    assert not hub.asked


@pytest.mark.usefixtures("token")
def test_a_run_and_its_states_are_refused(hub: Hub, mine: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(mine, run / "best")
    (run / "options.json").write_text('{"model": {}, "train": {}}')
    for directory in (run, run / "best"):
        assert "posterlens export" in refusal(directory)
    ensure_publishable(mine)
    assert not hub.asked


@pytest.mark.usefixtures("token")
def test_what_cannot_be_loaded_is_not_shared(hub: Hub, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "netG.pth").write_bytes(b"")
    assert "not a folder that PosterLens wrote" in refusal(tmp_path / "netG.pth")
    assert "not a folder that PosterLens wrote" in refusal(tmp_path / "missing")
    (mine / "generator.safetensors").write_bytes(b"cut off")
    assert "truncated" in refusal(mine)
    assert not hub.asked


def test_without_a_token_or_with_one_that_may_not_write_it_is_one_sentence(
    hub: Hub, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "There is no token" in refusal(mine)
    assert not hub.asked
    monkeypatch.setenv("HF_TOKEN", READER)
    assert "may not write" in refusal(mine)
    assert NAME not in hub.commits


@pytest.mark.usefixtures("token")
def test_a_card_that_the_hub_refuses_is_one_sentence_and_nothing_is_written(hub: Hub, mine: Path) -> None:
    assert "refuses the model card" in refusal(mine, license="nonsense")
    assert hub.files(NAME) == {}
    assert not hub.uploaded


@pytest.mark.usefixtures("token")
def test_the_command_says_where_it_is_and_what_is_wrong(
    hub: Hub, mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = script("push").main
    assert command([str(mine), NAME, "--license", "cc0-1.0"]) == 0
    assert capsys.readouterr().out.startswith(f"{hub.endpoint}/{NAME}/commit/")
    assert command([str(mine), "no-owner"]) == 2
    assert "'hf:no-owner'" in sentence_of(capsys)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert command([str(mine), NAME]) == 2
    assert "cannot be reached" in sentence_of(capsys)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert command([str(mine), NAME]) == 2
    assert ".[hub]" in sentence_of(capsys)
