"""A sheet of equal pictures to choose one from: click, arrows and Enter, one image for all.

512 single images would be 512 requests; here the browser gets one sprite at native size and cuts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

CSS = """
.sheet { display: flex; flex-direction: column; gap: 3px; max-height: var(--most); overflow-y: auto; padding: 3px; }
.row { display: flex; gap: 3px; }
.cell {
  flex: 0 0 var(--side); aspect-ratio: var(--aspect); cursor: pointer; border-radius: 2px;
  background-image: var(--sprite); image-rendering: pixelated; outline: 1px solid var(--st-border-color, #8885);
}
.cell:hover { outline: 2px solid var(--st-text-color, #888); }
.cell:focus-visible { outline: 3px solid var(--st-text-color, #888); }
.cell[aria-selected="true"] { outline: 3px solid var(--st-primary-color, #e33); }
.head { color: var(--st-text-color, #222); font: 0.85rem var(--st-font, sans-serif); padding-top: 0.5rem; }
.note {
  color: var(--st-text-color, #888); opacity: 0.75; font: 0.85rem var(--st-font, sans-serif);
  min-height: 1.4em; padding: 2px 3px;
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const { uri, labels, notes, columns, aspect, selected, smallest, most, heads } = data;
  parentElement.querySelectorAll('.sheet, .note').forEach((old) => old.remove());
  const rows = Math.ceil(labels.length / columns);
  const sheet = document.createElement('div');
  const note = document.createElement('div');
  sheet.className = 'sheet';
  note.className = 'note';
  sheet.setAttribute('role', 'grid');
  sheet.setAttribute('aria-label', data.title);
  sheet.style.setProperty('--sprite', `url(${uri})`);
  sheet.style.setProperty('--aspect', aspect);
  sheet.style.setProperty('--most', most);
  parentElement.append(sheet, note);

  const say = (index) => { note.textContent = index >= 0 ? notes[index] : ''; };
  const pick = (index) => setTriggerValue('picked', index);
  let perRow = 1;

  const cells = labels.map((label, index) => {
    const cell = document.createElement('div');
    const column = index % columns, row = Math.floor(index / columns);
    cell.className = 'cell';
    cell.setAttribute('role', 'gridcell');
    cell.setAttribute('aria-label', label);
    cell.setAttribute('aria-selected', index === selected);
    cell.tabIndex = index === Math.max(selected, 0) ? 0 : -1;
    cell.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    cell.style.backgroundPosition =
      `${columns > 1 ? (column / (columns - 1)) * 100 : 0}% ${rows > 1 ? (row / (rows - 1)) * 100 : 0}%`;
    cell.onmouseenter = () => say(index);
    cell.onmouseleave = () => say(selected);
    cell.onfocus = () => say(index);
    cell.onclick = () => pick(index);
    cell.onkeydown = (event) => {
      const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow };
      if (event.key === 'Enter' || event.key === ' ') { pick(index); event.preventDefault(); }
      if (!(event.key in moves)) return;
      event.preventDefault();
      const next = cells[index + moves[event.key]];
      if (!next) return;
      cell.tabIndex = -1; next.tabIndex = 0; next.focus();
    };
    return cell;
  });

  const lay = () => {
    const width = sheet.clientWidth - 6;
    if (width <= 0) return;
    const fitting = Math.floor((width + 3) / (smallest + 3));
    perRow = heads ? columns : Math.max(1, Math.min(labels.length, data.perRow || Infinity, fitting));
    const side = (width - 3 * (perRow - 1)) / perRow;
    sheet.style.setProperty('--side', `${Math.min(side, data.largest)}px`);
    const rowsOfCells = [];
    for (let start = 0; start < cells.length; start += perRow) {
      const row = document.createElement('div');
      row.className = 'row';
      row.setAttribute('role', 'row');
      row.append(...cells.slice(start, start + perRow));
      if (heads) {
        const head = document.createElement('div');
        head.className = 'head';
        head.textContent = heads[start / perRow];
        rowsOfCells.push(head);
      }
      rowsOfCells.push(row);
    }
    sheet.replaceChildren(...rowsOfCells);
  };
  const observer = new ResizeObserver(lay);
  observer.observe(parentElement.host ?? parentElement);
  lay();
  say(selected);
  return () => observer.disconnect();
}
"""

_mount = st.components.v2.component("posterlens_sprite_grid", css=CSS, js=JS)


def sprite_grid(  # noqa: PLR0913 - a component's properties, all by keyword
    uri: str,
    labels: Sequence[str],
    columns: int,
    cell: tuple[int, int],
    selected: int,
    on_pick: Callable[[int], Any],
    key: str,
    title: str = "filters",
    smallest: int = 44,
    per_row: int | None = None,
    largest: int = 220,
    most: str = "34rem",
    notes: Sequence[str] | None = None,
    heads: Sequence[str] | None = None,
) -> None:
    """Show a sprite of ``len(labels)`` cells of ``cell`` (height, width) pixels, ``columns`` a row.

    ``on_pick`` is called with the place of the cell that was chosen, before the page runs again.
    ``selected`` is outlined, -1 for none; ``smallest`` and ``largest`` bound a cell's side on the screen in
    pixels; ``per_row`` is the most cells in a row. ``notes`` are shown below the sheet for the cell that is
    pointed at, in place of its label. With ``heads``, one for each row of the sprite, rows stay as they are and
    each stands below its head.
    """

    def picked() -> None:
        place = st.session_state[key].picked
        if place is not None and 0 <= int(place) < len(labels):
            on_pick(int(place))

    _mount(
        key=key,
        data={
            "uri": uri,
            "labels": list(labels),
            "notes": list(notes or labels),
            "columns": columns,
            "aspect": f"{cell[1]} / {cell[0]}",
            "selected": selected,
            "smallest": smallest,
            "perRow": per_row,
            "largest": largest,
            "most": most,
            "title": title,
            "heads": None if heads is None else list(heads),
        },
        on_picked_change=picked,
    )
