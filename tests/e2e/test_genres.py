"""Choosing a genre in a real Chromium: the poster changes, the address says so, and a click in a sweep chooses one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Page, expect

import gan
from tests.e2e.conftest import browser_path, choose, go_to, settle, started

pytestmark = pytest.mark.browser
GENRES = ("Comedy", "Horror", "War")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with one small checkpoint, untrained, whose genres make a difference that can be seen."""
    browser_path()
    folder = tmp_path_factory.mktemp("asked")
    config = gan.ModelConfig(16, latent=8, width=4, genres=GENRES, embedding=4)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = gan.Generator(config), gan.Discriminator(config)
        generator.embed.weight.normal_()
        for layer in generator.layers:
            if isinstance(layer, torch.nn.ConvTranspose2d):
                layer.weight.mul_(10)
    gan.save(folder / "checkpoints/asked", generator.eval(), discriminator.eval())
    with started(["--", "--checkpoints", str(folder / "checkpoints")], folder) as address:
        yield address


def poster(page: Page) -> str:
    """The address of the sidebar's picture: it is made from the picture's bytes."""
    image = page.get_by_test_id("stSidebar").get_by_test_id("stImage").locator("img")
    expect(image).to_be_visible()
    return str(image.get_attribute("src"))


def test_a_person_asks_for_a_genre_and_a_link_and_a_click_do_the_same(page: Page) -> None:
    page.goto(f"{page.url}?seed=7")
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("D finds it")).to_be_visible()
    settle(page)
    plain = poster(page)
    choose(page, sidebar.get_by_test_id("stMultiSelect").get_by_role("combobox"), "Horror")
    expect(sidebar.get_by_text("a real poster of the genre Horror?")).to_be_visible()
    expect(page).to_have_url(re.compile("genres=Horror"))
    settle(page)
    horror = poster(page)
    assert horror != plain

    page.reload()
    expect(sidebar.get_by_text("a real poster of the genre Horror?")).to_be_visible()
    settle(page)
    assert poster(page) == horror

    go_to(page, "Latent")
    settle(page)
    main = page.get_by_test_id("stMain")
    main.get_by_test_id("stButtonGroup").get_by_text("Genres", exact=True).click()
    expect(main.get_by_role("gridcell")).to_have_count(15)
    expect(main.get_by_text(re.compile(r"War: \d+\.\d%"))).to_be_visible()
    settle(page)
    main.get_by_role("gridcell", name="War, 100% requested").click()
    expect(sidebar.get_by_text("a real poster of the genre War?")).to_be_visible()
    expect(page).to_have_url(re.compile("genres=War"))
    settle(page)
    assert poster(page) not in (plain, horror)
