"""A sheet of equal pictures to choose one from: click, arrows and Enter, one image for all.

512 single images would be 512 requests; here the browser gets one sprite at native size and cuts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.components import media
from dashboard.components.triggers import trigger_value

if TYPE_CHECKING:
    from xai.render import Sprite

NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?%?")
PLACE = "\0"  # of a number in a pattern; no text holds it

CSS = """
.sheet { display: flex; flex-direction: column; gap: 3px; max-height: var(--most); overflow-y: auto; padding: 3px; }
@media (max-width: 640px) { .sheet { max-height: var(--most-narrow); } }
.row { display: flex; gap: 3px; }
.blocks { flex-flow: row wrap; align-items: end; column-gap: 24px; }
.blocks .block { width: min-content; }
.block { display: flex; flex-direction: column; gap: 3px; }
.cell {
  flex: 0 0 var(--side); height: var(--tall); cursor: pointer; border-radius: 2px;
  background-image: var(--sprite); image-rendering: pixelated; outline: 1px solid var(--st-border-color, #8885);
}
.still .cell { cursor: default; }
.sheet:not(.still) .cell:hover { outline: 2px solid var(--st-text-color, #888); }
.cell:focus-visible { outline: 3px solid var(--st-text-color, #888); }
.cell[aria-selected="true"] { outline: 3px solid var(--st-primary-color, #5b3fa8); }
.head { color: var(--st-text-color, #222); font: 0.85rem var(--st-font, sans-serif); padding-top: 0.5rem; }
.note {
  color: color-mix(in srgb, var(--st-text-color, #888) 75%, transparent); font: 0.85rem var(--st-font, sans-serif);
  min-height: 1.4em; padding: 2px 3px; font-variant-numeric: tabular-nums;
  position: sticky; bottom: 0; background: var(--st-background-color, #fff);  /* in sight of a sheet of any height */
}
"""

JS = """
// Fills each pattern with its row of values; what is not a pattern is a list already.
const texts = ({ pattern, values, list }) => list ?? values.split('\\n').map((row) => {
  const parts = row.split(' ');
  let next = 0;
  return pattern.replace(/\\u0000/g, () => parts[next++]);
});

export default function ({ data, parentElement, setTriggerValue }) {
  const { selected, ...sheet } = data;
  const shown = JSON.stringify(sheet);
  const held = parentElement.grid?.holds();
  if (parentElement.grid?.shown !== shown) {
    parentElement.querySelectorAll('.sheet, .note').forEach((old) => old.remove());
    parentElement.grid = { shown, ...build(sheet, parentElement) };
  }
  const grid = parentElement.grid;
  grid.pick = (index) => setTriggerValue('picked', index);
  grid.mark(selected);
  if (held && !grid.holds()) grid.focus();  // another sheet took its place after Enter
  const observer = new ResizeObserver(grid.lay);
  observer.observe(parentElement.host ?? parentElement);
  return () => observer.disconnect();
}

function build(data, parentElement) {
  const { uri, columns, ratio, smallest, most, heads } = data;
  const labels = texts(data.labels), notes = data.notes && texts(data.notes);
  const rows = Math.ceil(labels.length / columns);
  const sheet = document.createElement('div');
  const note = document.createElement('div');
  let perRow = 1, beside = 1, selected = -1;
  sheet.className = 'sheet';
  note.className = 'note';
  sheet.setAttribute('role', 'grid');
  sheet.setAttribute('aria-label', data.title);
  sheet.style.setProperty('--sprite', `url("${uri}")`);
  sheet.style.setProperty('--most', most);
  sheet.style.setProperty('--most-narrow', most === 'none' ? most : '13.5rem');  // on a phone, what follows is near
  parentElement.append(sheet, note);

  const told = (index) => notes ? `${labels[index]}: ${notes[index]}` : labels[index];
  const say = (index) => { note.textContent = index >= 0 ? told(index) : ''; };
  const pick = (index) => parentElement.grid.pick(index);
  const only = (index) => cells.forEach((cell, place) => { cell.tabIndex = place === index ? 0 : -1; });

  const cells = labels.map((label, index) => {
    const cell = document.createElement('div');
    const column = index % columns, row = Math.floor(index / columns);
    cell.className = 'cell';
    cell.setAttribute('role', 'gridcell');
    cell.setAttribute('aria-label', label);
    if (notes) cell.setAttribute('aria-description', notes[index]);
    cell.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    cell.style.backgroundPosition =
      `${columns > 1 ? (column / (columns - 1)) * 100 : 0}% ${rows > 1 ? (row / (rows - 1)) * 100 : 0}%`;
    cell.onmouseenter = () => say(index);
    cell.onmouseleave = () => say(selected);
    cell.onfocus = () => say(index);
    if (data.still) return cell;
    cell.onclick = () => pick(index);
    cell.onkeydown = (event) => {
      const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow };
      if (event.key === 'Enter' || event.key === ' ') { pick(index); event.preventDefault(); }
      if (!(event.key in moves)) return;
      event.preventDefault();
      const next = cells[index + moves[event.key]];
      if (!next) return;
      only(index + moves[event.key]);
      next.focus();
    };
    return cell;
  });
  if (data.still) sheet.classList.add('still');
  if (data.block) sheet.classList.add('blocks');

  const lay = () => {
    const width = sheet.clientWidth - 6;
    if (width <= 0) return;
    const fitting = Math.floor((width + 3) / (smallest + 3));
    const before = [perRow, beside].join();
    perRow = heads ? columns : Math.max(1, Math.min(labels.length, data.perRow || Infinity, fitting));
    beside = data.block ? Math.max(1, Math.min(heads.length, Math.floor(fitting / perRow))) : 1;
    // Whole pixels: a fraction would let the neighbouring cell of the sheet shine through at the edge.
    const free = width - 3 * (perRow - 1) * beside - 24 * (beside - 1);
    const side = Math.min(Math.floor(free / (perRow * beside)), data.largest);
    sheet.style.setProperty('--side', `${side}px`);
    sheet.style.setProperty('--tall', `${Math.round(side * ratio)}px`);
    // Moving cells would take the focus from them.
    if ([perRow, beside].join() === before && sheet.childElementCount) return;
    const rowsOfCells = [];
    for (let start = 0; start < cells.length; start += perRow) {
      const row = document.createElement('div');
      row.className = 'row';
      row.setAttribute('role', 'row');
      row.append(...cells.slice(start, start + perRow));
      const under = start / perRow / (data.block || 1);
      if (heads && Number.isInteger(under)) {
        const block = document.createElement('div'), head = document.createElement('div');
        block.className = 'block';
        block.setAttribute('role', 'rowgroup');
        block.setAttribute('aria-label', heads[under]);
        head.className = 'head';
        head.textContent = heads[under];
        block.append(head);
        rowsOfCells.push(block);
      }
      if (heads) rowsOfCells.at(-1).append(row);
      else rowsOfCells.push(row);
    }
    sheet.replaceChildren(...rowsOfCells);
  };

  const holds = () => sheet.contains(sheet.getRootNode().activeElement);
  const focus = () => cells.find((cell) => cell.tabIndex === 0)?.focus();
  const mark = (index) => {
    if (!data.still && !holds()) only(Math.max(index, 0));
    selected = index;
    cells.forEach((cell, place) => cell.setAttribute('aria-selected', place === index));
    say(index);
  };
  lay();
  return { mark, lay, holds, focus };
}
"""

_mount = st.components.v2.component("posterlens_sprite_grid", css=CSS, js=JS)


def sprite_grid(  # noqa: PLR0913 - a component's properties, all by keyword
    sheet: Sprite,
    labels: Sequence[str],
    key: str,
    on_pick: Callable[[int], Any] | None = None,
    selected: int = -1,
    title: str = "filters",
    smallest: int = 44,
    per_row: int | None = None,
    largest: int = 220,
    most: str = "34rem",
    notes: Sequence[str] | None = None,
    heads: Sequence[str] | None = None,
    block: int = 0,
) -> None:
    """Show a sprite of ``len(labels)`` cells.

    ``on_pick`` is called with the place of the cell that was chosen, before the page runs again; without it there is
    nothing to choose, and the cells do not look as if there were. ``selected`` is outlined, -1 for none;
    ``smallest`` and ``largest`` bound a cell's side on the screen in pixels; ``per_row`` is the most cells in a row.
    ``notes`` say more of each cell, such as its numbers: below the sheet, behind the label of the cell that is pointed
    at or has the focus, and to a screen reader. With ``heads``, one for
    each row of the sprite, rows stay as they are and each stands below its head; or one for each ``block`` of rows, and
    the blocks stand beside each other where there is room.
    """
    from xai.render import png

    def picked() -> None:
        place = trigger_value(key, "picked")
        if on_pick is not None and place is not None and 0 <= int(place) < len(labels):
            on_pick(int(place))

    height, width = sheet.cell
    _mount(
        key=key,
        data={
            "uri": media.address(png(sheet.pixels), "image/png", key),
            "labels": compact(labels),
            "notes": None if notes is None else compact(notes),
            "columns": sheet.columns,
            "ratio": height / width,
            "selected": selected,
            "smallest": smallest,
            "perRow": per_row,
            "largest": largest,
            "most": most,
            "title": title,
            "heads": None if heads is None else list(heads),
            "block": block,
            "still": on_pick is None,
        },
        on_picked_change=picked,
    )


def compact(texts: Sequence[str]) -> dict[str, Any]:
    """Texts that differ in their numbers alone, as one pattern and the numbers; all others as they are.

    The words of five hundred filters would be sent again at every click.
    """
    patterns = {NUMBER.sub(PLACE, text) for text in texts}
    if len(texts) < 2 or len(patterns) > 1 or PLACE in "".join(texts):
        return {"list": list(texts)}
    return {"pattern": patterns.pop(), "values": "\n".join(" ".join(NUMBER.findall(text)) for text in texts)}
