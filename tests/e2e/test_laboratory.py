"""The generator's laboratory in a real Chromium: filters, painting, wires, noise, inversion, pruning."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

import gan
from tests.e2e.conftest import HOUSE, choose, go_to, settle, upload
from xai.render import png

pytestmark = pytest.mark.browser
WRITES_CHECKPOINTS = True  # the pruned generator is kept among them


def open_page(page: Page, name: str, **query: str) -> Locator:
    """Go to a page with a query; returns its main part.

    It may still be at work: what is slow comes last, and a click ends it.
    """
    words = "&".join(f"{key}={value.replace(' ', '+')}" for key, value in query.items())
    page.goto(f"{page.url.split('?')[0].rstrip('/')}/{name}?{words}")
    expect(page.get_by_role("heading", name=name.capitalize(), level=1)).to_be_visible()
    return page.get_by_test_id("stMain")


def asked(page: Page, key: str) -> str:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query)[key][0]


def picture(main: Locator, caption: str) -> str:
    """The address of the picture above a caption: it is made from the picture's bytes, so equal ones are equal."""
    image = main.get_by_test_id("stImage").filter(has_text=caption).locator("img")
    expect(image).to_be_visible()
    return str(image.get_attribute("src"))


def test_a_filter_is_chosen_by_click_and_by_arrows_and_its_card_follows(page: Page) -> None:
    main = open_page(page, "generator", seed="7", g_layer="layers.8", g_sort="index")
    settle(page)
    before = picture(main, "without it")
    main.get_by_role("gridcell", name="filter 5", exact=True).click()
    expect(main.get_by_role("heading", name="Filter 5 of layers.8")).to_be_visible()
    expect(main.get_by_text("Confidence").first).to_be_visible()
    settle(page)
    of_five = picture(main, "without it")
    assert of_five != before
    main.get_by_role("gridcell", name="filter 5", exact=True).focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(main.get_by_role("heading", name="Filter 7 of layers.8")).to_be_visible()
    settle(page)
    assert picture(main, "without it") not in (before, of_five)
    expect(page).to_have_url(re.compile("g_unit=7"))

    page.reload()
    expect(main.get_by_role("heading", name="Filter 7 of layers.8")).to_be_visible()


def test_pointing_at_a_filter_tells_its_numbers(page: Page) -> None:
    main = open_page(page, "generator", seed="7")
    main.get_by_role("gridcell", name="filter 3", exact=True).hover()
    expect(main.get_by_text(re.compile(r"filter 3: mean response \+\d.*effect \d.* grey levels"))).to_be_visible()
    described = re.compile(r"^mean response \+\d.*effect \d.* grey levels$")
    expect(main.get_by_role("gridcell", name="filter 3", exact=True)).to_have_attribute("aria-description", described)


def test_painted_edits_stack_are_undone_and_come_back_from_the_address(page: Page) -> None:
    main = open_page(
        page, "generator", seed="7", lab="Paint with this filter", paint_with="a box", g_layer="layers.8", g_unit="5"
    )
    plain = picture(main, "with no edits")
    main.get_by_role("button", name="Paint", exact=True).click()
    once = picture(main, "with 1 edit")
    settle(page)
    main.get_by_text("off", exact=True).click()
    main.get_by_role("gridcell", name="filter 9", exact=True).click()
    expect(main.get_by_role("heading", name="Filter 9 of layers.8")).to_be_visible()
    settle(page)
    main.get_by_role("button", name="Paint", exact=True).click()
    twice = picture(main, "with 2 edits")
    assert len({plain, once, twice}) == 3
    edits = json.loads(asked(page, "edits"))
    assert [(layer, unit, value) for layer, unit, _, value in edits] == [
        ("layers.8", 5, "strong"),
        ("layers.8", 9, "off"),
    ]

    settle(page)
    page.reload()
    assert picture(main, "with 2 edits") == twice
    settle(page)
    main.get_by_role("button", name="Undo").click()
    assert picture(main, "with 1 edit") == once
    settle(page)
    with page.expect_download() as waiting:
        main.get_by_role("button", name="Edits as JSON").click()
    assert json.loads(waiting.value.path().read_text()) == edits[:1]


def test_a_noise_value_leads_to_the_filters_that_it_drives(page: Page) -> None:
    main = open_page(page, "latent", seed="7", latent="33")
    main.get_by_role("button", name="Which filters does it drive?").click()
    expect(page.get_by_role("heading", name="Generator", level=1)).to_be_visible()
    expect(main.get_by_text("that dimension 33 drives")).to_be_visible()
    expect(main.get_by_text("with actually setting values to 0")).to_be_visible()
    assert asked(page, "seed") == "7"
    settle(page)
    expect(main.get_by_role("heading", name="Analyses")).to_be_in_viewport()  # far below the filter's card
    main.locator(".points path").first.click(force=True)  # a bar: the drawing's upper layer takes the click
    heading = main.get_by_role("heading", name=re.compile(r"Filter [1-9]\d* of layers.5"))
    expect(heading).to_be_in_viewport()


def test_importance_says_who_matters_and_who_owns_a_place(page: Page) -> None:
    main = open_page(page, "latent", seed="7", noise="Importance")
    expect(main.get_by_text("What the whole picture depends on")).to_be_visible()
    expect(main.get_by_test_id("stPlotlyChart")).to_have_count(2)
    settle(page)
    choose(page, main.get_by_role("combobox", name="Importance for"), "brightness")
    expect(main.get_by_text("What brightness depends on")).to_be_visible()


def test_a_step_of_a_path_goes_to_all_pages(page: Page) -> None:
    main = open_page(page, "latent", seed="7", noise="Paths", to_seed="5")
    main.get_by_role("gridcell", name="step 4", exact=True).click()
    caption = "step 4 from seed 7 to seed 5"
    expect(page.get_by_test_id("stSidebar").get_by_text(caption)).to_be_visible()
    go_to(page, "Prune")
    expect(page.get_by_test_id("stSidebar").get_by_text(caption)).to_be_visible()


def test_an_uploaded_posters_noise_is_found_and_goes_to_the_other_pages(page: Page, tmp_path: Path) -> None:
    checkpoint = gan.load(HOUSE / "checkpoints/dcgan-128")  # whose search takes long enough to be cancelled
    assert checkpoint.generator is not None
    with torch.no_grad():
        drawn = gan.to_uint8(checkpoint.generator(gan.latents([4321], checkpoint.config)))[0]
    poster = tmp_path / "drawn.png"
    poster.write_bytes(png(drawn))
    page.goto(f"{page.url}?seed=7&checkpoint=dcgan-128")
    upload(page, poster)
    go_to(page, "Latent")
    main = page.get_by_test_id("stMain")
    main.get_by_test_id("stButtonGroup").get_by_text("Find this poster", exact=True).click()

    look = main.get_by_role("button", name="Look for its noise")
    look.click()
    # At once, and by no click that waits: a fast machine has found the noise within seconds.
    main.get_by_role("button", name="Cancel").dispatch_event("click")
    expect(main.get_by_text("It can be cancelled")).to_be_visible()
    expect(main.get_by_text("the nearest that it can draw")).to_have_count(0)
    look.click()
    expect(main.get_by_text("the nearest that it can draw")).to_be_visible()
    said = main.get_by_text(re.compile(r"\d+% of the poster's variance is reproduced")).inner_text()
    assert int(said.split("%")[0]) > 70  # it was drawn by this generator, so it can be drawn

    main.get_by_role("button", name="Take the found poster to all pages").click()
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("nearest to drawn.png")).to_be_visible()
    go_to(page, "Generator")
    expect(sidebar.get_by_text("nearest to drawn.png")).to_be_visible()
    expect(main.get_by_text("A real poster has no noise values")).to_have_count(0)


def test_a_smaller_generator_is_kept_and_chosen_in_the_sidebar(page: Page, checkpoints_copy: Path) -> None:
    main = open_page(page, "prune", seed="7", ranking="norm")
    handle = main.get_by_role("slider")
    handle.focus()
    handle.press("ArrowRight")
    taken = main.get_by_test_id("stMetric").filter(has_text="Filters pruned")
    expect(taken).to_contain_text("202 of 960")
    settle(page)
    main.get_by_role("button", name="Save as a checkpoint").click()
    name = "dcgan-64-norm-21"
    expect(page.get_by_text(f"{name} can now be chosen")).to_be_visible()
    assert gan.load(checkpoints_copy / name).generator is not None
    settle(page)

    choose(page, page.get_by_test_id("stSidebar").get_by_role("combobox").first, name)
    expect(taken).to_contain_text("of 758")
    settle(page)
    go_to(page, "Generator")
    expect(main.get_by_text("without it").first).to_be_visible()
    expect(main.get_by_test_id("stAlertContentError")).to_have_count(0)
