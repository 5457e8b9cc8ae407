r"""Text that is not ours, made to show as it stands: names of files, genres and checkpoints, logs, links, errors.

    st.caption(f"Nearest to {plain(poster)}")          # Markdown: M\*A\*S\*H
    figure.add_scatter(name=plain_label(run))          # Plotly: &lt;b&gt;

Streamlit reads nearly all that it shows as Markdown, where a name such as ``![x](http://somewhere/p.png)`` makes the
browser of whoever looks at it fetch that address; Plotly reads a little HTML. What goes to tables, options of select
boxes and components of our own is shown as it is.
"""

from __future__ import annotations

import re
import string

JOINER = "\u2060"  # without width; a line does not break at it
# Streamlit looks for these after Markdown's backslashes are gone, so that only what stands between their characters
# keeps them apart: `:red[`, `:material/`, `:smile:` and `http://`, an address with www. or @, and arrows.
_SPLIT = re.compile(r"(?<=:)(?=[\w/+-])|(?<=www)(?=\.)|(?=@)|(?<=[<>~=-])(?=[<>~=-])", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKED = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})


def plain(text: object) -> str:
    """Markdown that shows ``text`` as it stands, on one line, whatever is in it."""
    return _SPLIT.sub(JOINER, _one_line(text)).translate(_MARKED)


def plain_label(text: object) -> str:
    """The same for the names, titles and hover texts of a Plotly chart."""
    return _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: object) -> str:
    """Without line ends; control characters, and what turns the direction of writing, show as a replacement sign."""
    return _CONTROL.sub("\ufffd", " ".join(str(text).split()))
