"""Lists of genres as people write them.

    read_genres(["Horror, Drama", "Sci-Fi & Fantasy", "['horror']"])    # [("Horror", "Drama"), ..., ("Horror",)]
    split_genres('[{"id": 27, "name": "Horror"}]')                      # ("Horror",), as TMDb writes it

A column has one strongest separator, of "|", ";" and ","; a weaker one parts a text only where all its parts are genres
by themselves: "Crime, Mystery & Thriller|Drama" are two, and "Sci-Fi/Fantasy" is one unless "Fantasy" stands alone.
"""

from __future__ import annotations

import ast
import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

Genres = tuple[str, ...]

NO_GENRE = frozenset(
    {"", "n/a", "na", "nan", "none", "null", "nil", "-", "--", "?", "\\n", "undefined", "(no genres listed)", "[]"}
)
STRONG = ("|", "\n", ";", "\t", ",")  # by how surely they separate; "/" is weaker still
USUAL = frozenset(  # genres of films, which a slash or a weaker comma may separate
    {"action", "adult", "adventure", "animation", "anime", "biography", "children", "children's", "comedy", "crime"}
    | {
        "documentary",
        "drama",
        "family",
        "fantasy",
        "film noir",
        "film-noir",
        "game show",
        "game-show",
        "history",
        "horror",
    }
    | {
        "kids",
        "music",
        "musical",
        "mystery",
        "news",
        "noir",
        "reality",
        "reality-tv",
        "romance",
        "sci-fi",
        "short",
        "sport",
    }
    | {"science fiction", "science-fiction", "sports", "superhero", "suspense", "talk show", "talk-show", "thriller"}
    | {"tv movie", "war", "western"}
)
JOINT = frozenset(
    {
        "sci-fi/fantasy",
        "science fiction/fantasy",
        "action/adventure",
        "kids/family",
        "children/family",
        "mystery/suspense",
        "mystery/thriller",
        "suspense/thriller",
    }
)
MAX_LITERAL = 100_000  # characters that are read as JSON or as a Python list
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.|(?<=\w)\'(?=\w))*\'')


def read_genres(cells: Sequence[str]) -> list[Genres]:
    """The genres of each cell of a column, each once, in order; () for none. All in one spelling of each."""
    lists = [_literal(cell) for cell in map(_clean, cells)]
    texts = [_clean(cell) if names is None else "" for cell, names in zip(cells, lists, strict=True)]
    strong = next((mark for mark in STRONG if any(mark in text for text in texts)), None)
    parted = [_split(text, strong) for text in texts]
    known = _known(parted, chain.from_iterable(names for names in lists if names))
    parted = [[name for part in parts for name in _by_weaker(part, strong, known)] for parts in parted]
    return same_spelling([_tidy(parts if names is None else names) for parts, names in zip(parted, lists, strict=True)])


def split_genres(text: str) -> Genres:
    """The genres of one text, each once, in order."""
    return read_genres([text])[0]


def same_spelling(lists: Sequence[Genres]) -> list[Genres]:
    """The same genres, of which "horror", "HORROR" and "Horror" are one: spelled as most often, else as a name."""
    counts = Counter(chain.from_iterable(lists))
    best: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name.islower() or name.isupper(), name)):
        best.setdefault(name.casefold(), name)
    return [tuple(dict.fromkeys(best[name.casefold()] for name in names)) for names in lists]


def _clean(text: str) -> str:
    text = re.sub("[\udc80-\udcff]", lambda byte: bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace"), text)
    text = text.encode("utf-8", "replace").decode()  # a genre is printed and sent; half a character cannot be
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return html.unescape(text) if re.search(r"&#?\w+;", text) else text


def _tidy(names: Iterable[str]) -> Genres:
    """Names without quotes, brackets and doubled spaces, each once."""
    tidied = (" ".join(name.strip(" \t\n\u00a0\u200b\ufeff\"'").split()) for name in names)
    return tuple(dict.fromkeys(name for name in tidied if name.casefold() not in NO_GENRE))


def _literal(text: str) -> list[str] | None:
    """The names in a JSON or Python list, or in what numpy prints of one; None where the text is no list."""
    if text.casefold() in NO_GENRE:
        return []
    if len(text) > MAX_LITERAL or not re.match(r"[\[({]", text):
        return None
    objects = re.search(r"\{\s*['\"]\w+['\"]\s*:", text)
    for read in (json.loads, lambda each: json.loads(f"[{each}]"), ast.literal_eval):
        if read is ast.literal_eval and not objects:  # it would join what numpy prints: ['Horror' 'Drama']
            continue
        try:
            return _names(read(text))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    if objects:  # cut off in the middle: what can still be read
        return [_unquoted(match[1]) for match in re.finditer(rf"['\"]name['\"]\s*:\s*({_TOKEN.pattern})", text)]
    if quoted := [_unquoted(match[0]) for match in _TOKEN.finditer(text)]:
        return quoted
    return re.split(r"[|;,\n]", text[1:-1]) if re.search(r"[\])}]$", text) else None


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _names(value: Any) -> list[str]:
    """Names in what was read: texts, or objects with a name."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        name = next((value[key] for key in ("name", "Name", "genre", "title") if key in value), None)
        if name is None:
            raise ValueError("an object without a name")
        return _names(name)
    if isinstance(value, (list, tuple, set)):
        return [name for each in value for name in _names(each)]
    if value is None:
        return []
    raise ValueError("neither text nor a list")


def _split(text: str, mark: str | None) -> list[str]:
    text = text.strip("[]")  # half of a list
    return text.split(mark) if mark else [text]


def _known(parted: Sequence[Sequence[str]], named: Iterable[str]) -> set[str]:
    """What this column shows to be a genre by itself: it stands alone, or is joined to different others."""
    alone = {part.strip().casefold() for parts in parted for part in parts if not re.search(r"[|\n;\t,/]", part)}
    joined: dict[str, set[str]] = {}
    for text in {part.strip().casefold() for parts in parted for part in parts if "/" in part}:
        for part in text.split("/"):
            joined.setdefault(part.strip(), set()).add(text)
    return alone | {name.casefold() for name in named} | {part for part, texts in joined.items() if len(texts) > 1}


def _by_weaker(part: str, strong: str | None, known: set[str]) -> list[str]:
    """The parts by a weaker separator, where all of them are genres by themselves; else the text as it is."""
    for mark in (*(STRONG[STRONG.index(strong) + 1 :] if strong else ()), "/"):
        parts = part.split(mark)
        if len(parts) == 1:
            continue
        usual = USUAL if mark != "/" or (strong is None and part.strip().casefold() not in JOINT) else frozenset()
        if (mark == "/" and " / " in part) or all(each.strip().casefold() in known | usual for each in parts):
            return [each for whole in parts for each in _by_weaker(whole, strong, known)]
    return [part]
