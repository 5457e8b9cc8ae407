"""Where a checkpoint is on the Hugging Face Hub.

Address.parse("hf:owner/name")                  # its newest state
Address.parse("hf:owner/name@v1")               # a branch, a tag or a commit
is_address("checkpoints/dcgan-64")              # False
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gan.checkpoints.untrusted import printable
from gan.errors import CheckpointError

SCHEME = "hf:"
COMMIT = re.compile("[0-9a-f]{40}")
# As the Hub takes them. Owner, name and commit become names of folders.
_NAME = r"[A-Za-z0-9](?:[\w.-]{0,94}\w)?"
_WHOLE = re.compile(rf"hf:(?P<owner>{_NAME})/(?P<name>{_NAME})(?:@(?P<revision>\w[\w./-]{{0,99}}))?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """revision : branch, tag or commit; None for the main branch."""

    owner: str
    name: str
    revision: str | None = None

    @property
    def repository(self) -> str:
        """As the Hub names it: "owner/name"."""
        return f"{self.owner}/{self.name}"

    @property
    def commit(self) -> str | None:
        """The commit that ``revision`` is, or None where it is a name, which another commit may have tomorrow."""
        return self.revision if self.revision and COMMIT.fullmatch(self.revision) else None

    @classmethod
    def parse(cls, text: str) -> Address:
        """CheckpointError where the text is no address."""
        match = _WHOLE.fullmatch(text)
        if match is None or "--" in text or ".." in text:
            raise CheckpointError(
                f"{printable(text)!r} is no address of the Hub, which is hf:OWNER/NAME or hf:OWNER/NAME@REVISION."
            )
        return cls(**match.groupdict())


def is_address(path: str | Path) -> bool:
    """Whether this names a checkpoint of the Hub, or is meant to; a folder is never one."""
    return as_text(path).startswith(SCHEME)


def as_text(path: str | Path) -> str:
    """What was typed; a script makes a path of it."""
    return path.as_posix() if isinstance(path, Path) else path
