r"""Notes that a person typed, as HTML that can do no harm: a small part of Markdown, everything else as it stands.

    rendered("Filter **12** looks for *skies*.\n\n- seen on 9 posters")

Headings (below those of the page), paragraphs, lists, quotes, rules, code, bold and italic. There are no links and no
pictures: an address is shown as text, so that a report fetches nothing. All text is escaped before a mark is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

HIGHEST = 3  # heading of the notes: the page has 1 and 2
_BLOCKS = (
    ("heading", re.compile(r"#{1,6} +\S.*")),
    ("rule", re.compile(r"-{3,}|\*{3,}|_{3,}")),
    ("ul", re.compile(r"[-*+]\s+(.*)")),
    ("ol", re.compile(r"\d{1,9}[.)]\s+(.*)")),
    ("blockquote", re.compile(r">\s?(.*)")),
)
_FENCE = re.compile(r"```.*")
_CODE = re.compile("`([^`\n]+)`")
_EMPHASIS = (  # the inner one first
    (re.compile(r"(?<!\*)\*(?=[^*\s])([^*\n]*[^*\s])\*(?!\*)"), "em"),
    (re.compile(r"\*\*(?=[^*\s])([^*\n]*[^*\s])\*\*"), "strong"),
)
_BREAKS = re.compile(r" {2,}\n|\\\n")


def rendered(text: str) -> Markup:
    """HTML of a note."""
    return Markup("\n").join(_block(kind, lines) for kind, lines in _grouped(text))


def _grouped(text: str) -> Iterator[tuple[str, list[str]]]:
    """Lines that belong together, by what they are."""
    kind, fenced = "", False
    lines: list[str] = []
    for line in text.expandtabs(4).splitlines():
        if _FENCE.fullmatch(line.strip()):
            if lines or fenced:
                yield kind, lines
            kind, lines, fenced = "code", [], not fenced
            continue
        found, content = ("code", line) if fenced else _kind(line.strip())
        ends = found in ("heading", "rule", "") or found != kind
        if ends and lines and not fenced:
            yield kind, lines
            lines = []
        kind = found
        if found:
            lines.append(content)
    if lines:
        yield kind, lines


def _kind(line: str) -> tuple[str, str]:
    for kind, pattern in _BLOCKS:
        found = pattern.fullmatch(line)
        if found:
            return kind, line if kind in ("heading", "rule") else found[1]
    return ("p" if line else ""), line


def _block(kind: str, lines: list[str]) -> Markup:
    if kind == "heading":
        marks, _, words = lines[0].partition(" ")
        return _tag(f"h{min(HIGHEST + len(marks) - 1, 6)}", _inline(words.rstrip(" #").lstrip()))
    if kind == "rule":
        return Markup("<hr>")
    if kind == "code":
        return _tag("pre", _tag("code", escape("\n".join(lines))))
    if kind in ("ul", "ol"):
        return _tag(kind, Markup("").join(_tag("li", _inline(line)) for line in lines))
    return _tag(kind, _inline("\n".join(lines)))


def _inline(text: str) -> Markup:
    """Code as it stands; bold and italic in what is between."""
    parts, end = [], 0
    for found in _CODE.finditer(text):
        parts += [_emphasised(text[end : found.start()]), _tag("code", escape(found[1]))]
        end = found.end()
    return Markup("").join([*parts, _emphasised(text[end:])])


def _emphasised(text: str) -> Markup:
    escaped = str(escape(text))
    for pattern, tag in _EMPHASIS:
        escaped = pattern.sub(rf"<{tag}>\1</{tag}>", escaped)
    return Markup(_BREAKS.sub("<br>\n", escaped))  # noqa: S704 - escaped above; the tags are ours


def _tag(name: str, content: Markup) -> Markup:
    return Markup(f"<{name}>{{}}</{name}>").format(content)  # noqa: S704 - the names of tags are ours
