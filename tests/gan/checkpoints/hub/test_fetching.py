"""A checkpoint of the Hub is fetched when it is asked for by name, once, whole or not at all."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gan
from gan.checkpoints.hub import fetching
from gan.checkpoints.hub.address import Address, is_address
from gan.checkpoints.hub.library import HubUnavailableError
from gan.errors import CheckpointError
from gan.files import cache_directory
from tests.gan.checkpoints.hub.local_hub import TOKEN, Hub
from tests.scripting import script
from tests.xai.nets import one_sentence

NAME = "someone/tiny"


def table(values: int = 3) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, values=np.zeros(values))
    return file.getvalue()


def files_in_cache() -> set[Path]:
    return {file for file in cache_directory().rglob("*") if file.is_file()}


def refusal(path: str) -> str:
    """The sentence, after which nothing is in the cache."""
    before = files_in_cache()
    with pytest.raises(CheckpointError) as caught:
        gan.load(path)
    assert files_in_cache() == before
    return one_sentence(caught.value)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_checkpoint_is_loaded_by_its_address_as_from_its_folder(
    kind: type, hub: Hub, shared: dict[str, bytes], checkpoints: Path
) -> None:
    hub.add(NAME, shared)
    loaded, expected = gan.load(kind(f"hf:{NAME}")), gan.load(checkpoints / "tiny")
    assert loaded.digest == expected.digest
    assert loaded.name == "tiny"
    assert loaded.info == expected.info


def test_only_the_files_of_a_checkpoint_are_asked_for(hub: Hub, shared: dict[str, bytes]) -> None:
    studies = {"filters.npz": table(), "evaluate.json": b"{}", "posters.png": b"PNG", "stats.jsonl": b"{}\n"}
    hub.add(NAME, shared | studies | {"grids/000001.jpg": b"JPEG", "more/config.json": b"{}", "diary.npz": table()})
    folder = fetching.fetch(Address.parse(f"hf:{NAME}"))
    wanted = {"config.json", "generator.safetensors", "discriminator.safetensors", "filters.npz", "evaluate.json"}
    assert {path.name for path in folder.iterdir()} == wanted
    assert {line.rpartition("/")[2] for line in hub.asked if "/resolve/" in line} == wanted
    assert (folder / "filters.npz").read_bytes() == studies["filters.npz"]


def test_what_was_fetched_is_not_fetched_again_until_it_changes(hub: Hub, shared: dict[str, bytes]) -> None:
    commit = hub.add(NAME, shared)
    first = gan.load(f"hf:{NAME}")
    asked = len(hub.asked)
    again = gan.load(f"hf:{NAME}")
    assert hub.asked[asked:] == [f"GET /api/models/{NAME}"]  # only whether there is a newer one
    assert again.digest == first.digest
    only_g = {name: content for name, content in shared.items() if name != "discriminator.safetensors"}
    hub.add(NAME, only_g)
    assert gan.load(f"hf:{NAME}").discriminator is None
    asked = len(hub.asked)
    assert gan.load(f"hf:{NAME}@{commit}").digest == first.digest
    assert len(hub.asked) == asked  # a commit never changes: nobody is asked


def test_a_branch_or_tag_is_taken_by_its_name(hub: Hub, shared: dict[str, bytes]) -> None:
    hub.add(NAME, {"README.md": b"# soon"})
    hub.add(NAME, shared, branch="refs/pr/1")
    assert gan.load(f"hf:{NAME}@refs/pr/1").generator is not None
    assert "lacks config.json" in refusal(f"hf:{NAME}")
    assert "no revision 'v9'" in refusal(f"hf:{NAME}@v9")


def test_what_is_not_a_checkpoint_is_refused_by_what_it_lacks(hub: Hub, shared: dict[str, bytes]) -> None:
    hub.add(NAME, {"config.json": shared["config.json"], "model.safetensors": b""})
    assert f"{NAME} is not a checkpoint" in refusal(f"hf:{NAME}")
    hub.add(NAME, shared | {"config.json": b'{"model_type": "bert"}'})
    with pytest.raises(CheckpointError, match="not a valid configuration"):
        gan.load(f"hf:{NAME}")


@pytest.mark.parametrize("size", [2**40, -1, None, "many"])
def test_sizes_are_looked_at_before_anything_is_fetched(size: object, hub: Hub, shared: dict[str, bytes]) -> None:
    hub.add(NAME, shared)
    hub.sizes["generator.safetensors"] = size
    assert f"generator.safetensors of {NAME} has {size} bytes" in refusal(f"hf:{NAME}")
    assert not [line for line in hub.asked if "/resolve/" in line]


def test_a_file_of_another_size_than_was_said_leaves_nothing(hub: Hub, shared: dict[str, bytes]) -> None:
    hub.add(NAME, shared)
    hub.sizes["generator.safetensors"] = 7
    assert "in place of 7" in refusal(f"hf:{NAME}")
    hub.sizes.clear()
    assert gan.load(f"hf:{NAME}").generator is not None


def test_a_file_that_does_not_come_leaves_nothing(hub: Hub, shared: dict[str, bytes]) -> None:
    hub.add(NAME, shared)
    hub.absent.add("generator.safetensors")
    assert "answered 404" in refusal(f"hf:{NAME}")
    hub.absent.clear()
    assert gan.load(f"hf:{NAME}").generator is not None


def test_a_table_that_is_none_or_unpacks_without_end_is_refused(
    hub: Hub, shared: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(NAME, shared | {"filters.npz": b"no zip"})
    assert "not a table of numbers" in refusal(f"hf:{NAME}")
    monkeypatch.setattr(fetching, "UNPACKED", 2**20)
    bomb = table(2**20)
    assert len(bomb) < 2**16
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert archive.infolist()[0].file_size > 2**20
    hub.add(NAME, shared | {"filters.npz": bomb})
    assert "unpacks to more" in refusal(f"hf:{NAME}")


def test_a_repository_that_is_not_there_private_or_gated_is_one_sentence(
    hub: Hub, shared: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "There is no repository nobody/nothing" in refusal("hf:nobody/nothing")
    hub.add(NAME, shared)
    hub.private.add(NAME)
    assert "hf auth login" in refusal(f"hf:{NAME}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert gan.load(f"hf:{NAME}").name == "tiny"
    hub.gated.add(NAME)
    assert "its owner" in refusal(f"hf:{NAME}")


def test_without_a_network_or_offline_it_is_one_sentence(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # discard: nobody listens
    assert "127.0.0.1:9 cannot be reached" in refusal(f"hf:{NAME}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(f"hf:{NAME}")


def test_a_server_that_is_no_hub_is_one_sentence(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.gan.checkpoints.hub.local_hub import Handler

    for answer in (b"<html>Sign in to the Wi-Fi</html>", b"[]", b'{"id": "x"}', b'{"id": "x", "sha": "../.."}'):
        monkeypatch.setattr(Handler, "_list", lambda self, *_, answer=answer: self._send(answer))
        assert "does not answer as a Hub does" in refusal(f"hf:{NAME}")


def test_without_the_library_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubUnavailableError) as caught:
        gan.load(f"hf:{NAME}")
    assert ".[hub]" in one_sentence(caught.value)


@pytest.mark.parametrize(
    "text",
    ["hf:", "hf:tiny", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b@../x", "hf:a/b@x y", "hf:/a/b", "hf:a/b\n",
     "hf:https://huggingface.co/a/b", "hf:a--b/c", "hf:.a/b", "hf:" + "a" * 99 + "/b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anybody_is_asked(text: str, hub: Hub) -> None:
    assert is_address(text)
    assert "hf:OWNER/NAME" in refusal(text)
    assert not hub.asked


def test_no_other_path_asks_anybody(hub: Hub, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gan.load(checkpoints / "tiny")
    for path in ("someone/tiny", "HF:someone/tiny", "https://huggingface.co/someone/tiny", checkpoints / "hf:a/b"):
        with pytest.raises(CheckpointError, match="does not exist"):
            gan.load(path)
    assert not hub.asked


def test_scripts_take_an_address_as_a_checkpoint(hub: Hub, shared: dict[str, bytes], tmp_path: Path) -> None:
    hub.add(NAME, shared)
    arguments = ["--checkpoint", f"hf:{NAME}", "--seeds", "0-3", "--out", str(tmp_path / "grid.png")]
    assert script("sample").main(arguments) == 0
    assert (tmp_path / "grid.png").exists()


def test_the_dashboards_command_fetches_what_it_is_started_with(
    hub: Hub, shared: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.add(NAME, shared)
    command, started = script("open_dashboard"), []
    monkeypatch.setattr("streamlit.web.cli.main", lambda **_: started.append(sys.argv))
    assert command.main(["--checkpoints", f"hf:{NAME}"]) == 0
    [arguments] = started
    assert gan.list_checkpoints(arguments[arguments.index("--checkpoints") + 1]) == ["tiny"]
    assert command.main(["--checkpoints", "hf:nobody/nothing"]) == 2
    assert "nobody/nothing" in capsys.readouterr().err
    assert len(started) == 1
