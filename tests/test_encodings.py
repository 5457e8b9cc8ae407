"""Text is read and written as UTF-8, whatever the system's own encoding: on Windows it is another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gan", "xai", "dashboard", "scripts")


def without_encoding(source: str) -> Iterator[int]:
    """Lines in which text is read or written in the system's encoding."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and not any(keyword.arg == "encoding" for keyword in node.keywords):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            modes = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            as_text = any(mode and set(mode) <= set("rwaxt+") for mode in modes)
            if (
                (name == "read_text" and not node.args)
                or (name == "write_text" and len(node.args) == 1)
                or (name == "open" and as_text)
            ):
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_all_text_is_utf8(package: str) -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / package).rglob("*.py")
        if (lines := list(without_encoding(path.read_text(encoding="utf-8"))))
    }
    assert not found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("path.read_text()", [1]),
        ('path.read_text("utf-8")', []),
        ('path.read_text(encoding="utf-8")', []),
        ("\npath.write_text(words)", [2]),
        ('path.write_text(words, "utf-8")', []),
        ('path.open("a")', [1]),
        ('open(path, "w")', [1]),
        ('path.open("rb")', []),
        ('path.open("a", encoding="utf-8")', []),
        ('archive.open("folder/name")', []),
    ],
)
def test_what_is_found(source: str, expected: list[int]) -> None:
    assert list(without_encoding(source)) == expected
