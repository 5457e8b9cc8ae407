"""The page without Python, from a plain file server in a real Chromium: what it draws and says is what torch does."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from torch import Tensor

import gan
from gan.checkpoints.conditioning import with_genres
from gan.networks.dcgan import latents
from tests.e2e.conftest import HOUSE
from tests.e2e.test_accessibility import violations
from tests.xai import built
from xai.generator.ablation import Ablation, ablate
from xai.generator.painting import Edit, paint
from xai.latents.paths import slerp
from xai.web.export import write_page

pytestmark = pytest.mark.browser
PATIENCE = 60_000  # milliseconds: nothing here is computed by a server
LAYER, NUMBER, CELLS = "layers.8", 2, 16  # of dcgan-64, with 128 filters of 16 x 16


@dataclass
class Site:
    """A page in a window that reaches only its server, and what it asked for and complained of."""

    page: Page
    home: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, query: str = "", name: str = "dcgan-64") -> None:
        """The page anew, when its networks have answered."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.home}/below/{name}/#{query}")
        self.settle()

    def settle(self) -> None:
        """Wait until no picture and no verdict has come for half a second."""
        expect(self.page.locator("#logit")).not_to_be_empty()
        self.page.evaluate(
            """() => new Promise((resolve) => {
                let timer = setTimeout(resolve, 500);
                const again = () => { clearTimeout(timer); timer = setTimeout(resolve, 500); };
                addEventListener('drawn', again);
                addEventListener('judged', again);
            })"""
        )

    @property
    def logit(self) -> float:
        return float(self.page.locator("#logit").inner_text().replace("−", "-"))

    def pixels(self, canvas: str = "poster") -> np.ndarray[Any, Any]:
        """uint8 (H, W, 3) of a canvas."""
        height, width, data = self.page.evaluate(
            """(id) => {
                const canvas = document.getElementById(id), { height, width } = canvas;
                return [height, width, Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data)];
            }""",
            canvas,
        )
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a plain file server, with pages below a sub-path."""
    folder = tmp_path_factory.mktemp("served")
    for name, genres in (("dcgan-64", ""), ("genres-64", "Horror")):
        checkpoint = with_genres(gan.load(HOUSE / "checkpoints" / name), genres)
        write_page(checkpoint, folder / "below" / name, HOUSE / "checkpoints" / name)
    write_page(built.checkpoint("2:3"), folder / "below/built", folder)
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", params=[{"width": 1280, "height": 900}])
def site(server: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Site]:
    context = browser.new_context(viewport=request.param, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    site = Site(page, server)
    page.on("request", lambda request: site.asked.append(request.url))
    page.on("console", lambda line: site.complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: site.complaints.append(str(error)))
    yield site
    context.close()
    elsewhere = {url for url in site.asked if urlsplit(url).scheme not in ("data", "about", "blob")}
    assert {f"http://{urlsplit(url).netloc}" for url in elsewhere} == {server}
    assert not site.complaints


@pytest.fixture(scope="module")
def checkpoint() -> gan.Checkpoint:
    return gan.load(HOUSE / "checkpoints/dcgan-64")


@torch.no_grad()
def logit_of(checkpoint: gan.Checkpoint, pictures: Tensor) -> float:
    return float(checkpoint.need_discriminator().logit(pictures))


def assert_shows(site: Site, checkpoint: gan.Checkpoint, pictures: Tensor) -> None:
    """The poster on the page is this picture, and the verdict is D's on it."""
    difference = np.abs(site.pixels().astype(int) - gan.to_uint8(pictures)[0].astype(int))
    assert difference.max() <= 1
    assert site.logit == pytest.approx(logit_of(checkpoint, pictures), abs=0.01)
    expected = 100 * torch.tensor(logit_of(checkpoint, pictures)).sigmoid().item()
    assert float(site.page.locator("#probability").inner_text().split()[0]) == pytest.approx(expected, abs=0.2)


@torch.no_grad()
def test_a_seed_is_the_same_poster_as_in_python(site: Site, checkpoint: gan.Checkpoint) -> None:
    site.open()
    for seed in (7, 4_294_967_295):
        box = site.page.get_by_label("Seed", exact=True)
        box.fill(str(seed))
        box.press("Enter")
        site.settle()
        assert_shows(site, checkpoint, checkpoint.need_generator()(latents([seed], checkpoint.config)))
        assert np.array_equal(site.pixels("start"), site.pixels())
    assert (site.pixels("difference") == 255).all()


@pytest.mark.parametrize("count", [1, 5, 15, 16, 23, 100, 128])
def test_latents_are_torchs_for_any_seed_and_any_number_of_dimensions(site: Site, count: int) -> None:
    if site.page.url == "about:blank":
        site.open()
    for seed in (0, 1, 12_345, 4_294_967_295):
        drawn = site.page.evaluate(
            "async ([seed, count]) => Array.from((await import('./seeds.js')).latentOf(seed, count))", [seed, count]
        )
        expected = latents([seed], gan.ModelConfig(latent=count)).flatten().numpy()
        assert np.abs(np.array(drawn) - expected).max() < 1e-5


@torch.no_grad()
def test_a_slider_turns_one_dimension_and_its_button_turns_it_back(site: Site, checkpoint: gan.Checkpoint) -> None:
    site.open("seed=3")
    slider = site.page.locator("#sliders input").first
    index = int(str(slider.get_attribute("id")).removeprefix("z-"))
    before = site.logit
    slider.focus()
    slider.press("End")
    site.settle()
    z = latents([3], checkpoint.config)
    z[0, index] = 4.0
    assert_shows(site, checkpoint, checkpoint.need_generator()(z))
    change = float(site.page.locator("#logit-change").inner_text().replace("−", "-"))
    assert change == pytest.approx(site.logit - before, abs=0.011)
    assert (site.pixels("difference") != 255).any()
    site.page.get_by_role("button", name=f"Reset dimension {index}", exact=True).click()
    site.settle()
    assert site.logit == before


@torch.no_grad()
def test_a_walk_to_another_seed_is_on_the_great_circle(site: Site, checkpoint: gan.Checkpoint) -> None:
    site.open("seed=3&to=9&walk=0.35")
    a, b = (latents([seed], checkpoint.config) for seed in (3, 9))
    assert_shows(site, checkpoint, checkpoint.need_generator()(slerp(a, b, torch.tensor([0.35]))))
    site.page.get_by_label("Way walked").press("End")
    site.settle()
    assert_shows(site, checkpoint, checkpoint.need_generator()(b))


@pytest.mark.parametrize(("label", "way"), [("its mean", "mean"), ("zero", "zero")])
def test_ablating_a_filter_is_xais_ablation(site: Site, checkpoint: gan.Checkpoint, label: str, way: str) -> None:
    site.open(f"seed=7&layer={NUMBER}")
    site.page.get_by_role("tab", name="Filters").click()
    site.page.get_by_role("option", name="Filter 21", exact=True).click()
    site.page.locator("#ablate-by").select_option(label)
    site.page.get_by_role("button", name="Ablate", exact=True).click()
    site.settle()
    z = latents([7], checkpoint.config)
    ablated = ablate(checkpoint.need_generator(), z, LAYER, 21, Ablation(way))
    assert_shows(site, checkpoint, ablated.after)
    shown, unit_map = site.pixels("response")[..., 0], ablated.unit_map.numpy()
    assert np.abs(shown - 255 * unit_map / unit_map.max()).max() <= 1  # what it would respond, not what it is held at
    expect(site.page.get_by_text(f"{LAYER}, filter 21: ablated by {label}")).to_be_visible()
    site.page.get_by_role("button", name="Undo").click()
    site.settle()
    assert_shows(site, checkpoint, ablated.before)


def test_painting_with_a_brush_is_xais_painting_and_a_link_brings_it_back(
    site: Site, checkpoint: gan.Checkpoint
) -> None:
    site.open(f"seed=7&layer={NUMBER}&unit=40&tab=filters")
    site.page.get_by_role("button", name="Paint with it").click()
    site.page.get_by_role("slider", name="Brush").fill("0.1")
    poster = site.page.locator("#poster")
    box = poster.bounding_box()
    assert box is not None
    site.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    site.page.mouse.down()
    site.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.3 * box["height"], steps=12)
    site.page.mouse.up()
    site.settle()
    edits = edits_of(site)
    rows = {int(edit.box[1] * CELLS) for edit in edits}
    columns = {int(edit.box[0] * CELLS) for edit in edits}
    assert rows == {3, 4, 5}
    assert columns == set(range(3, 11))
    painted = paint(checkpoint.need_generator(), latents([7], checkpoint.config), edits)
    assert_shows(site, checkpoint, painted)
    link = site.page.url.partition("#")[2]
    site.open(link)
    assert_shows(site, checkpoint, painted)
    site.page.get_by_role("button", name="Remove all changes").click()
    site.settle()
    assert np.array_equal(site.pixels("start"), site.pixels())


def edits_of(site: Site) -> list[Edit]:
    """The painted cells, read from the link: each as a box within the cell."""
    site.page.wait_for_url("**edits=**")
    places = site.page.evaluate(
        """async () => {
            const { fromHash } = await import('./state.js');
            const facts = await (await fetch('page.json')).json();
            return fromHash(location.hash, facts).edits.map(({ unit, value, cells }) => [unit, value, [...cells]]);
        }"""
    )
    return [
        Edit(LAYER, unit, ((x + 0.25) / CELLS, (y + 0.25) / CELLS, (x + 0.75) / CELLS, (y + 0.75) / CELLS), value)
        for unit, value, cells in places
        for y, x in (divmod(cell, CELLS) for cell in cells)
    ]


def test_keys_alone_reach_the_filters_and_paint(site: Site) -> None:
    site.open(f"seed=7&layer={NUMBER}")
    site.page.get_by_role("tab", name="Latent").focus()
    site.page.keyboard.press("ArrowRight")
    site.page.get_by_role("option", name="Filter 0", exact=True).focus()
    site.page.keyboard.press("ArrowRight")
    expect(site.page.get_by_role("option", name="Filter 1", exact=True)).to_be_focused()
    expect(site.page.get_by_role("heading", name=f"Filter 1 of {LAYER}")).to_be_visible()
    site.page.get_by_role("button", name="Paint with it").press("Enter")
    site.page.locator("#poster").focus()
    for key in ("ArrowLeft", "ArrowUp", " "):
        site.page.keyboard.press(key)
    expect(site.page.get_by_text(f"{LAYER}, filter 1: painted as strong in")).to_be_visible()
    site.settle()
    assert not np.array_equal(site.pixels("start"), site.pixels())


def test_a_link_that_asks_for_nonsense_shows_the_usual_poster(site: Site, checkpoint: gan.Checkpoint) -> None:
    site.open(
        "seed=x&to=-1&walk=7&z=999.1_5.x_a&tab=nowhere&layer=99&unit=-1&edits=9.9.strong.all_0.0.loud.all_1.1.off.zz"
    )
    with torch.no_grad():
        assert_shows(site, checkpoint, checkpoint.need_generator()(latents([0], checkpoint.config)))
    expect(site.page.get_by_role("tab", name="Latent")).to_have_attribute("aria-selected", "true")


@torch.no_grad()
def test_genres_that_were_built_in_are_named(site: Site) -> None:
    site.open("seed=5", "genres-64")
    horror = with_genres(gan.load(HOUSE / "checkpoints/genres-64"), "Horror")
    assert_shows(site, horror, horror.need_generator()(latents([5], horror.config)))
    expect(site.page.get_by_text("conditioned on genres: Horror +1")).to_be_visible()


@torch.no_grad()
def test_a_poster_of_2_by_3_with_one_layer_and_five_dimensions(site: Site) -> None:
    site.open("seed=5&tab=filters", "built")
    made = built.checkpoint("2:3")
    assert site.pixels().shape == (12, 8, 3)
    assert_shows(site, made, made.need_generator()(latents([5], made.config)))
    expect(site.page.locator("#sheet [role=option]")).to_have_count(7)


@pytest.mark.parametrize("site", [{"width": 1280, "height": 900}, {"width": 390, "height": 844}], indirect=True)
def test_the_page_is_accessible_and_fits_the_window(site: Site) -> None:
    for query in ("seed=7", f"seed=7&tab=filters&layer={NUMBER}&edits={NUMBER}.3.strong.5.3"):
        for scheme in ("light", "dark"):
            site.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            site.open(query)
            assert not violations(site.page)
        overflow = site.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
