from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan import (
    Checkpoint,
    CheckpointError,
    Discriminator,
    Generator,
    ModelConfig,
    latents,
    list_checkpoints,
    load,
    save,
)
from gan.checkpoints import folder
from gan.checkpoints.folder import NETWORKS
from gan.checkpoints.listing import stamp_of

Weights = dict[str, Tensor]


def block(kind: type[nn.Module], inside: int, outside: int, *shape: int) -> list[nn.Module]:
    return [kind(inside, outside, *shape, bias=False), nn.BatchNorm2d(outside), nn.ReLU(True)]


class TutorialGenerator(nn.Module):
    """The generator of the PyTorch DCGAN tutorial, with nz = 6 and ngf = 2."""

    def __init__(self) -> None:
        super().__init__()
        up = nn.ConvTranspose2d
        self.main = nn.Sequential(
            *block(up, 6, 16, 4, 1, 0),
            *block(up, 16, 8, 4, 2, 1),
            *block(up, 8, 4, 4, 2, 1),
            *block(up, 4, 2, 4, 2, 1),
            up(2, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )


@pytest.fixture
def tutorial() -> TutorialGenerator:
    network = TutorialGenerator()
    with torch.no_grad():
        network.main(torch.randn(8, 6, 1, 1))  # so that the running statistics are not the defaults
    return network.eval()


@pytest.fixture
def networks(checkpoints: Path) -> tuple[Generator, Discriminator]:
    found = load(checkpoints / "tiny")
    assert found.generator is not None
    assert found.discriminator is not None
    return found.generator, found.discriminator


def same(a: nn.Module, b: nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def stored(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_comes_back_exactly(tmp_path: Path, tiny: ModelConfig) -> None:
    generator, discriminator = Generator(tiny), Discriminator(tiny)
    discriminator(generator(latents(range(4), tiny)))  # moves the running statistics
    save(tmp_path / "run", generator, discriminator, {"kimg": 3, "note": "ä"})
    found = load(tmp_path / "run")
    assert same(found.generator, generator)
    assert same(found.discriminator, discriminator)
    assert found.config == tiny
    assert found.info == {"kimg": 3, "note": "ä"}
    assert found.name == "run"
    assert not found.generator.training
    assert not found.discriminator.training


def test_a_channels_last_network_comes_back_exactly(tmp_path: Path) -> None:
    config = ModelConfig(16, 8, 4)
    generator = Generator(config).to(memory_format=torch.channels_last)
    save(tmp_path / "run", generator, Discriminator(config))
    assert same(load(tmp_path / "run").generator, generator)


@pytest.mark.parametrize(
    "change", [{"aspect": "2:3"}, {"norm_d": False}, {"genres": ("Comedy", "Drama"), "embedding": 3}]
)
def test_every_kind_of_network_comes_back_exactly(change: dict[str, Any], tmp_path: Path) -> None:
    config = ModelConfig(16, 8, 4, **change)
    generator, discriminator = Generator(config), Discriminator(config)
    save(tmp_path / "run", generator, discriminator, half=("discriminator",))
    found = load(tmp_path / "run")
    assert found.config == config
    assert same(found.generator, generator)
    halved = {key: value.half().float() for key, value in discriminator.state_dict().items()}
    assert all(torch.equal(value.float(), halved[key]) for key, value in found.discriminator.state_dict().items())


def test_a_checkpoint_of_an_earlier_version_is_one_of_plain_networks(tmp_path: Path, tiny: ModelConfig) -> None:
    save(tmp_path / "run", Generator(tiny), Discriminator(tiny))
    record = json.loads((tmp_path / "run/config.json").read_text())
    old = ("resolution", "latent", "width", "max_width")
    record["model"] = {key: value for key, value in record["model"].items() if key in old}
    (tmp_path / "run/config.json").write_text(json.dumps(record))
    assert load(tmp_path / "run").config == tiny


@pytest.mark.parametrize(
    "change", [{"aspect": "3:2"}, {"genres": ["Drama", "Drama"]}, {"genres": 5}, {"embedding": "a"}]
)
def test_a_configuration_that_cannot_be_is_refused(change: dict[str, Any], tmp_path: Path, tiny: ModelConfig) -> None:
    save(tmp_path / "run", Generator(tiny), Discriminator(tiny))
    record = json.loads((tmp_path / "run/config.json").read_text())
    record["model"] |= change
    (tmp_path / "run/config.json").write_text(json.dumps(record))
    assert "config.json is not a valid configuration: " in error_of(tmp_path / "run")


def test_half_precision_halves_the_file_and_rounds_the_weights(tmp_path: Path) -> None:
    config = ModelConfig(16, 16, 16)
    generator, discriminator = Generator(config), Discriminator(config)
    save(tmp_path / "full", generator, discriminator)
    save(tmp_path / "half", generator, discriminator, half=("generator", "discriminator"))
    sizes = [(tmp_path / name / "generator.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    found = load(tmp_path / "half")
    for key, value in generator.state_dict().items():
        back = found.generator.state_dict()[key]
        assert back.dtype == value.dtype
        assert torch.allclose(back, value, rtol=2**-11, atol=2**-25)
    assert found.digest != load(tmp_path / "full").digest


def test_the_digest_follows_the_weights_and_nothing_else(
    tmp_path: Path, networks: tuple[Generator, Discriminator]
) -> None:
    generator, discriminator = networks
    changed = copy.deepcopy(generator)
    with torch.no_grad():
        changed.layers[0].weight[0, 0, 0, 0] += 1e-3
    save(tmp_path / "a", generator, discriminator, {"kimg": 1})
    save(tmp_path / "b", generator, discriminator, {"kimg": 2})
    save(tmp_path / "c", changed, discriminator)
    digests = [load(tmp_path / name).digest for name in "abc"]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_loading_leaves_the_global_random_state_alone(checkpoints: Path) -> None:
    before = torch.get_rng_state()
    load(checkpoints / "tiny")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_folder_with_one_network_loads_without_the_other(checkpoints: Path, tmp_path: Path) -> None:
    for absent, kept in (("generator", "discriminator"), ("discriminator", "generator")):
        folder = tmp_path / kept
        shutil.copytree(checkpoints / "tiny", folder)
        (folder / f"{absent}.safetensors").unlink()
        found = load(folder)
        assert getattr(found, absent) is None
        assert getattr(found, kept) is not None


@pytest.mark.parametrize("prefix", ["main.", "layers.", "module.main.", "module.layers."])
def test_a_tutorial_generator_is_understood_under_any_prefix(
    prefix: str, tutorial: TutorialGenerator, tmp_path: Path
) -> None:
    weights = {prefix + key: value for key, value in tutorial.main.state_dict().items()}
    found = load(stored(weights, tmp_path / "netG.pth"))
    assert found.discriminator is None
    assert found.config == ModelConfig(64, 6, 2, 16)
    z = latents([1, 2], found.config)
    assert torch.equal(found.generator(z), tutorial.main(z))
    assert found.name == "netG.pth"


def test_a_discriminator_alone_is_understood(networks: tuple[Generator, Discriminator], tmp_path: Path) -> None:
    found = load(stored(networks[1].state_dict(), tmp_path / "netD.pth"))
    assert found.generator is None
    assert same(found.discriminator, networks[1])


@pytest.mark.parametrize("nest", [lambda g, d: {"netG": g, "netD": d}, lambda g, d: {"x": {"D": d, "G": g}}])
def test_a_file_with_both_networks_is_understood(
    nest: Callable[[Weights, Weights], Any], networks: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    content = nest(*(network.state_dict() for network in networks)) | {"epoch": 5, "losses": [1.0]}
    found = load(stored(content, tmp_path / "both.pth"))
    assert (found.config.channels, found.config.latent) == (networks[0].config.channels, 8)
    assert same(found.generator, networks[0])
    assert same(found.discriminator, networks[1])


def test_files_from_before_batch_counters_are_understood(tutorial: TutorialGenerator, tmp_path: Path) -> None:
    weights = {k: v for k, v in tutorial.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert len(weights) < len(tutorial.state_dict())
    found = load(stored(weights, tmp_path / "old.pth"))
    assert torch.equal(found.generator(latents([1], found.config)), tutorial.main(latents([1], found.config)))
    assert found.generator.layers[1].num_batches_tracked == 0


def test_foreign_half_precision_becomes_float32(tutorial: TutorialGenerator, tmp_path: Path) -> None:
    found = load(stored(tutorial.half().state_dict(), tmp_path / "half.pth"))
    assert {parameter.dtype for parameter in found.generator.parameters()} == {torch.float32}


def test_generator_and_discriminator_must_be_of_one_size(
    tutorial: TutorialGenerator, networks: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    content = {"G": tutorial.state_dict(), "D": networks[1].state_dict()}
    assert error_of(stored(content, tmp_path / "x.pth")) == (
        "x.pth: generator and discriminator are of different shapes, for pictures of 64 x 64 and 8 x 8."
    )


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none") == f"{tmp_path / 'none'} does not exist."


class Bomb:
    """Pickles to an order to make a file; whoever unpickles it obeys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(legacy: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "bomb.pth", tmp_path / "trace"
    torch.save({"main.0.weight": Bomb(trace)}, path, _use_new_zipfile_serialization=not legacy)
    assert error_of(path) == (
        f"bomb.pth holds code or whole objects ({os.mkdir.__module__}.mkdir), not only weights, and is not loaded; "
        f"save network.state_dict() instead."
    )
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # the bomb was live


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_bare_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "bomb.pth", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    error_of(path)
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused(networks: tuple[Generator, Discriminator], tmp_path: Path) -> None:
    assert "holds code" in error_of(stored(networks[0], tmp_path / "x.pth"))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_pth_is_refused(share: float, tutorial: TutorialGenerator, tmp_path: Path) -> None:
    path = stored(tutorial.state_dict(), tmp_path / "x.pth")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert error_of(path) == ("x.pth is truncated or is not a PyTorch file." if share else "x.pth is empty.")


@pytest.mark.parametrize("content", [b"<html>404 Not Found</html>" * 20, b"\x89PNG\r\n\x1a\n", bytes(999)])
def test_a_web_page_named_pth_is_refused_as_what_it_is(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    assert error_of(tmp_path / "x.pth") == "x.pth is truncated or is not a PyTorch file."


def test_a_wrong_shape_is_refused_by_key_and_shape(tutorial: TutorialGenerator, tmp_path: Path) -> None:
    weights = tutorial.state_dict() | {"main.3.weight": torch.zeros(16, 9, 4, 4)}
    message = error_of(stored(weights, tmp_path / "x.pth"))
    assert message.startswith("x.pth is of another architecture: ")
    assert "main.6.weight is (8, 4, 4, 4), which does not follow main.3.weight, (16, 9, 4, 4)" in message
    assert message.endswith("its keys are main.0.weight, main.1.weight, main.1.bias, main.1.running_mean, "
                            "main.1.running_var, ... (25 in all).")  # fmt: skip


def test_missing_and_unknown_keys_are_refused_by_name(tutorial: TutorialGenerator, tmp_path: Path) -> None:
    weights = tutorial.state_dict()
    weights["main.0.bias"] = weights.pop("main.1.weight")
    message = error_of(stored(weights, tmp_path / "x.pth"))
    assert "main.1 lacks weight; its keys are main.0.weight, main.1.bias, " in message


def test_a_claim_of_gigantic_layers_is_refused_without_making_them(tmp_path: Path) -> None:
    """Between two layers of 2 million channels stand 10^14 bytes of weights."""
    weights = {f"main.{n}.weight": torch.zeros(1, 2_000_000, 1, 1) for n in (0, 3)}
    weights["main.6.weight"] = torch.zeros(2, 3, 4, 4)
    assert "another architecture" in error_of(stored(weights, tmp_path / "x.pth"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "holds no weights"),
        ({"conv.weight": torch.zeros(2, 3, 4, 4)}, "its keys are conv.weight."),
        ({"main.0.weight": torch.zeros(2, 3, 4, 4)}, "has 1 convolution,"),
        ({f"main.{n}.weight": torch.zeros(2, 2, 4, 4) for n in (0, 3)}, "for pictures of 2 channels"),
        ({"main.0.weight": torch.zeros(5, 0, 4, 4), "main.3.weight": torch.zeros(0, 3, 4, 4)}, "kernel"),
    ],
)
def test_other_contents_are_refused_with_a_reason(content: object, reason: str, tmp_path: Path) -> None:
    assert reason in error_of(stored(content, tmp_path / "x.pth"))


def test_a_dictionary_that_holds_itself_is_refused(tmp_path: Path) -> None:
    content: dict[str, object] = {}
    content["self"] = content
    assert "holds itself" in error_of(stored(content, tmp_path / "x.pth"))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model": []}', '{"model": {"resolution": 3}}', "\xff"])
def test_a_broken_configuration_is_refused(text: str, checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(checkpoints / "tiny", folder)
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    assert error_of(folder).startswith(f"{folder / 'config.json'} is not a valid configuration")


def test_a_folder_without_configuration_or_weights_is_refused(tmp_path: Path, tiny: ModelConfig) -> None:
    assert error_of(tmp_path) == f"{tmp_path} holds no config.json."
    (tmp_path / "config.json").write_text(json.dumps({"model": {"resolution": 8}}))
    assert "holds neither generator.safetensors nor" in error_of(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 500, -1])
def test_truncated_safetensors_are_refused(keep: int, checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(checkpoints / "tiny", folder)
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert error_of(folder) == f"{file} is truncated or is not a safetensors file."


def test_a_configuration_that_does_not_fit_the_weights_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(checkpoints / "tiny", folder)
    (folder / "config.json").write_text(json.dumps({"model": {"resolution": 8, "latent": 8, "width": 5}}))
    assert "layers.0.weight is (8, 4, 4, 4) instead of (8, 5, 4, 4)" in error_of(folder)


def test_info_of_version_0_1_is_read_under_its_present_names(tmp_path: Path, tiny: ModelConfig) -> None:
    save(tmp_path / "old", Generator(tiny), Discriminator(tiny), {"asked_for": {"Horror": 1.0}, "kimg": 3.0})
    assert load(tmp_path / "old").info == {"requested_genres": {"Horror": 1.0}, "kimg": 3.0}


def test_a_failed_save_leaves_the_old_checkpoint(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: ModelConfig
) -> None:
    shutil.copytree(checkpoints / "tiny", tmp_path / "run")
    before = load(tmp_path / "run").digest

    def fail(self: Path, content: bytes) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "run", Generator(tiny), Discriminator(tiny))
    assert load(tmp_path / "run").digest == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_listing_names_what_can_be_loaded(checkpoints: Path, tmp_path: Path) -> None:
    for name in ("b", ".hidden", "a"):
        shutil.copytree(checkpoints / "tiny", tmp_path / name)
    (tmp_path / "empty").mkdir()
    for name in ("netG.pth", "state.pt", "notes.txt"):
        (tmp_path / name).touch()
    assert list_checkpoints(tmp_path) == ["a", "b", "netG.pth", "state.pt"]
    assert list_checkpoints(tmp_path / "none") == []


# ---- what may be replaced --------------------------------------------------------------------------------


def test_a_checkpoint_is_replaced_and_an_empty_folder_filled(
    networks: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    save(tmp_path / "kept", *networks, {"kimg": 1})
    save(tmp_path / "kept", *networks, {"kimg": 2})
    assert load(tmp_path / "kept").info["kimg"] == 2


def test_what_others_put_beside_a_checkpoint_stays_and_what_was_measured_on_the_old_weights_goes(
    networks: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    save(folder, *networks)
    (folder / "notes/deep").mkdir(parents=True)
    (folder / "notes/deep/a.txt").write_text("a year's work")
    (folder / "README.md").write_text("mine")
    (folder / ".hidden").write_text("mine")
    (folder / "link").symlink_to("nowhere")
    (folder / "stats.jsonl").write_text("{}")
    save(folder, *networks, {"kimg": 2})
    assert load(folder).info["kimg"] == 2
    assert (folder / "notes/deep/a.txt").read_text() == "a year's work"
    assert (folder / "README.md").read_text() == (folder / ".hidden").read_text() == "mine"
    assert (folder / "link").is_symlink()
    assert not (folder / "stats.jsonl").exists()
    (folder / "evaluate.json").write_text("{}")  # README.md is then a card of the old weights
    save(folder, *networks)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "generator.safetensors", "discriminator.safetensors", "notes", ".hidden", "link",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thesis.tex", "a year's work"),
        ("config.json", "{}"),
        ("config.json", '{"model": "gpt"}'),
        ("config.json", "[1]"),
        (".hidden", ""),
        ("config.json/deep", ""),
        ("upscaler.json", '{"model": {"factor": 2}}'),
    ],
)
def test_a_folder_of_something_else_is_not_replaced(
    name: str, text: str, networks: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    file = tmp_path / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(CheckpointError, match=r"mine exists and is not a checkpoint; it is not overwritten\.$"):
        save(tmp_path / "mine", *networks)
    assert file.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_is_not_replaced_by_a_checkpoint(networks: tuple[Generator, Discriminator], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a year's work")
    with pytest.raises(CheckpointError, match=r"is not overwritten\.$"):
        save(tmp_path / "mine", *networks)
    assert (tmp_path / "mine").read_text() == "a year's work"


# ---- one state, also while a run replaces it --------------------------------------------------------------


def numbered(number: int) -> tuple[Generator, Discriminator, dict[str, Any]]:
    """Networks and info that say which state they are of."""
    config = ModelConfig(8, 2, 2)
    generator, discriminator = Generator(config), Discriminator(config)
    with torch.no_grad():
        for network in (generator, discriminator):
            network.layers[0].weight.fill_(number)
    return generator, discriminator, {"kimg": number}


def states_of(found: Checkpoint) -> set[float]:
    networks = found.need_both()
    return {float(network.layers[0].weight.flatten()[0]) for network in networks} | {found.info["kimg"]}


@pytest.mark.parametrize("moment", range(3))
def test_configuration_weights_and_digest_are_of_one_state_while_a_run_replaces_them(
    moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads, read = tmp_path / "latest", iter(range(99)), folder._bytes
    save(path, *numbered(1))
    old = load(path).digest

    def replacing(file: Path) -> bytes:
        if next(reads) == moment:
            save(path, *numbered(2))
        return read(file)

    monkeypatch.setattr(folder, "_bytes", replacing)
    found = load(path)
    assert states_of(found) == {2}
    assert found.digest == load(path).digest != old
    digest = hashlib.sha256(b"".join((path / f"{name}.safetensors").read_bytes() for name in NETWORKS)).hexdigest()
    assert found.digest == digest


def test_a_folder_that_never_stands_still_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "latest", folder._bytes
    save(path, *numbered(1))

    def replacing(file: Path) -> bytes:
        content = read(file)
        save(path, *numbered(2))
        return content

    monkeypatch.setattr(folder, "_bytes", replacing)
    monkeypatch.setattr(folder, "PAUSE", 0)
    assert "is replaced again and again while it is read" in error_of(path)


def test_a_checkpoint_that_a_crash_set_aside_is_listed_loaded_and_put_back(tmp_path: Path) -> None:
    save(tmp_path / "best", *numbered(1))
    digest = load(tmp_path / "best").digest
    (tmp_path / "best").rename(tmp_path / ".best.old")
    assert list_checkpoints(tmp_path) == ["best"]
    found = load(tmp_path / "best")
    assert (found.name, found.digest) == ("best", digest)
    assert all(stamp_of(tmp_path / "best"))
    save(tmp_path / "best", *numbered(2))
    assert states_of(load(tmp_path / "best")) == {2}
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_weights_in_the_same_file_of_the_same_size_and_date_are_known_as_others(tmp_path: Path) -> None:
    save(tmp_path / "open", *numbered(1))
    save(tmp_path / "other", *numbered(2))
    file, before = tmp_path / "open/generator.safetensors", stamp_of(tmp_path / "open")
    assert stamp_of(tmp_path / "open") == before
    about = file.stat()
    file.write_bytes((tmp_path / "other/generator.safetensors").read_bytes())
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (about.st_size, about.st_mtime_ns)
    assert stamp_of(tmp_path / "open") != before
    assert stamp_of(tmp_path / "gone") == ((), ())


# ---- whatever is saved can be loaded ----------------------------------------------------------------------


@st.composite
def configurations(draw: st.DrawFn) -> ModelConfig:
    resolution = draw(st.sampled_from((8, 16, 32)))
    octaves = resolution.bit_length() - 3
    channels = st.lists(st.integers(1, 6), min_size=octaves, max_size=octaves).map(tuple)
    return ModelConfig(
        resolution,
        draw(st.integers(1, 5)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 9)),
        draw(st.just(()) | channels),
        draw(st.sampled_from(("1:1", "2:3"))),
        draw(st.booleans()),
        draw(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=3).map(tuple)),
        draw(st.integers(1, 4)),
        calibrated=draw(st.booleans()),
        biased=draw(st.booleans()),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=configurations(), width=st.integers(1, 4))
def test_what_is_saved_is_loaded_for_every_configuration(
    config: ModelConfig, width: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("saved") / "run"
    if config.generator_channels and not config.genres:
        config = replace(config, conditioned=True)
    discriminator = Discriminator(config)
    for generator in (Generator(config), Generator(replace(config, generator_channels=(), width=width))):
        save(path, generator, discriminator)
        found = load(path)
        assert same(found.generator, generator)
        assert same(found.discriminator, discriminator)
        assert found.config.size == config.size


@pytest.mark.parametrize("change", [{"resolution": 32}, {"aspect": "2:3"}, {"genres": ("Drama",)}, {"biased": True}])
def test_two_networks_that_do_not_belong_together_are_not_saved(
    change: dict[str, Any], tmp_path: Path, tiny: ModelConfig
) -> None:
    with pytest.raises(CheckpointError, match="a checkpoint holds two that belong together"):
        save(tmp_path / "run", Generator(tiny), Discriminator(replace(tiny, **change)))
    assert not any(tmp_path.iterdir())


def test_a_configuration_says_what_is_wrong_with_it(tmp_path: Path, tiny: ModelConfig) -> None:
    save(tmp_path / "run", Generator(tiny), Discriminator(tiny))
    record = json.loads((tmp_path / "run/config.json").read_text())
    for place, values, sentence in (
        ("model", {"norm_d": "no"}, "norm_d must be true or false, not no"),
        ("model", {"latent": True}, "latent must be a whole number, not True"),
        ("info", {"kimg": "many"}, "kimg must be a number, not many"),
    ):
        (tmp_path / "run/config.json").write_text(json.dumps(record | {place: record[place] | values}))
        assert error_of(tmp_path / "run").endswith(f"config.json is not a valid configuration: {sentence}.")
