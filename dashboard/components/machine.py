"""The whole machine as a row of links: noise, tiles that grow, the poster, tiles that shrink, the verdict.

    chosen = machine(groups, sheet, poster, key="machine")      # the place of the part that was clicked, or None

Pointing at a part, or reaching it by the keyboard, says in a line below what it is. The parts are links, so that one
can be opened in a window of its own; a plain click stays in the session, and tells the page which part it was. In a
narrow window the groups stand below each other. Where the poster has changed, a pulse runs from noise to verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.components import media

if TYPE_CHECKING:
    from xai.render import Sprite

CSS = """
.machine { container-type: inline-size; font: 0.85rem var(--st-font, sans-serif); color: var(--st-text-color, #222); }
.row { display: flex; align-items: stretch; gap: 26px; }
.group { position: relative; flex: var(--grow) 1 0; min-width: 0; display: flex; flex-direction: column; gap: 4px; }
.group + .group::before { content: "→"; position: absolute; left: -22px; top: calc(50% - 0.5em); width: 18px;
  text-align: center; }
.name { text-align: center; font-weight: 600; white-space: nowrap; }
.parts { flex: 1; display: flex; align-items: center; justify-content: center; gap: 6px; }
.part { flex: var(--grow) 1 0; min-width: 0; color: inherit; text-decoration: none; text-align: center;
  border-radius: 4px; cursor: pointer; display: flex; flex-direction: column; gap: 2px; }
.picture { border-radius: 3px; outline: 1px solid var(--st-border-color, #8888); image-rendering: pixelated;
  aspect-ratio: var(--ratio); background-image: var(--sheet); }
.values { display: grid; grid-template-columns: repeat(5, 1fr); border-radius: 3px; overflow: hidden;
  outline: 1px solid var(--st-border-color, #8888); min-width: 26px; }
.values span { aspect-ratio: 1; }
.small { font-size: 0.75rem; white-space: nowrap; min-height: 1.2em; }
.words { border: 1px solid var(--st-border-color, #8888); border-radius: 6px; padding: 6px 4px; font-size: 0.8rem; }
.words b { display: block; font-size: 1.15rem; }
.words.real b { color: var(--st-red-text-color, inherit); }
.words.fake b { color: var(--st-blue-text-color, inherit); }
.asleep .words { border-style: dashed; }
a.part:hover > :first-child, a.part:focus-visible > :first-child {
  outline: 3px solid var(--st-primary-color, #5b3fa8); }
a.part:focus-visible { outline: none; }
.note { min-height: 2.8em; padding-top: 8px; }
@container (max-width: 640px) {
  .row { flex-direction: column; gap: 24px; }
  .group + .group::before { content: "↓"; left: 0; right: 0; top: -21px; width: auto; }
  .group { flex: none; }
  .part { flex-basis: 0; }
  .noise .values { grid-template-columns: repeat(20, 1fr); }
  .poster .part { flex: 0 0 55%; }
  .note { min-height: 5.6em; }
}
@media (prefers-reduced-motion: no-preference) {
  .pulse .part > :first-child { animation: pulse 0.7s ease-out calc(var(--place) * 90ms); }
  @keyframes pulse { 30% { box-shadow: 0 0 0 5px var(--st-primary-color, #5b3fa8); } }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const shown = JSON.stringify(data), before = parentElement.machine;
  if (before?.shown !== shown) {
    before?.root.remove();
    const root = build(data, (place) => parentElement.machine.choose(place));
    if (before?.poster !== data.poster) root.classList.add('pulse');
    parentElement.append(root);
    parentElement.machine = { shown, root, poster: data.poster };
  }
  parentElement.machine.choose = (place) => setTriggerValue('chosen', place);
}

const make = (kind, className, text = '') => {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  return element;
};

function build({ groups, sheet, cells, ratio, poster, hint }, choose) {
  const root = make('div', 'machine'), row = make('div', 'row'), note = make('div', 'note', hint);
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', 'the whole machine, from noise to verdict');
  root.style.setProperty('--ratio', ratio);
  note.setAttribute('aria-live', 'polite');
  let place = 0;
  for (const { name, asleep, parts } of groups) {
    const group = make('div', `group ${name}`), line = make('div', 'parts');
    group.classList.toggle('asleep', asleep);
    group.style.setProperty('--grow', parts.reduce((sum, part) => sum + part.grow, 0));
    for (const part of parts) line.append(link(part, place++, { sheet, cells, poster }, note, hint, choose));
    group.append(make('div', 'name', name), line);
    row.append(group);
  }
  root.append(row, note);
  return root;
}

function link(part, place, pictures, note, hint, choose) {
  const link = make('a', 'part');
  link.href = part.href;
  link.setAttribute('aria-label', part.label);
  link.style.setProperty('--grow', part.grow);
  link.style.setProperty('--place', place);
  link.append(face(part, pictures), make('span', 'small', part.small));
  link.onmouseenter = link.onfocus = () => { note.textContent = part.text; };
  link.onmouseleave = link.onblur = () => { note.textContent = hint; };
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // in a window of its own
    event.preventDefault();
    choose(place);
  };
  return link;
}

function face({ values, cell, words, mood }, { sheet, cells, poster }) {
  if (values) {
    const strip = make('span', 'values');
    for (let at = 0; at < values.length; at += 6) {
      const square = document.createElement('span');
      square.style.background = `#${values.slice(at, at + 6)}`;
      strip.append(square);
    }
    return strip;
  }
  if (words.length) {
    const said = make('span', `words ${mood}`);
    words.forEach((line, index) => said.append(make(index ? 'div' : 'b', '', line)));
    return said;
  }
  const picture = make('span', 'picture');
  picture.style.backgroundImage = `url("${cell < 0 ? poster : sheet}")`;
  picture.style.backgroundSize = cell < 0 ? '100% 100%' : `${cells * 100}% 100%`;
  if (cell > 0) picture.style.backgroundPosition = `${(cell / (cells - 1)) * 100}% 0`;
  return picture;
}
"""

_mount = st.components.v2.component("posterlens_machine", css=CSS, js=JS)
POSTER = -1  # in the place of a cell


@dataclass(frozen=True)
class Link:
    """One part of the picture, and what it leads to.

    label : its name, for those who do not see it. text : what it is, in a sentence. small : under its picture.
    href : where it leads. grow : its width beside the others. Its picture is one of: ``cell`` of the sheet, or POSTER;
    ``values``, colours of six hexadecimal digits each; ``words``, the first of them large, in the colour of ``mood``.
    """

    label: str
    text: str
    small: str
    href: str
    grow: float
    cell: int | None = None
    values: str = ""
    words: tuple[str, ...] = ()
    mood: str = ""


@dataclass(frozen=True)
class Group:
    """Links that belong together. asleep : whether the poster on show did not pass through this part."""

    name: str
    parts: tuple[Link, ...]
    asleep: bool = False


def machine(groups: Sequence[Group], sheet: Sprite, poster: bytes, hint: str, key: str) -> int | None:
    """Show the groups in a row; the place of the link that was chosen, counted over all of them, or None.

    sheet : a row of maps. poster : its PNG. hint : what stands below while nothing is pointed at.
    """
    from xai.render import png

    height, width = sheet.cell
    result = _mount(
        key=key,
        data={
            "groups": [asdict(group) for group in groups],
            "sheet": media.address(png(sheet.pixels), "image/png", f"{key}-sheet"),
            "cells": sheet.columns,
            "poster": media.address(poster, "image/png", f"{key}-poster"),
            "ratio": f"{width} / {height}",
            "hint": hint,
        },
        on_chosen_change=lambda: None,  # so that the result has it
    )
    chosen, count = result.chosen, sum(len(group.parts) for group in groups)
    return int(chosen) if chosen is not None and 0 <= int(chosen) < count else None
