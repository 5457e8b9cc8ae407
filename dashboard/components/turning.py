"""Several latent dimensions under the hand: the networks run in the browser, and nothing is sent while a slider moves.

    turning(models, Start("seed 7", z, (64, 64)), ranking, "6:1.5,36:-2", on_turn=keep, on_fail=..., key="turning")

Shown are the poster as it is now, its start, the difference of the two, and D's verdict. When the hand rests, the page
is told the word that a link holds (``xai.latents.turning``). The networks, their runtime and the modules of the static
page that run them (``xai/web/page``) are fetched once, by their addresses, and stay while other pages are open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.components import media, modules
from dashboard.components.triggers import trigger_value

SHOWN = 6  # sliders at first: the most influential dimensions
MODULES = ("stage.js", "networks.js", "sliders.js", "turned.js", "edits.js")

CSS = """
.turning { container-type: inline-size; font: 0.95rem/1.45 var(--st-font, sans-serif);
  color: var(--st-text-color, #222); }
[hidden] { display: none !important; }
.both { display: grid; grid-template-columns: minmax(0, 6fr) minmax(0, 5fr); gap: 1rem 2rem; align-items: start; }
.stage { display: grid; grid-template-columns: 5fr 2fr; gap: .5rem .75rem; }
.stage .now { grid-row: span 2; }
.verdict { grid-column: 1 / -1; }
figure { margin: 0; }
canvas { display: block; width: 100%; image-rendering: pixelated; border-radius: 3px;
  background: var(--st-secondary-background-color, #f6f7f9); outline: 1px solid var(--st-border-color, #8885); }
figcaption, dt, .soft { font-size: .85rem; line-height: 1.3; }
figcaption { padding-top: 3px; }
p { margin: .35rem 0; }
.red { color: var(--st-red-text-color, inherit); } .blue { color: var(--st-blue-text-color, inherit); }
.orange { color: var(--st-orange-text-color, inherit); font-weight: 600; }
.purple { color: var(--st-violet-text-color, inherit); font-weight: 600; }
#verdict { font-size: 1.2rem; font-weight: 600; margin: 0; }
.meter { position: relative; height: .8rem; margin: .4rem 0; border: 1px solid var(--st-border-color, #8888);
  border-radius: 4px; overflow: hidden;
  background: linear-gradient(currentColor, currentColor) center / 1px 100% no-repeat; }
.meter i, .meter b { position: absolute; top: 0; bottom: 0; }
.meter i { background: currentColor; }
.meter b { width: 3px; margin-left: -1px; background: var(--st-text-color, #222); }
dl { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: .25rem 0; }
dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
.sliders { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .2rem 1.25rem;
  margin: .5rem 0; padding: 0; list-style: none; }
.sliders li { display: grid; grid-template-columns: 1fr auto; align-items: center; column-gap: .5rem; }
.sliders label { display: flex; justify-content: space-between; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.sliders input { grid-column: 1; }
.sliders .length { grid-column: 1 / -1; border-bottom: 1px solid var(--st-border-color, #8885);
  padding-bottom: .4rem; }
input[type=range] { width: 100%; min-width: 5rem; height: 1.6rem; margin: 0;
  accent-color: var(--st-primary-color, #5b3fa8); }
button, select { font: inherit; font-size: .9rem; color: inherit; background: var(--st-background-color, #fff);
  border: 1px solid var(--st-border-color, #8888); border-radius: 6px; min-height: 2rem; padding: .15rem .6rem;
  cursor: pointer; }
button:hover:not(:disabled), select:hover { border-color: var(--st-primary-color, #5b3fa8); }
button:disabled { opacity: .5; cursor: default; }
.sliders button { min-height: 1.7rem; padding: 0 .45rem; }
:focus-visible { outline: 3px solid var(--st-primary-color, #5b3fa8); outline-offset: 1px; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 760px) {
  .both { grid-template-columns: minmax(0, 1fr); }
  .stage { position: sticky; top: 3.75rem; z-index: 1; padding-bottom: .4rem;
    background: var(--st-background-color, #fff); border-bottom: 1px solid var(--st-border-color, #8885); }
}
@container (max-width: 480px) {
  .stage { grid-template-columns: 11fr 5fr; gap: .25rem .5rem; }
  .stage .detail { display: none; }
  figcaption, dt { font-size: .75rem; }
  dl { gap: 0 1rem; justify-content: space-between; }
  #verdict { font-size: 1.05rem; }
  .sliders { grid-template-columns: 1fr; }
}
"""

MARKUP = """
  <p id="status" role="status">Loading the networks into this browser</p>
  <div class="both" id="app">
    <section class="stage" aria-label="The poster while its latent is turned">
      <figure class="now"><canvas id="poster" role="img" aria-label="The poster as it is now"></canvas>
        <figcaption>The poster now</figcaption></figure>
      <figure><canvas id="start" role="img" aria-label="The poster before any change"></canvas>
        <figcaption>The start: <span id="start-name"></span></figcaption></figure>
      <figure><canvas id="difference" role="img" aria-label="The difference of the two"></canvas>
        <figcaption>The difference: <span class="orange">brighter</span>, <span class="purple">darker</span><span
        class="detail"> than the start; <span id="difference-end"></span></span></figcaption></figure>
      <div class="verdict" id="of-d">
        <p id="verdict"></p>
        <div class="meter" aria-hidden="true"><i id="meter-now"></i><b id="meter-start"></b></div>
        <dl>
          <div><dt>D's logit</dt><dd id="logit"></dd></div>
          <div><dt>Probability that it is real</dt><dd id="probability"></dd></div>
          <div><dt>Change of the logit</dt><dd id="logit-change"></dd></div>
        </dl>
        <p id="spoken" class="unseen" role="status"></p>
      </div>
    </section>
    <section id="controls" aria-label="Dimensions of the latent" hidden>
      <ol id="sliders" class="sliders"><li class="length">
        <label for="length"><span>Length of the latent</span><output id="length-value"></output></label><span></span>
        <input id="length" type="range" min="0" step="0.01"></li></ol>
      <div class="row">
        <select id="add" aria-label="Add a dimension"></select>
        <button id="reset" type="button">Reset all</button>
        <button id="zero" type="button">All to zero</button>
      </div>
    </section>
  </div>
"""

JS = (
    f"const MARKUP = `{MARKUP}`;"
    + """
const PAUSE = 300, AGAIN = 10_000;  // milliseconds of rest after which the page is told, and until it is told again

export default function ({ data, parentElement, setTriggerValue }) {
  const turning = parentElement.turning ??= build(parentElement);
  turning.tell = (name, value) => setTriggerValue(name, value);
  turning.show(data);
}

// The networks go on running while other pages are open: whoever comes back waits for nothing.
const kept = globalThis.posterlensNetworks ??= { wanted: '', networks: null };
function networksOf(load, models, progress) {
  const wanted = models.join();
  if (kept.wanted !== wanted) {
    kept.networks?.then((networks) => networks.forEach((network) => network.close()), () => {});
    kept.wanted = wanted;
    kept.networks = load(models, progress, { cache: 'force-cache' });  // an address is that of its content
    kept.networks.catch(() => { if (kept.wanted === wanted) kept.wanted = ''; });
  }
  return kept.networks;
}

async function modulesOf(addresses) {
  const imported = async ([file, address]) => [file.split('.')[0], await import(full(address))];
  return Object.fromEntries(await Promise.all(Object.entries(addresses).map(imported)));
}
const full = (address) => new URL(address, location.href).href;

function build(parentElement) {
  const root = document.createElement('div');
  root.className = 'turning';
  root.innerHTML = MARKUP;
  parentElement.append(root);
  const by = (id) => root.querySelector(`#${id}`), length = by('length').closest('li');
  let data, page, draw, sliders, shown = '', state = null, known = '', unanswered = false, timer;
  const turning = { tell() {} };

  const usual = () => page.turned.turn(data.start, { length: state.length, set: new Map() });
  const show = () => {
    sliders.show(usual(), state.set);
    by('length').value = state.length;
    by('length-value').textContent = `${state.length.toFixed(2)} times`;
    by('reset').disabled = !page.turned.isTurned(state);
    by('zero').disabled = state.length === 0 && !state.set.size;
    const options = sliders.hidden().map((index) => new Option(`Dimension ${index}`, index));
    by('add').replaceChildren(new Option('Add a dimension', ''), ...options);
    by('add').hidden = !options.length;
  };
  const tell = () => {
    const word = page.turned.serialise(state);
    if (word === known) return;
    known = word;
    unanswered = true;
    turning.tell('turned', word || 'nothing');
  };
  const change = (mutate) => {
    mutate(state);
    show();
    draw().catch(fail);
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE);
  };
  const fail = (error) => {
    by('app').hidden = true;
    by('status').hidden = false;
    by('status').textContent = `The networks cannot run in this browser: ${error.message}`;
    const report = () => {  // again, for what is sent while a component mounts may be lost
      if (!root.isConnected) return;
      turning.tell('failed', String(error.message));
      setTimeout(report, AGAIN);
    };
    setTimeout(report, PAUSE);
  };

  const list = () => {
    by('sliders').replaceChildren(length);
    sliders = page.sliders.sliderList({
      list: by('sliders'), dimensions: data.ranking.map(([index, rms]) => ({ index, rms })),
      change: (mutate) => change(({ set }) => mutate(set)),
    });
    sliders.add(sliders.hidden().slice(0, data.shown));
  };
  by('length').oninput = ({ target }) => change((now) => { now.length = Number(target.value); });
  by('reset').onclick = () => change((now) => Object.assign(now, page.turned.unturned()));
  by('zero').onclick = () => change((now) => Object.assign(now, page.turned.unturned(), { length: 0 }));
  by('add').onchange = ({ target }) => {
    const index = Number(target.value);
    sliders.add([index]);
    show();
    sliders.focus(index);
  };

  const progress = (done, whole) => {
    const [mb, all] = [done, whole].map((bytes) => (bytes / 1e6).toFixed(1));
    by('status').textContent = `Loading the networks into this browser: ${mb} of ${all} MB, once`;
  };
  const connect = async () => {
    if (typeof WebAssembly === 'undefined') throw new Error('WebAssembly is switched off.');
    const given = data, { modules, models, size } = data;
    const found = await modulesOf(modules);
    const networks = await networksOf(found.networks.load, models.map(full), progress);
    if (data.models.join() !== given.models.join()) return;  // another checkpoint meanwhile
    page = found;
    shown = '';
    by('of-d').hidden = networks.length < 2;
    by('status').hidden = true;
    by('controls').hidden = false;
    by('length').max = page.turned.LONGEST;
    draw = page.stage.stage({
      networks, size, by,
      ask: () => ({
        start: data.name,
        before: () => page.edits.feedsOf(Float32Array.from(data.start), [], data.layers),
        feeds: page.edits.feedsOf(page.turned.turn(data.start, state), [], data.layers),
      }),
    });
    take();
  };
  // What the page says: another poster, other values by a link or by going back, a dimension that it shows.
  const take = () => {
    const poster = JSON.stringify([data.name, data.start, data.ranking]);
    const otherPoster = poster !== shown, otherWord = !state || (!unanswered && data.turned !== known);
    if (otherWord) {
      state = page.turned.parse(data.turned, data.start.length);
      known = data.turned;
    }
    if (data.turned === known) unanswered = false;  // else it is an answer to an older word
    if (otherPoster) list();
    shown = poster;
    sliders.add([data.chosen]);
    show();
    if (otherPoster || otherWord) draw().catch(fail);
  };

  turning.show = (given) => {
    const before = data;
    data = given;
    const [height, width] = data.size;
    for (const canvas of root.querySelectorAll('canvas')) canvas.style.aspectRatio = `${width} / ${height}`;
    if (before?.models.join() !== data.models.join()) connect().catch(fail);
    else if (page) take();
  };
  return turning;
}
"""
)

_mount = st.components.v2.component("posterlens_turning", css=CSS, js=JS)


@dataclass(frozen=True, eq=False)
class Start:
    """A poster before any change: its name, its latent, and its height and width in pixels."""

    name: str
    latent: Sequence[float]
    size: tuple[int, int]


def turning(  # noqa: PLR0913 - a component's properties, all by keyword
    models: Sequence[bytes],
    layers: Sequence[str],
    start: Start,
    ranking: Sequence[tuple[int, float]],
    chosen: int,
    turned: str,
    on_turn: Callable[[str], Any],
    on_fail: Callable[[str], Any],
    key: str,
) -> None:
    """Show a poster and sliders for dimensions of its latent.

    models, layers : of the generator, and of the discriminator where there is one (``dashboard.cached.turning``).
    ranking : each dimension with what a step of 1 changes, the most influential first. chosen : always has a slider.
    turned : the word of the link. ``on_turn`` is called with another word when the hand rests, ``on_fail`` with the
    reason why the networks do not run in this browser; both before the page runs again.
    """

    def turned_to() -> None:
        word = trigger_value(key, "turned")
        if word is not None:
            on_turn("" if word == "nothing" else str(word))

    def failed() -> None:
        reason = trigger_value(key, "failed")
        if reason is not None:
            on_fail(str(reason))

    _mount(
        key=key,
        data={
            "models": [
                media.address(model, modules.PACKED, f"{key}-model-{place}") for place, model in enumerate(models)
            ],
            "modules": modules.addresses(MODULES, key),
            "layers": list(layers),
            "name": start.name,
            "start": [float(f"{value:.8g}") for value in start.latent],
            "size": list(start.size),
            "ranking": [[index, float(f"{rms:.3g}")] for index, rms in ranking],
            "shown": SHOWN,
            "chosen": chosen,
            "turned": turned,
        },
        on_turned_change=turned_to,
        on_failed_change=failed,
    )
