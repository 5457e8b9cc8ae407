"""Posters beside each other, each with what belongs to it below: pictures with words, from one sprite.

    strips(sheet, [[Frame(0, "noise"), Frame(1, "logit -1.2", "✗ fools D", wrong=True)], ...], "stage", "generated")

Nothing is chosen here. New pictures take the old ones' place when they have arrived: a stage that plays does not
flicker.
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
.strips { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--smallest), 1fr)); gap: 14px 10px;
  font: 0.8rem var(--st-font, sans-serif); color: var(--st-text-color, #222); padding: 3px; }
.strip { display: flex; flex-direction: column; gap: 6px; max-width: var(--largest); min-width: 0; }
figure { margin: 0; }
.cell { width: 100%; aspect-ratio: var(--ratio); background-image: var(--sprite); image-rendering: pixelated;
  border-radius: 3px; outline: 1px solid var(--st-border-color, #8885); }
.wrong .cell { outline: 3px dashed var(--st-text-color, #222); outline-offset: -1px; }
figcaption { line-height: 1.3; padding-top: 4px; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.mark { font-weight: 600; }
"""

JS = """
export default function ({ data, parentElement }) {
  const picture = new Image();
  parentElement.wanted = data.uri;
  const show = () => { if (parentElement.wanted === data.uri) draw(data, parentElement); };
  picture.onload = picture.onerror = show;
  picture.src = data.uri;
}

function draw(data, parentElement) {
  const { uri, columns, rows, ratio, smallest, largest, title, strips } = data;
  const root = document.createElement('div');
  root.className = 'strips';
  root.setAttribute('role', 'list');
  root.setAttribute('aria-label', title);
  root.style.setProperty('--sprite', `url("${uri}")`);
  root.style.setProperty('--ratio', ratio);
  root.style.setProperty('--smallest', `${smallest}px`);
  root.style.setProperty('--largest', `${largest}px`);
  root.append(...strips.map((frames) => {
    const strip = document.createElement('div');
    strip.className = 'strip';
    strip.setAttribute('role', 'listitem');
    strip.append(...frames.map(({ cell, text, mark, wrong, alt }) => {
      const figure = document.createElement('figure'), words = document.createElement('figcaption');
      const box = document.createElement('div'), column = cell % columns, row = Math.floor(cell / columns);
      if (wrong) figure.className = 'wrong';
      box.className = 'cell';
      box.setAttribute('role', 'img');
      box.setAttribute('aria-label', alt);
      box.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
      box.style.backgroundPosition =
        `${columns > 1 ? (column / (columns - 1)) * 100 : 0}% ${rows > 1 ? (row / (rows - 1)) * 100 : 0}%`;
      for (const [content, name] of [[text, 'text'], [mark, 'mark']]) {
        if (!content) continue;
        const line = document.createElement('div');
        line.className = name;
        line.textContent = content;
        words.append(line);
      }
      figure.append(box, words);
      return figure;
    }));
    return strip;
  }));
  const old = parentElement.querySelector('.strips');
  if (old) old.replaceWith(root);
  else parentElement.append(root);
}
"""

_mount = st.components.v2.component("posterlens_strips", css=CSS, js=JS)


@dataclass(frozen=True)
class Frame:
    """A picture of the sprite, by its place there, and the words below it.

    alt : what it is, for who does not see it. mark : said in bold. wrong : whether it has a dashed frame.
    """

    cell: int
    text: str
    alt: str
    mark: str = ""
    wrong: bool = False


def strips(
    sheet: Sprite, frames: Sequence[Sequence[Frame]], key: str, title: str, smallest: int = 92, largest: int = 150
) -> None:
    """Show each row of ``frames`` as one column of pictures, from ``smallest`` to ``largest`` pixels wide."""
    from xai.render import png

    height, width = sheet.cell
    _mount(
        key=key,
        data={
            "uri": media.address(png(sheet.pixels), "image/png", key),
            "columns": sheet.columns,
            "rows": -(-sheet.count // sheet.columns),
            "ratio": f"{width} / {height}",
            "smallest": smallest,
            "largest": largest,
            "title": title,
            "strips": [[asdict(frame) for frame in row] for row in frames],
        },
    )
