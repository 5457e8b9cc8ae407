"""The head of a lesson's file as tables that say on which line something is wrong.

head = Table(tomllib.loads(text), Lines("07-mine.md", text))
head.take("minutes", int)       # LessonError: 07-mine.md, line 3: minutes is a whole number, not 'five'.
head.end()                      # ... line 4: there is no "minute" here; known are about, minutes, steps, title.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from gan.errors import PosterLensError, printable

T = TypeVar("T")
REQUIRED: Any = object()
WORDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


class LessonError(PosterLensError):
    """A lesson that cannot be read or an answer that cannot be computed; of a file, with its line and the reason."""


@dataclass(frozen=True)
class Lines:
    """Lines ``first`` to ``last`` of a file, numbered from 1."""

    file: str
    lines: tuple[str, ...]
    first: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1

    def part(self, first: int, last: int) -> Lines:
        return Lines(self.file, self.lines[first - self.first : last - self.first + 1], first)

    def find(self, pattern: str) -> list[int]:
        """The lines that begin like this."""
        return [self.first + place for place, line in enumerate(self.lines) if re.match(pattern, line)]

    def wrong(self, reason: str, line: int | None = None) -> NoReturn:
        raise LessonError(f"{printable(self.file)}, line {line or self.first}: {reason}")


@dataclass
class Table:
    """A table of the head: what it holds is taken out by name, and at its end nothing may be left."""

    values: dict[str, Any]
    lines: Lines
    known: list[str] = field(default_factory=list)

    def take(self, name: str, kind: type[T], default: Any = REQUIRED) -> T:
        """The value of this name; a whole number is a number, too."""
        self.known.append(name)
        if name not in self.values:
            if default is REQUIRED:
                self.lines.wrong(f"{name} is missing.")
            return default  # type: ignore[no-any-return]  # of the kind that is asked for, as each caller gives it
        value = self.values[name]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            self.wrong(name, f"{name} is {WORDS[kind]}, not {printable(repr(value), 60)}.")
        return value

    def has(self, name: str) -> bool:
        return name in self.values

    def words(self, name: str, default: Any = REQUIRED) -> tuple[str, ...]:
        """A list of texts."""
        found = self.take(name, list, default)
        if not all(isinstance(word, str) for word in found):
            self.wrong(name, f"{name} is a list of texts in quotes.")
        return tuple(found)

    def parameters(self, name: str) -> dict[str, tuple[str, ...]]:
        """A table of texts, numbers, true and false, and lists of them, as an address writes them."""
        return {key: self._written(name, key, value) for key, value in self.take(name, dict, {}).items()}

    def _written(self, name: str, key: str, value: Any) -> tuple[str, ...]:
        values = value if isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, str | int | float):
                self.wrong(name, f"{key} in {name} is a text, a number, true, false, or a list of them.")
        return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)

    def end(self) -> None:
        for name in self.values:
            if name not in self.known:
                self.wrong(
                    name, f'there is no "{printable(name, 60)}" here; known are {", ".join(sorted(self.known))}.'
                )

    def wrong(self, name: str, reason: str) -> NoReturn:
        """Something is wrong with the value of this name, which stands on a line of its own."""
        found = self.lines.find(rf"\s*\[?\[?(?:[\w.]*\.)?{re.escape(name)}\b")
        self.lines.wrong(reason, found[0] if found else None)
