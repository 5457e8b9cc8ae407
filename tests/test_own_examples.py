"""The examples of docs/own_networks.md: each is loaded, and explained as the same network elsewhere."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from dashboard.pages import PAGES
from gan.checkpoints.own import load_own, of_class
from tests import own_networks
from xai.capabilities import lacking

HOUSE = Path(__file__).parents[1]
PAGE = HOUSE / "docs/own_networks.md"
FILES = sorted(HOUSE.glob("examples/own_*.py"))


@pytest.fixture(scope="module")
def loaded() -> dict[str, gan.Checkpoint]:
    return {file.stem: load_own(file) for file in FILES}


def test_all_are_in_the_documentation() -> None:
    text = PAGE.read_text("utf-8")
    assert sorted(re.findall(r"examples/(own_\w+\.py)", text)) == [file.name for file in FILES]


def rows(heading: str, columns: int) -> list[list[str]]:
    """Cells of the first table of that many columns behind a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "---" not in line]
    assert found
    assert all(len(cells) == columns for cells in found)
    return found


@pytest.mark.parametrize("row", range(1, 5))
def test_the_table_of_the_pages_is_what_the_pages_need(row: int, loaded: dict[str, gan.Checkpoint]) -> None:
    table = rows("Layers", 7)
    checkpoint = {
        "DCGAN of other classes": loaded["own_dcgan"],
        "residual blocks": loaded["own_residual"],
        "one layer": gan.adapt(OneLayer(), own_networks.seeded(own_networks.Whole), size=own_networks.SIZE, latent=5),
        "classifier": loaded["own_classifier"],
    }[table[row][0]]
    for title, cell in zip(table[0][1:], table[row][1:], strict=True):
        if title == "its analyses":
            needs = [(*PAGES["generator"].needs, *one) for one in PAGES["generator"].sections.values()]
        else:
            needs = [PAGES[name.lower()].needs for name in title.split(", ")]
        if cell:
            assert {lacking(checkpoint, title, one) is None for one in needs} == {cell == "yes"}, title
        else:
            assert checkpoint.generator is None


def test_the_sentence_that_is_quoted_is_what_the_page_says(loaded: dict[str, gan.Checkpoint]) -> None:
    said = lacking(loaded["own_classifier"], "The page Discriminator", PAGES["discriminator"].needs)
    assert f'"{said}"' in " ".join(PAGE.read_text("utf-8").split())


def blocks(heading: str) -> list[str]:
    """The Python examples behind a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)


def test_the_file_of_the_page_is_loaded_from_wherever_the_dashboard_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    shutil.copy(HOUSE / "examples/own_dcgan.py", tmp_path / "model.py")
    model: dict[str, type[nn.Module]] = runpy.run_path(str(tmp_path / "model.py"))
    for name, make in (("netG", model["Generator"]), ("netD", model["Discriminator"])):
        torch.save(make().state_dict(), tmp_path / f"{name}.pth")
    (tmp_path / "my_network.py").write_text(blocks("# Use your own network")[0])
    monkeypatch.chdir(tmp_path / "here")
    assert load_own(tmp_path / "my_network.py").config.size == (64, 64)


def test_with_modules_in_place_of_functions_the_page_discriminator_opens_and_weights_fit() -> None:
    names: dict[str, type[nn.Module]] = {}
    exec(f"from torch import nn\n{blocks('## Layers')[0]}", names)
    network = names["Discriminator"]()
    checkpoint = gan.adapt(discriminator=network, size=64)
    assert lacking(checkpoint, "it", PAGES["discriminator"].needs) is None
    assert lacking(checkpoint, "it", PAGES["collection"].needs) is None
    assert {name.partition(".")[0] for name in network.state_dict()} == {"conv1", "conv2", "last"}


class OneLayer(own_networks.Drawing):
    """A generator with a function between its children."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.last(self.up(self.block(self.shape(torch.relu(self.first(z)))))))


class Probability(own_networks.Residual):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(x))


class OfTheBatch(own_networks.Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class Damaged(own_networks.Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * float("nan")


WRONG: dict[str, Callable[[], object]] = {  # sentences on the page, and what they are said of
    "The generator gives (N, 3, 64, 64), not pictures": lambda: gan.adapt(drawing(), size=32),
    "The generator does not take": lambda: gan.adapt(drawing(), latent=99),
    "The generator's pictures have values from": lambda: gan.adapt(nn.Sequential(drawing(), nn.Sigmoid())),
    "The discriminator gives (N, 2), not one number": lambda: judged(own_networks.Residual, 2),
    "The classifier gives (N, 2), and 3 classes are named": lambda: judged(own_networks.Residual, 2, classes="abc"),
    "The discriminator gives probabilities": lambda: judged(Probability),
    "depends on the others of its batch": lambda: judged(OfTheBatch),
    "answers NaN": lambda: judged(Damaged),
}


def drawing() -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(100, 4, 4), nn.ReLU(), nn.ConvTranspose2d(4, 3, 16, 16), nn.Tanh())


def judged(make: type[nn.Module], *arguments: object, classes: str = "") -> gan.Checkpoint:
    network = own_networks.seeded(make, *arguments)
    return gan.adapt(discriminator=network, size=own_networks.SIZE, classes=list(classes))


def test_the_page_lists_sentences_that_are_said() -> None:
    assert [f"`{said}`" for said in WRONG] == [cells[0] for cells in rows("What is checked", 2)[1:]]


@pytest.mark.parametrize("said", WRONG)
def test_a_sentence_of_the_page_is_said_of_networks_that_do_not_fit(said: str) -> None:
    with pytest.raises(gan.CheckpointError, match=re.escape(said)):
        WRONG[said]()


def test_the_dcgan_of_pytorchs_examples_is_explained_as_the_checkpoint_itself(
    loaded: dict[str, gan.Checkpoint],
) -> None:
    own, shipped = loaded["own_dcgan"], gan.load(HOUSE / "checkpoints/dcgan-64")
    z = gan.latents([3], shipped.config)
    with torch.no_grad():
        poster = shipped.need_generator()(z)
        assert torch.equal(own.need_generator()(z), poster)
    reference = xai.reference("generated", generator=shipped.need_generator(), count=2)
    maps = [
        xai.attribution("deeplift", xai.Score(one.need_discriminator()), reference=reference).attribute(poster)
        for one in (own, shipped)
    ]
    assert maps[0].config["engine"] == "chain"
    assert torch.equal(maps[0].values, maps[1].values)


def test_the_residual_discriminator_is_explained_with_sums_that_are_right(loaded: dict[str, gan.Checkpoint]) -> None:
    own = loaded["own_residual"]
    with torch.no_grad():
        poster = own.need_generator()(gan.latents([0], own.config))
    found = xai.attribution("deeplift", xai.Score(own.need_discriminator())).attribute(poster)
    assert abs(float(found.gap)) < 1e-4 < abs(float(found.score - found.base_score))


def test_resnet_18_is_explained_class_by_class_with_sums_that_are_right(loaded: dict[str, gan.Checkpoint]) -> None:
    own = of_class(loaded["own_classifier"], "Horror")
    poster = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    score = xai.Score(own.need_discriminator())
    assert score.meaning.high == "more Horror"
    found = xai.attribution("deeplift", score).attribute(poster)
    assert abs(float(found.gap)) < 1e-3 * abs(float(found.score - found.base_score)) + 1e-5


def test_the_classifier_knows_which_genres_no_poster_has() -> None:
    example = runpy.run_path(str(HOUSE / "examples/own_classifier.py"))
    posters = SimpleNamespace(genres=(("Drama", "Horror"), (), ("Sci-Fi",)))
    assert {*example["GENRES"]} - {*example["missing"](posters)} == {"Drama", "Horror"}
