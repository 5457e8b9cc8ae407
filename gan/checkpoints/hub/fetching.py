"""A checkpoint of the Hugging Face Hub, fetched once and kept in the cache.

    load("hf:owner/name")                       # a Checkpoint; every other path is one of this disk
    fetch(Address.parse("hf:owner/name@v1"))    # its folder, with the studies that were shared beside it

Nothing but what a person typed leads here: the dashboard loads by ``gan.checkpoints.folder``, which knows folders only.
Of a repository only files are taken that a checkpoint has by its own names: weights, JSON, and tables of numbers. They
are checked as those of a folder are; what a repository holds beside them, code too, is not even asked for.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan.checkpoints import folder
from gan.checkpoints.hub.address import COMMIT, Address, as_text, is_address
from gan.checkpoints.hub.library import Hub, connect, sentences
from gan.checkpoints.listing import OWN, RECORD
from gan.checkpoints.record import Checkpoint
from gan.checkpoints.untrusted import LARGEST
from gan.errors import CheckpointError
from gan.files import WriteError, cache_directory, settled, write_directory

LIMITS = {".safetensors": LARGEST, ".npz": 2**28, ".json": 2**26}  # bytes of one file, by the end of its name
SHARED = tuple(name for name in OWN if name.endswith(tuple(LIMITS)))  # what is fetched, and what is pushed
WEIGHTS = tuple(f"{name}.safetensors" for name in folder.NETWORKS)
UNPACKED = 2**31  # bytes that a table may unpack to
SECONDS = 30.0  # for the list of files
STAGE = ".fetched"


def load(path: str | Path) -> Checkpoint:
    """Load a checkpoint folder, or weights that another program wrote: a file, two that belong together, their folder.

    A name without a folder is looked for here, then among the checkpoints that come with PosterLens.
    ``hf:OWNER/NAME``, or ``hf:OWNER/NAME@REVISION``, is fetched from the Hugging Face Hub (extra ``hub``), and read
    from the cache afterwards; without a revision, and of a branch, the Hub is asked for the newest state each time.

    Raises
    ------
    CheckpointError
        With one sentence that says whether the file is missing, damaged, holds code, or is of another
        architecture; in the last case it names the keys or shapes. Or why nothing could be fetched.
    """
    return folder.load(fetch(Address.parse(as_text(path))) if is_address(path) else path)


def fetch(address: Address) -> Path:
    """The folder of a checkpoint of the Hub, in the cache; a commit that is there already asks nobody.

    Raises
    ------
    CheckpointError
        If it cannot be fetched, or is not a checkpoint. Nothing is then left in the cache.
    """
    if address.commit and _is_there(_place(address, address.commit)):
        return _place(address, address.commit)
    hub = connect()
    info = _ask(hub, address)
    place = _place(address, info.sha)
    if not _is_there(place):
        _download(hub, address, info.sha, _wanted(info, address), place)
    return place


def _ask(hub: Hub, address: Address) -> Any:
    """The library's ModelInfo: the commit, and its files with their sizes."""
    with sentences(hub, address.repository, address.revision):
        try:
            info = hub.api.model_info(
                address.repository, revision=address.revision, files_metadata=True, timeout=SECONDS
            )
            if COMMIT.fullmatch(info.sha):
                return info
        except hub.errors.HfHubHTTPError:  # some are ValueErrors
            raise
        except (ValueError, KeyError, TypeError):  # no JSON, or another one
            pass
    raise CheckpointError(f"{hub.host} does not answer as a Hub does.")


def _place(address: Address, commit: str) -> Path:
    """The last folder's name is the checkpoint's."""
    return cache_directory() / "hub" / address.owner / commit / address.name


def _is_there(place: Path) -> bool:
    return (settled(place) / RECORD).is_file()  # a folder is written whole


def _wanted(info: Any, address: Address) -> dict[str, int]:
    """The files to fetch and their sizes in bytes; CheckpointError where they are no checkpoint, or too large."""
    sizes = {file.rfilename: file.size for file in info.siblings or () if file.rfilename in SHARED}
    if RECORD not in sizes or not set(WEIGHTS) & sizes.keys():
        raise CheckpointError(
            f"{address.repository} is not a checkpoint of PosterLens: it lacks "
            f"{RECORD if RECORD not in sizes else ' and '.join(WEIGHTS)}."
        )
    for name, size in sizes.items():
        limit = LIMITS[Path(name).suffix]
        if not isinstance(size, int) or not 0 <= size <= limit:
            raise CheckpointError(f"{name} of {address.repository} has {size} bytes; at most {limit:,} are fetched.")
    return sizes


def _download(hub: Hub, address: Address, commit: str, wanted: Mapping[str, int], place: Path) -> None:
    """All files, or nothing."""
    try:
        with write_directory(place) as new, sentences(hub, address.repository, address.revision):
            for name, size in wanted.items():
                fetched = hub.module.hf_hub_download(
                    address.repository, name, revision=commit, local_dir=new / STAGE, endpoint=hub.api.endpoint
                )
                shutil.move(fetched, new / name)
                _check(new / name, size, address)
            shutil.rmtree(new / STAGE)  # the library keeps its own records beside the files
    except WriteError as error:
        raise CheckpointError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _check(file: Path, size: int, address: Address) -> None:
    """CheckpointError unless the file is as the list of files says, and a table unpacks to no more than it may."""
    found = file.stat().st_size
    if found != size:
        raise CheckpointError(f"{file.name} of {address.repository} has {found} bytes in place of {size}.")
    if file.suffix != ".npz":
        return
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # a hostile file makes zipfile raise anything
        raise CheckpointError(f"{file.name} of {address.repository} is not a table of numbers.") from error
    if unpacked > UNPACKED:
        raise CheckpointError(f"{file.name} of {address.repository} unpacks to more than {UNPACKED >> 30} GB.")
