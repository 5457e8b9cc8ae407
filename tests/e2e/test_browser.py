"""The main job in a real Chromium, started by the README's literal command.

Skipped where no browser is installed, unless POSTERLENS_BROWSER=required.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gan.data.synthetic import draw_poster
from tests.e2e.conftest import go_to, settle, upload

pytestmark = pytest.mark.browser


def test_a_person_uploads_a_poster_compares_four_methods_and_picks_a_filter(page: Page, tmp_path: Path) -> None:
    poster = tmp_path / "mine.png"
    draw_poster(7, 128).image.save(poster)
    expect(page.get_by_role("heading", name="PosterLens")).to_be_visible()

    upload(page, poster)

    go_to(page, "Compare")
    for title in ("DeepLIFT", "DeepSHAP", "LIME", "Activation map"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    main = page.get_by_test_id("stMain")
    expect(main.get_by_test_id("stImage").filter(visible=True)).to_have_count(5)
    expect(main.get_by_text("completeness gap")).to_have_count(2)
    expect(main.get_by_text("segments", exact=False).first).to_be_visible()

    go_to(page, "Generator")
    page.get_by_role("gridcell", name="filter 5", exact=True).click()
    expect(page.get_by_role("heading", name="Filter 5 of layers.5")).to_be_visible()
    assert "g_unit=5" in page.url


def test_a_person_finds_out_whom_to_believe_and_takes_it_home(page: Page) -> None:
    page.goto(f"{page.url}compare?seed=7&methods=DeepLIFT&methods=DeepSHAP&doubted=true")
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("button", name="Evidence")).to_have_count(2)  # both maps have their verdicts
    settle(page)
    main.get_by_role("button", name="Evidence").first.click()
    evidence = page.get_by_role("dialog")
    expect(evidence.get_by_text("Correlation with Shapley values")).to_be_visible()
    expect(evidence.get_by_test_id("stPlotlyChart")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(evidence).to_have_count(0)

    more(page, "Agreement")
    expect(main.get_by_text("consensus: the mean of DeepLIFT and DeepSHAP")).to_be_visible()
    more(page, "Baselines")
    expect(main.get_by_text("the poster itself, strongly blurred")).to_be_visible()
    more(page, "What gave this fake away")
    expect(main.get_by_text("All of them, the small ones too")).to_be_visible()
    more(page, "Export")
    with page.expect_download() as waiting:
        main.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        names = archive.namelist()
    assert {"explanations.json", "index.html", "values/deeplift-00000.npz"} <= set(names)


def more(page: Page, name: str) -> None:
    settle(page)
    page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()


def test_a_poster_is_chosen_by_click_and_kept_across_pages(page: Page) -> None:
    page.get_by_role("gridcell", name="seed 4", exact=True).click()
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("seed 4", exact=True)).to_be_visible()
    go_to(page, "Latent")
    expect(sidebar.get_by_text("seed 4", exact=True)).to_be_visible()
    assert "seed=4" in page.url


def test_arrows_and_enter_choose_a_filter(page: Page) -> None:
    go_to(page, "Discriminator")
    page.get_by_test_id("stMain").get_by_text("index", exact=True).click()
    expect(page).to_have_url(re.compile("d_sort=index"))
    settle(page)
    first = page.get_by_role("gridcell", name="filter 0", exact=True)
    first.focus()
    first.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Filter 2 of layers.4")).to_be_visible()


def test_scrubbing_through_the_noise_asks_the_server_nothing(page: Page) -> None:
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(f"{page.url}latent?seed=7")
    picture = page.locator("canvas.picture")
    expect(picture).to_be_visible()
    settle(page)
    picture.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('[data-testid=stApp]')")  # let the last message go out
    before, drawn = len(sent), set()
    own = picture.evaluate("canvas => canvas.toDataURL()")
    expect(page.get_by_text("as in this poster")).to_be_visible()  # not the nearest of eleven steps
    box = picture.bounding_box()
    assert box is not None
    for share in (0.02, 0.3, 0.6, 0.98):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        drawn.add(picture.evaluate("canvas => canvas.toDataURL()"))
    page.get_by_role("radio", name="dimension 99", exact=True).focus()
    assert picture.evaluate("canvas => canvas.toDataURL()") == own
    picture.press("ArrowLeft")
    drawn.add(picture.evaluate("canvas => canvas.toDataURL()"))
    assert len(drawn) >= 4
    page.locator(".scrubber").get_by_role("button", name="Reset").click()
    assert picture.evaluate("canvas => canvas.toDataURL()") == own
    page.get_by_role("radio", name="dimension 59", exact=True).hover()
    expect(page.get_by_text("dimension 99 at")).to_be_visible()
    assert len(sent) == before

    page.get_by_role("radio", name="dimension 59", exact=True).click()
    expect(page.get_by_role("heading", name="Where dimension 59 acts")).to_be_visible()
    page.get_by_role("radio", name="dimension 98", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Where dimension 98 acts")).to_be_visible()


def test_a_box_dragged_over_the_poster_asks_what_contributes_to_it(page: Page) -> None:
    page.goto(f"{page.url}generator?seed=7&lab=What+contributes+to+this+region")
    expect(page.get_by_text("with actual ablation of filters")).to_be_visible()
    settle(page)
    picture = page.locator('[data-testid="stPlotlyChart"] .nsewdrag').first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.75 * box["height"], steps=8)
    page.mouse.up()
    expect(page.get_by_test_id("stSlider").first).to_contain_text("25")
    expect(page.get_by_test_id("stSlider").first).to_contain_text("75")


def test_a_click_on_a_poster_leaves_the_upload_and_stands_in_the_address(page: Page) -> None:
    page.get_by_test_id("stSidebar").get_by_text("Upload", exact=True).click()
    expect(page.get_by_text("Drop a poster here")).to_be_visible()
    page.get_by_role("gridcell", name="seed 4", exact=True).click()
    expect(page.get_by_test_id("stSidebar").get_by_text("seed 4", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("seed=4"))


@pytest.mark.parametrize("query", ["", "activation_layer=layers.1&target_layer=layers.7&reference=grey"])
def test_settings_that_open_later_show_what_the_maps_were_made_with(page: Page, query: str) -> None:
    page.goto(f"{page.url}compare?check=false&methods=DeepLIFT&methods=Activation+map&{query}")
    main = page.get_by_test_id("stMain")
    layer = "layers.1" if query else "layers.4"
    expect(main.get_by_text(f"of {layer}", exact=False).first).to_be_visible()
    for section in ("Agreement", "Baselines", "Export"):
        more(page, section)
    settle(page)
    main.get_by_role("button", name="Settings").click()
    for title, name in (("Activation map: layer", layer), ("Its layer", "layers.7" if query else "layers.4")):
        shown = page.get_by_role("combobox", name=re.compile(title, re.IGNORECASE)).first
        expect(shown).to_have_value(re.compile(rf"{name} "))
