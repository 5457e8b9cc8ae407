"""Share a checkpoint on the Hugging Face Hub: its weights, its studies, and a model card.

    push(Path("checkpoints/dcgan-64"), "owner/name")        # the address of the new commit
    gan.load("hf:owner/name")                               # what everybody types then

Posters belong to their owners, and a run's state holds more than the networks: a folder with either is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan.checkpoints.folder import CARD, load
from gan.checkpoints.hub.address import Address
from gan.checkpoints.hub.fetching import LIMITS, SHARED
from gan.checkpoints.hub.library import LOG_IN, Hub, connect, sentences
from gan.checkpoints.listing import OWN, PICKLES, RECORD
from gan.checkpoints.record import Checkpoint
from gan.errors import CheckpointError
from gan.files import RUN_LOCK, members_of, settled

LICENSE = "mit"
TAGS = ["gan", "dcgan", "image-generation", "movie-posters", "explainable-ai"]
OF_A_RUN = ("options.json", "log.txt", "tensorboard", RUN_LOCK)  # beside the pickle of its state
STATES = ("best", "latest")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
PLAIN_CARD = "# {name}\n\nA DCGAN that generates {height} x {width} movie posters (height x width).\n"
USE = """
## Use

```python
import gan

checkpoint = gan.load("hf:{repository}")
```
"""


def push(directory: Path, repository: str, license: str | None = None, private: bool = False, message: str = "") -> str:
    """Write a checkpoint's files and its card to ``repository`` in one commit; the address of the commit.

    license : as the Hub names licences; None for what the card says, or else "mit".
    private : whether a repository that is made now is private.
    message : of the commit.

    Raises
    ------
    CheckpointError
        If the folder is not a checkpoint, holds pictures that may be real posters, or a run's state; if there is no
        token, or the Hub refuses. Nothing is then changed there, but that an empty repository may have been made.
    """
    address = Address.parse(f"hf:{repository}")
    folder = settled(directory)
    ensure_publishable(directory)
    checkpoint = load(directory)  # nothing is shared that cannot be loaded
    hub = connect()
    if hub.module.get_token() is None:
        raise CheckpointError(f"There is no token for {hub.host}; {LOG_IN}.")
    card = card_of(hub, folder / CARD, checkpoint, address, license)
    add = hub.module.CommitOperationAdd
    files = [add(name, str(folder / name)) for name in SHARED if (folder / name).is_file()]
    files.append(add(CARD, card.encode()))
    with sentences(hub, address.repository):
        hub.api.create_repo(address.repository, private=private, exist_ok=True)
        done = hub.api.create_commit(address.repository, files, commit_message=message or f"Add {checkpoint.name}")
    return str(done.commit_url)


def ensure_publishable(directory: Path) -> None:
    """CheckpointError unless this is the folder of a checkpoint, without real posters and without a run's state."""
    folder = settled(directory)
    if _is_run(folder) or (directory.name in STATES and _is_run(directory.absolute().parent)):
        raise CheckpointError(
            f"{directory} is a run, or a state of one; posterlens export makes a checkpoint of it, to be shared."
        )
    if not (folder / RECORD).is_file():
        raise CheckpointError(f"{directory} is not a folder that PosterLens wrote: it holds no {RECORD}.")
    for name, reason in _private(folder):
        raise CheckpointError(f"{directory} holds {name}, which {reason}; take it out of the folder.")
    for name in SHARED:
        if (folder / name).is_file() and (folder / name).stat().st_size > LIMITS[Path(name).suffix]:
            raise CheckpointError(f"{directory / name} is larger than what gan.load would fetch.")


def _is_run(folder: Path) -> bool:
    return {"model", "train"} <= members_of(folder / "options.json")


def _private(folder: Path) -> Iterator[tuple[str, str]]:
    """What is not to be shared, with the reason. Grids are drawn by the generator, and so are its first posters."""
    for path in sorted(folder.rglob("*")):
        name, lower = path.relative_to(folder).as_posix(), path.name.lower()
        if name.partition("/")[0] in OWN:
            continue
        if lower.endswith(PICTURES):
            yield name, "may be a real poster"
        elif lower.endswith(ARCHIVES):
            yield name, "may hold real posters"
        elif lower.endswith(PICKLES) or path.name in OF_A_RUN:
            yield name, "is of a run"


def card_of(hub: Hub, page: Path, checkpoint: Checkpoint, address: Address, license: str | None = None) -> str:
    """The checkpoint's README.md as a model card of the Hub: its front matter, and how to load it.

    Front matter that is there stays, but for what is given.
    """
    height, width = checkpoint.config.size
    plain = PLAIN_CARD.format(name=address.name, height=height, width=width)
    text = page.read_text(encoding="utf-8") if page.is_file() else plain
    card: Any = hub.module.ModelCard(text, ignore_metadata_errors=True)
    known = card.data.to_dict()
    default = {"license": LICENSE, "library_name": "posterlens", "pipeline_tag": "unconditional-image-generation"}
    given = {"license": license} if license else {}
    tags = list(dict.fromkeys([*(known.get("tags") or ()), *TAGS]))
    data = hub.module.ModelCardData(**default | known | given | {"tags": tags})
    use = USE.format(repository=address.repository)
    body = card.text.strip() + "\n" + ("" if use.strip() in card.text else use)
    return f"---\n{data.to_yaml()}\n---\n\n{body}"
