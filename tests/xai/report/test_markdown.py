from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai.report.markdown import rendered

TAGS = {"h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "blockquote", "hr", "pre", "code", "strong", "em", "br"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A\nb", "<h3>A</h3>\n<p>b</p>"),
        ("## A ##", "<h4>A</h4>"),
        ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>"),
        ("- a\n* b", "<ul><li>a</li><li>b</li></ul>"),
        ("1. a\n2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("> a\n> b", "<blockquote>a\nb</blockquote>"),
        ("**a** *b* `*c*`", "<p><strong>a</strong> <em>b</em> <code>*c*</code></p>"),
        ("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"),
        ("a\n---\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("```\n# <a>\n\n b\n```\nc", "<pre><code># &lt;a&gt;\n\n b</code></pre>\n<p>c</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("[a](http://x) ![b](http://y)", "<p>[a](http://x) ![b](http://y)</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("", ""),
    ],
)
def test_the_marks_that_it_knows_and_no_others(text: str, html: str) -> None:
    assert str(rendered(text)) == html


class Parsed(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


@given(st.text(alphabet="ab <>&\"'`*#->1.\n[]()!/=", max_size=200))
def test_whatever_is_typed_only_known_tags_without_attributes_come_out(text: str) -> None:
    for tag, attributes in Parsed(str(rendered(text))).tags:
        assert tag in TAGS
        assert not attributes


@given(st.text(alphabet="abc \n", max_size=100))
def test_plain_words_come_through_in_their_order(text: str) -> None:
    assert re.sub(r"<[^>]*>", " ", str(rendered(text))).split() == text.split()
