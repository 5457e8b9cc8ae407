"""Several latent dimensions turned on the Latent page, in a real Chromium: it draws and says what torch does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

import gan
from tests.e2e.conftest import HOUSE, PATIENCE, settle
from xai.latents.turning import Turning
from xai.web.onnx_model import activation_layers

pytestmark = pytest.mark.browser
NAME = "dcgan-64"
CLOSE = 1e-3
STEP = 50  # milliseconds between two looks at the poster
WORDS = (
    "", "6:1.5,36:-2", "length:0.8,0:0.333333,99:4", "length:2,6:-0.001", "6:1,6:2", "100:1,6:5,x:1,6:1e3,length:3",
)  # fmt: skip


@dataclass
class Turner:
    """The Latent page in a window of its own."""

    page: Page
    home: str
    checkpoint: gan.Checkpoint

    def open(self, **query: str) -> None:
        words = "&".join(f"{key}={value}" for key, value in {"checkpoint": NAME, "seed": "7", **query}.items())
        self.page.goto(f"{self.home}/latent?{words}")
        expect(self.part("#logit")).not_to_be_empty()
        settle(self.page)

    def part(self, selector: str) -> Locator:
        return self.page.locator(f".turning {selector}")

    def slider(self, index: int) -> Locator:
        return self.part("").get_by_role("slider", name=f"Dimension {index}", exact=True)

    @property
    def word(self) -> str:
        """What the address says."""
        return parse_qs(urlsplit(self.page.url).query).get("turned", [""])[0]

    def pixels(self, canvas: str = "poster") -> np.ndarray[Any, Any]:
        """uint8 (H, W, 3) of a canvas."""
        height, width, data = self.part(f"#{canvas}").evaluate(
            """(canvas) => {
                const { height, width } = canvas;
                return [height, width, Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data)];
            }"""
        )
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def another(self, seen: set[bytes]) -> bytes:
        """The poster as soon as it is none of these; it is drawn at once, so this waits a little only."""
        for _ in range(PATIENCE // STEP):
            if (drawn := self.pixels().tobytes()) not in seen:
                return drawn
            self.page.wait_for_timeout(STEP)
        pytest.fail("the poster does not follow the slider")

    @torch.no_grad()
    def assert_shows(self, word: str, seed: int = 7) -> None:
        """The poster and the verdict of this word, as torch has them.

        The verdict comes last, and later than the address where one goes back: so it is waited for.
        """
        generator, discriminator = self.checkpoint.need_both()
        start = gan.latents([seed], self.checkpoint.config)
        poster = generator(Turning.parse(word, start.shape[1]).of(start))
        logit = float(discriminator.logit(poster))
        expect(self.part("#logit")).to_have_text(close_to(logit))
        for canvas, picture in (("poster", poster), ("start", generator(start))):
            expected = gan.to_uint8(picture)[0].astype(int)
            assert np.abs(self.pixels(canvas).astype(int) - expected).max() <= 1


def close_to(logit: float) -> re.Pattern[str]:
    """Two decimals as the page writes them: a number within CLOSE of this one may be rounded the other way."""
    return re.compile("|".join({re.escape(f"{logit + by:+z.2f}").replace(r"\-", "−") for by in (-CLOSE, CLOSE)}))


@pytest.fixture(scope="module")
def checkpoint() -> gan.Checkpoint:
    return gan.load(HOUSE / "checkpoints" / NAME)


@pytest.fixture(scope="module")
def turner(address: str, browser: Browser, checkpoint: gan.Checkpoint) -> Iterator[Turner]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield Turner(page, address, checkpoint)
    context.close()


def test_a_slider_that_is_dragged_draws_at_once_and_the_link_reproduces_it(turner: Turner) -> None:
    turner.open(turned="6:1.5")
    turner.assert_shows("6:1.5")
    handle, pictures = turner.slider(6), {turner.pixels().tobytes()}
    box = handle.bounding_box()
    assert box is not None
    turner.page.mouse.move(box["x"] + 0.69 * box["width"], box["y"] + box["height"] / 2)
    turner.page.mouse.down()
    for share in (0.6, 0.4, 0.2, 0.1):
        turner.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        pictures.add(turner.another(pictures))
    turner.page.mouse.up()
    expect(turner.page).to_have_url(re.compile(r"turned=6(:|%3A)-\d"))
    settle(turner.page)
    dragged = turner.word
    turner.assert_shows(dragged)

    length = turner.part("#length")
    length.focus()
    length.press("Home")
    turner.part("#add").select_option(label="Dimension 33")
    expect(turner.slider(33)).to_be_focused()
    turner.slider(33).press("End")
    wanted = f"length:0,{dragged},33:4"
    expect(turner.page).to_have_url(re.compile("33(:|%3A)4"))
    settle(turner.page)
    assert turner.word == wanted
    turner.assert_shows(wanted)
    turner.page.reload()
    expect(turner.part("#logit")).not_to_be_empty()
    turner.assert_shows(wanted)


def test_one_is_reset_and_all_are_and_going_back_brings_them_again(turner: Turner) -> None:
    turner.open(turned="6:1.5,36:-2")
    turner.part("").get_by_role("button", name="Reset dimension 36", exact=True).click()
    expect(turner.page).to_have_url(re.compile(r"turned=6(:|%3A)1.5(&|$)"))
    turner.assert_shows("6:1.5")
    settle(turner.page)
    turner.part("").get_by_role("button", name="Reset all").click()
    expect(turner.page).not_to_have_url(re.compile("turned="))
    turner.assert_shows("")
    assert (turner.pixels("difference") == 255).all()
    settle(turner.page)
    turner.page.go_back()
    expect(turner.page).to_have_url(re.compile(r"turned=6(:|%3A)1.5(&|$)"))
    settle(turner.page)
    turner.assert_shows("6:1.5")


def test_what_is_turned_stays_for_another_seed_and_goes_to_all_pages(turner: Turner) -> None:
    turner.open(turned="6:1.5,36:-2")
    turner.page.get_by_test_id("stSidebar").get_by_test_id("stNumberInputStepUp").click()
    expect(turner.part("#start-name")).to_contain_text("seed 8")
    settle(turner.page)
    turner.assert_shows("6:1.5,36:-2", seed=8)
    logit = turner.part("#logit").inner_text().replace("−", "-")
    turner.page.get_by_role("button", name="Take this poster to all pages").click()
    sidebar = turner.page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("seed 8 with")).to_be_visible()
    expect(sidebar.get_by_text(f"logit {logit}")).to_be_visible()
    assert turner.word == ""


@torch.no_grad()
def test_numbers_are_torchs_to_a_thousandth(turner: Turner) -> None:
    turner.open()
    z = Turning.parse("length:0.7,3:2.5,9:-1", 100).of(gan.latents([3], turner.checkpoint.config))
    generator, discriminator = turner.checkpoint.need_both()
    picture, logit = turner.page.evaluate(
        """async ([z, layers, edits]) => {
            const [generator, discriminator] = await globalThis.posterlensNetworks.networks;
            const { feedsOf } = await import(edits);
            const { picture } = await generator.run(feedsOf(Float32Array.from(z), [], layers), ['picture']);
            const { logit } = await discriminator.run({ picture }, ['logit']);
            return [Array.from(picture.data), logit.data[0]];
        }""",
        [z.flatten().tolist(), activation_layers(generator), module_address(turner.page, "export function feedsOf")],
    )
    expected = generator(z)
    assert np.abs(np.array(picture) - expected.flatten().numpy()).max() < CLOSE
    assert logit == pytest.approx(float(discriminator.logit(expected)), abs=CLOSE)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_the_same_in_the_browser(turner: Turner, word: str) -> None:
    if "latent" not in turner.page.url:
        turner.open()
    again, values = turner.page.evaluate(
        """async ([turned, word]) => {
            const { parse, serialise, turn } = await import(turned), read = parse(word, 100);
            return [serialise(read), Array.from(turn(Array(100).fill(1), read))];
        }""",
        [module_address(turner.page, "export const unturned"), word],
    )
    expected = Turning.parse(word, 100)
    assert again == str(expected)
    assert values == pytest.approx(expected.of(torch.ones(1, 100, 1, 1)).flatten().tolist())


def module_address(page: Page, text: str) -> str:
    """The address of the module that holds this text."""
    found = page.evaluate(
        """async (text) => {
            const names = performance.getEntriesByType('resource').map(({ name }) => name);
            for (const name of names.filter((name) => /\\/media\\/\\w+\\.(js|es)$/.test(name))) {
                if ((await (await fetch(name)).text()).includes(text)) return name;
            }
        }""",
        text,
    )
    assert found
    return str(found)


def test_networks_are_fetched_once(turner: Turner) -> None:
    packed: list[str] = []
    turner.open()
    turner.page.on("response", lambda response: packed.append(response.url) if ".gz" in response.url else None)
    turner.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Start").click()
    expect(turner.page.get_by_role("heading", name="PosterLens", level=1)).to_be_visible()
    turner.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Latent").click()
    expect(turner.part("#logit")).not_to_be_empty()
    assert not packed


def test_where_the_browser_cannot_the_server_draws_the_same(address: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.add_init_script("delete globalThis.WebAssembly")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/latent?checkpoint={NAME}&seed=7&turned=6:1.5")
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("The server computes these posters")).to_contain_text("WebAssembly is switched off")
    expect(main.get_by_text("The networks cannot run in this browser")).to_have_count(0)
    expect(main.get_by_text("the poster now")).to_be_visible()
    before = main.get_by_text("D finds it").inner_text()
    slider = main.locator(".st-key-turning_6").get_by_role("slider")
    slider.focus()
    slider.press("End")
    expect(page).to_have_url(re.compile(r"turned=6(:|%3A)4(&|$)"))
    expect(main.get_by_text(before)).to_have_count(0)
    checkpoint = gan.load(HOUSE / "checkpoints" / NAME)
    generator, discriminator = checkpoint.need_both()
    with torch.no_grad():
        logit = discriminator.logit(generator(Turning({6: 4.0}).of(gan.latents([7], checkpoint.config))))
    expect(main.get_by_text("D finds it")).to_contain_text(f"logit {float(logit):+z.2f}")
    context.close()
