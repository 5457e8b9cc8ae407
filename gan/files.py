"""Writing that is complete or absent, whatever happens in between; where files are cached, and their names."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def write_file(path: Path, content: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write to a temporary file beside ``path``, sync it, and rename it into place.

    A crash at any moment leaves either the old file or the new one. OSError (disk full, no permission)
    passes through with the old file intact and the temporary one removed.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


@contextmanager
def write_directory(path: Path) -> Iterator[Path]:
    """Fill a temporary folder; it takes the place of ``path`` only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    old = path.with_name(f".{path.name}.old")
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                file.chmod(0o644)  # safetensors writes 0600
                _sync(file)
        temporary.chmod(0o755)
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_directory(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_directory(path: Path) -> None:
    if os.name == "posix":  # Windows cannot open a folder
        _sync(path)


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON, complete or not at all."""
    write_file(path, json_bytes(record))


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """A record as the content of a JSON file."""
    return (json.dumps(record, indent=2) + "\n").encode()


def cache_directory(cache: str | Path | None = None) -> Path:
    """Where decoded data sets and computed tables are stored: ``cache``, POSTERLENS_CACHE or ~/.cache/posterlens."""
    return Path(cache or os.environ.get("POSTERLENS_CACHE") or Path.home() / ".cache/posterlens")


def name_bytes(name: str) -> bytes:
    """UTF-8 of a file name; one that is not UTF-8 on disk has lone surrogates."""
    return name.encode("utf-8", "surrogatepass")
