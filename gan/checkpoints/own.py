"""Networks of your own as a checkpoint: made in a notebook, or by a Python file of about ten lines.

    checkpoint = adapt(netG, netD, size=64, latent=100)
    checkpoint = adapt(discriminator=resnet, classes=["Horror", "Comedy"], size=(96, 64), normalisation=IMAGENET)
    checkpoint = load_own(Path("my_network.py"))     # what its function networks() returns

The file is code: it is run as it stands, so it is named on the command line, never by a link or a page.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from gan.checkpoints.record import Checkpoint
from gan.errors import CheckpointError, PosterLensError, SettingError, printable
from gan.networks.own import OURS, Normalisation, OwnConfig, OwnDiscriminator, OwnGenerator

FUNCTION = "networks"  # of the file, which returns a checkpoint
PACKAGES = ("gan", "xai", "dashboard")  # packages that stay as they are, wherever the file lies
_imported: set[str] = set()  # modules beside the files that were run


def adapt(
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    *,
    size: int | tuple[int, int] = 64,
    latent: int = 100,
    normalisation: Normalisation = OURS,
    classes: Sequence[str] = (),
) -> Checkpoint:
    """A checkpoint of networks of any class, on copies of them.

    Parameters
    ----------
    generator : takes noise (N, latent) or (N, latent, 1, 1), gives pictures (N, 3, H, W).
    discriminator : takes pictures, gives one number for each, more for "real"; a Sigmoid at its end is left out, for
        the logit is explained. Or a classifier, which gives one number a class: of classes that exclude each other, or
        with a Sigmoid at its end of such that do not.
    size : (height, width) of the pictures in pixels, or one number for squares.
    latent : number of latent dimensions.
    normalisation : (mean, standard deviation) as torchvision's ``Normalize`` has them, of pictures in 0 to 1: what the
        discriminator takes and the generator gives. (0.5, 0.5) is [-1, 1].
    classes : names of the outputs, in their order, of a classifier.

    Raises
    ------
    CheckpointError
        With one sentence, if a network does not take or give what it should.
    SettingError
        If a number is out of range.
    """
    if generator is None and discriminator is None:
        raise CheckpointError("There is neither a generator nor a discriminator.")
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, nn.Module | None):
            raise CheckpointError(f"The {name} is a {type(network).__name__}, not a network.")
    if not isinstance(size, int) and not (isinstance(size, tuple | list) and len(size) == 2):
        raise SettingError(f"size must be a number of pixels or (height, width), not {size!r}")
    height, width = (size, size) if isinstance(size, int) else size
    config = OwnConfig(resolution=width, height=height, latent=latent, classes=tuple(classes))
    digest = hashlib.sha256(repr((config, normalisation)).encode())
    for network in (generator, discriminator):
        digest.update(repr(network).encode())
        for name, tensor in ({} if network is None else network.state_dict()).items():
            digest.update(name.encode() + tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return Checkpoint(
        None if generator is None else OwnGenerator(generator, config, normalisation),
        None if discriminator is None else OwnDiscriminator(discriminator, config, normalisation),
        config,
        {},
        "your networks",
        digest.hexdigest(),
    )


def of_class(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The same networks, of whose classifier the logit of one class is explained.

    Raises
    ------
    CheckpointError
        If there is no such class.
    """
    network = checkpoint.need_discriminator()
    if not isinstance(network, OwnDiscriminator):
        raise CheckpointError(f"{checkpoint.name} has no classes.")
    digest = hashlib.sha256(f"{checkpoint.digest} {name}".encode()).hexdigest()
    return replace(checkpoint, discriminator=network.with_class(name), digest=digest)


def load_own(path: Path) -> Checkpoint:
    """What the function ``networks()`` of a Python file returns; the file can import what lies beside it.

    What it imports from there is read anew in each call.

    Raises
    ------
    CheckpointError
        With one sentence, if the file cannot be read or run, or returns no checkpoint.
    """
    name = printable(path.name)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    folder = path.resolve().parent
    _forget()
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        make = getattr(_run(path), FUNCTION, None)
        if not callable(make):
            raise CheckpointError(f"there is no function {FUNCTION}() in it.")
        checkpoint = make()
    except PosterLensError as error:
        raise CheckpointError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:  # the file may do anything
        raise CheckpointError(f"{name}{_line(error, path)}: {_reason(error)}.") from error
    finally:
        sys.path.remove(str(folder))
        _imported.update(name for name in set(sys.modules) - before if _lies_in(folder, name.partition(".")[0]))
    if not isinstance(checkpoint, Checkpoint):
        kind = type(checkpoint).__name__
        raise CheckpointError(f"{name}: {FUNCTION}() returns a {kind}, not what gan.adapt(...) gives.")
    digest = hashlib.sha256(source + checkpoint.digest.encode()).hexdigest()
    return replace(checkpoint, name=path.name, digest=digest)


def _forget() -> None:
    """Have modules beside own files imported anew: one may have changed, and two folders may each have a model.py."""
    for name in _imported:
        sys.modules.pop(name, None)
    _imported.clear()
    importlib.invalidate_caches()


def _lies_in(folder: Path, name: str) -> bool:
    """Whether a module, or a package, was imported from this very folder, and is not ours."""
    module = sys.modules.get(name)
    places = (getattr(module, "__file__", None), *getattr(module, "__path__", ()))
    return name not in PACKAGES and any(Path(one).resolve().parent == folder for one in places if one)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CheckpointError("it is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _line(error: BaseException, path: Path) -> str:
    """Where in the file the error arose, as ", line 7"; "" where nothing of it was run."""
    if isinstance(error, SyntaxError) and error.lineno and error.filename and _is(error.filename, path):
        return f", line {error.lineno}"
    lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if _is(one.filename, path)]
    return f", line {lines[-1]}" if lines else ""


def _is(filename: str, path: Path) -> bool:
    return Path(filename).resolve() == path.resolve()


def _reason(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    words = printable(" ".join(text.split())).rstrip(".")
    return f"{type(error).__name__}{': ' if words else ''}{words}"
