"""A Python file with the function networks() becomes a checkpoint; what is wrong with it is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import gan
from gan.checkpoints.listing import stamp_of_own
from gan.checkpoints.own import _lies_in, load_own, of_class
from tests.adapted_networks import CLASSES, LATENT, SIDE, TutorialDiscriminator, TutorialGenerator, classifier, trained
from tests.xai.nets import discriminator, one_sentence, pictures

FILE = """
import torch
from torch import nn
import gan

def networks():
    torch.manual_seed(0)
    return gan.adapt(discriminator=nn.Sequential(nn.Conv2d(3, 1, 8)), size=8)
"""


def written(folder: Path, text: str | bytes, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_becomes_a_checkpoint_of_its_name(tmp_path: Path) -> None:
    checkpoint = load_own(written(tmp_path, FILE))
    assert checkpoint.name == "mine.py"
    assert checkpoint.generator is None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Conv2d(3, 1, 8)
    images = pictures(2, 8)
    logits = checkpoint.need_discriminator().logit(images)
    assert torch.allclose(logits, network(images).flatten().detach(), atol=1e-6)


def test_the_file_imports_what_lies_beside_it_and_leaves_the_path_as_it_was(tmp_path: Path) -> None:
    written(tmp_path, "SIDE = 8", "beside_my_network.py")
    before = list(sys.path)
    text = FILE.replace("import torch\n", "import torch\nfrom beside_my_network import SIDE\n", 1)
    assert load_own(written(tmp_path, text)).config.size == (8, 8)
    assert sys.path == before


FROM_MODEL = FILE.replace("import gan\n", "import gan\nfrom model import SIDE\n").replace("size=8", "size=SIDE")


def model(side: int) -> str:
    return f"SIDE = {side}{'  # ' if side > 9 else ''}\n"  # of another length: the same second, the same bytecode


def resolved(folder: Path, side: int) -> gan.Checkpoint:
    written(folder, model(side), "model.py")
    return load_own(written(folder, FROM_MODEL.replace("3, 1, 8", f"3, 1, {side}")))


def test_what_the_file_imports_from_beside_it_is_read_again(tmp_path: Path) -> None:
    assert resolved(tmp_path, 8).config.size == (8, 8)
    assert resolved(tmp_path, 16).config.size == (16, 16)


def test_two_folders_may_have_modules_of_the_same_name(tmp_path: Path) -> None:
    for side in (8, 16):
        folder = tmp_path / str(side)
        folder.mkdir()
        assert resolved(folder, side).config.size == (side, side)


def test_our_own_packages_are_not_imported_anew(tmp_path: Path) -> None:
    package = sys.modules["gan.checkpoints.own"]
    for _ in range(2):
        load_own(written(tmp_path, FILE))
    assert sys.modules["gan.checkpoints.own"] is package
    assert not _lies_in(Path(gan.__file__).resolve().parents[1], "gan")
    assert _lies_in(Path(pytest.__file__).resolve().parents[1], "pytest")
    assert not _lies_in(Path(pytest.__file__).resolve().parents[2], "pytest")


def test_code_and_weights_in_the_folder_have_the_file_read_again(tmp_path: Path) -> None:
    path, stamps = tmp_path / "mine.py", set()
    for name in ("mine.py", "model.py", "netG.pth", "netG.safetensors"):
        stamps.add(stamp_of_own(path))
        written(tmp_path, "x", name)
    stamps.add(stamp_of_own(path))
    assert len(stamps) == 5
    written(tmp_path, "x", "log.txt")
    assert stamp_of_own(path) in stamps


def test_another_file_has_another_digest_and_the_same_file_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    first = load_own(path).digest
    assert load_own(path).digest == first
    assert load_own(written(tmp_path, FILE.replace("seed(0)", "seed(1)"))).digest != first
    assert load_own(written(tmp_path, FILE + "# a remark\n")).digest != first


def test_the_digest_is_that_of_weights_classes_and_range() -> None:
    network = trained(classifier)
    digests = {gan.adapt(discriminator=network, size=SIDE, classes=CLASSES).digest for _ in range(2)}
    assert len(digests) == 1
    digests.add(gan.adapt(discriminator=network, size=SIDE, classes=CLASSES[::-1]).digest)
    digests.add(gan.adapt(discriminator=network, size=SIDE, classes=CLASSES, normalisation=gan.IMAGENET).digest)
    with torch.no_grad():
        network[0].bias[0] += 1  # type: ignore[index, union-attr, operator]
    digests.add(gan.adapt(discriminator=network, size=SIDE, classes=CLASSES).digest)
    assert len(digests) == 4


def test_of_class_is_one_logit_under_a_digest_of_its_own() -> None:
    checkpoint, images = gan.adapt(discriminator=trained(classifier), size=SIDE, classes=CLASSES), pictures(2, SIDE)
    every = checkpoint.need_discriminator().logit(images)
    chosen = [of_class(checkpoint, name) for name in CLASSES]
    for index, one in enumerate(chosen):
        assert torch.allclose(one.need_discriminator().logit(images), every[:, index], atol=1e-6)
    assert len({checkpoint.digest, *(one.digest for one in chosen)}) == 4


def test_of_class_needs_a_classifier_with_that_class() -> None:
    checkpoint = gan.adapt(discriminator=trained(classifier), size=SIDE, classes=CLASSES)
    with pytest.raises(gan.CheckpointError, match="There is no class 'Drama'") as caught:
        of_class(checkpoint, "Drama")
    one_sentence(caught.value)
    built_in = gan.Checkpoint(None, discriminator(8), discriminator(8).config, {}, "tiny", "")
    with pytest.raises(gan.CheckpointError, match="tiny has no classes") as caught:
        of_class(built_in, "Horror")
    one_sentence(caught.value)


def test_both_networks_are_drawn_from_the_same_sizes() -> None:
    checkpoint = gan.adapt(trained(TutorialGenerator), trained(TutorialDiscriminator), size=SIDE, latent=LATENT)
    generator, critic = checkpoint.need_both()
    assert critic.logit(generator(gan.latents([0, 1], checkpoint.config))).shape == (2,)


FAULTS = {
    "no function": ("import gan\n", "mine.py: there is no function networks() in it."),
    "a number": ("networks = 5\n", "mine.py: there is no function networks() in it."),
    "something else": ("def networks():\n    return 5\n", "mine.py: networks() returns a int, not what"),
    "nothing": ("def networks():\n    pass\n", "returns a NoneType"),
    "raises at once": ("x = 1\ny = x / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero."),
    "raises": ("def networks():\n\n    raise KeyError\n", "mine.py, line 3: KeyError."),
    "many lines": ("def networks():\n    raise ValueError('one\\ntwo')\n", "mine.py, line 2: ValueError: one two."),
    "ends the program": ("import sys\nsys.exit('enough')\n", "mine.py, line 2: SystemExit: enough."),
    "no Python": ("x = 1\ndef networks(:\n", "mine.py, line 2: SyntaxError: invalid syntax."),
    "a zero byte": (b"x = 1\0", "mine.py"),
    "no text": (b"\xff\xfe\x00", "mine.py"),
    "not adaptable": (FILE.replace("8)), size", "9)), size"), "mine.py: The discriminator does not take (N, 3, 8, 8)"),
    "asks for arguments": ("def networks(width):\n    pass\n", "TypeError: networks() missing 1 required positional"),
    "imports what is not there": ("import no_such_thing\n", "mine.py, line 1: ModuleNotFoundError: No module named"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("relative", [False, True])
def test_what_is_wrong_with_a_file_is_one_sentence(
    fault: str, relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = FAULTS[fault]
    path, before = written(tmp_path, text), list(sys.path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(gan.CheckpointError) as caught:
        load_own(Path("mine.py") if relative else path)
    assert expected in one_sentence(caught.value)
    assert sys.path == before


def test_a_mistake_in_an_imported_file_is_not_shown_at_a_line_of_this_one(tmp_path: Path) -> None:
    written(tmp_path, "\n\n\n\ndef broken(:\n", "broken_beside_my_network.py")
    with pytest.raises(gan.CheckpointError) as caught:
        load_own(written(tmp_path, "import broken_beside_my_network\n"))
    assert one_sentence(caught.value) == "mine.py, line 1: SyntaxError: invalid syntax."


def test_a_file_that_is_not_there_or_is_no_python_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.py", tmp_path):
        with pytest.raises(gan.CheckpointError, match="cannot be read") as caught:
            load_own(path)
        one_sentence(caught.value)
    with pytest.raises(gan.CheckpointError, match=r"mine\.txt: it is not a Python file") as caught:
        load_own(written(tmp_path, FILE, "mine.txt"))
    one_sentence(caught.value)
