"""Checkpoints as other programs, broken disks and hostile people leave them.

Each case is a folder with files of weights or with a checkpoint folder in it. A usable one has to be listed and to
load, with the networks that are expected, and to draw and judge finite numbers. Of the others one sentence is expected.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

import gan
from gan.checkpoints.listing import list_checkpoints
from tests.corpus import LeftOut, assert_refused, case, tried

Weights = dict[str, Tensor]
CONFIG = gan.ModelConfig(16, 6, 4, 8)


@dataclass(frozen=True)
class Opens:
    """What is expected of a usable checkpoint: which networks, and the name that is listed."""

    networks: str = "GD"
    name: str = "x"


@tried("checkpoint")
def open_checkpoint(folder: Path, expected: Any) -> None:
    names = list_checkpoints(folder)
    if isinstance(expected, LeftOut):
        for name in names or [path.name for path in folder.iterdir()]:
            assert_refused(lambda name=name: gan.load(folder / name), expected)
        return
    assert names == [expected.name]
    found = gan.load(folder / names[0])
    assert (found.generator is not None, found.discriminator is not None) == tuple(n in expected.networks for n in "GD")
    with torch.no_grad():
        if found.generator is not None:
            assert found.generator(gan.latents([2**32 - 1], found.config)).isfinite().all()
        if found.discriminator is not None:
            assert found.discriminator.logit(torch.zeros(1, 3, *found.config.size)).isfinite().all()


@cache
def networks() -> tuple[Weights, Weights]:
    """State dicts of G and D; the same at every call of every process."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return gan.Generator(CONFIG).state_dict(), gan.Discriminator(CONFIG).state_dict()


def saved(name: str, expected: Any, content: Callable[[Weights, Weights], Any], file: str = "x.pth") -> None:
    """A case of one file that torch.save wrote."""

    @case("checkpoint", name, expected)
    def make(folder: Path) -> None:
        torch.save(content(*(dict(weights) for weights in networks())), folder / file)


def raw(name: str, expected: Any, content: Callable[[], bytes] | bytes, file: str = "x.pth") -> None:
    """A case of one file of these bytes."""

    @case("checkpoint", name, expected)
    def make(folder: Path) -> None:
        (folder / file).write_bytes(content() if callable(content) else content)


def own(name: str, expected: Any, spoil: Callable[[Path], Any]) -> None:
    """A case of a checkpoint folder of ours, changed afterwards."""

    @case("checkpoint", name, expected)
    def make(folder: Path) -> None:
        generator, discriminator = gan.Generator(CONFIG), gan.Discriminator(CONFIG)
        for network, weights in zip((generator, discriminator), networks(), strict=True):
            network.load_state_dict(weights)
        gan.save(folder / "x", generator, discriminator, {"kimg": 1.0})
        spoil(folder / "x")


def stored(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def prefixed(weights: Weights, prefix: str) -> Weights:
    return {prefix + key: value for key, value in weights.items()}


# ---- names that wrappers and people give ----------------------------------------------------------------

PREFIXES = (
    "module.", "_orig_mod.", "_forward_module.", "model.", "net.", "netG.", "generator.", "state_dict.", "ema.",
    "module._orig_mod.", "_orig_mod.module.", "model.net.module.", "G.", "gan.generator.", "online_model.",
)  # fmt: skip
for prefix in PREFIXES:
    label = prefix.rstrip(".")
    saved(f"prefix-{label}-g", Opens("G", "x.pth"), lambda g, d, prefix=prefix: prefixed(g, prefix))
    saved(f"prefix-{label}-d", Opens("D", "x.pth"), lambda g, d, prefix=prefix: prefixed(d, prefix))
    saved(
        f"prefix-{label}-both", Opens("GD", "x.pth"),
        lambda g, d, prefix=prefix: prefixed(prefixed(g, "a.") | prefixed(d, "b."), prefix),
    )  # fmt: skip

for sequence in ("main", "net", "blocks", "seq.inner", "0", "layers.layers"):
    saved(
        f"sequence-{sequence}", Opens("G", "x.pth"),
        lambda g, d, sequence=sequence: {key.replace("layers", sequence, 1): value for key, value in g.items()},
    )  # fmt: skip

for first, second in (
    ("netG_epoch_24.pth", "netD_epoch_24.pth"), ("netG.pth", "netD.pth"), ("generator.pth", "discriminator.pth"),
    ("G.pt", "D.pt"), ("run_G.pth", "run_D.pth"), ("netG_epoch_24.pth.tar", "netD_epoch_24.pth.tar"),
    ("gen.ckpt", "disc.ckpt"), ("g.safetensors", "d.safetensors"), ("Generator.pt", "Critic.pt"),
):  # fmt: skip

    @case("checkpoint", f"pair-{first}", Opens("GD", first))
    def make_pair(folder: Path, first: str = first, second: str = second) -> None:
        for name, weights in zip((first, second), networks(), strict=True):
            content = to_safetensors(weights) if name.endswith("safetensors") else stored(weights)
            (folder / name).write_bytes(content)


CONTAINERS: dict[str, Callable[[Weights, Weights], Any]] = {
    "dict": lambda g, d: {"netG": g, "netD": d, "epoch": 3},
    "state-dicts": lambda g, d: {"generator_state_dict": g, "discriminator_state_dict": d},
    "optimizer": lambda g, d: {"G": g, "D": d, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3, 3, 4, 4)}}}},
    "list": lambda g, d: [g, d],
    "tuple": lambda g, d: (d, g),
    "deep": lambda g, d: {"a": {"b": [{"c": g}, {"c": d}]}},
    "lightning": lambda g, d: {"state_dict": prefixed(g, "generator.") | prefixed(d, "discriminator.")},
    "ema": lambda g, d: {"G": prefixed(g, "x."), "G_ema": g, "D": d},
    "numbers": lambda g, d: {0: g, 1: d},
}
for label, container in CONTAINERS.items():
    saved(f"container-{label}", Opens("GD", "x.pth"), container)
    raw(
        f"container-{label}-legacy", Opens("GD", "x.pth"),
        lambda container=container: stored(container(*networks()), _use_new_zipfile_serialization=False),
    )  # fmt: skip

for dtype in ("float16", "bfloat16", "float64"):
    saved(
        f"precision-{dtype}", Opens("GD", "x.pth"),
        lambda g, d, dtype=dtype: [
            {k: v.to(getattr(torch, dtype)) if v.is_floating_point() else v for k, v in part.items()} for part in (g, d)
        ],
    )  # fmt: skip
saved("counters-absent", Opens("G", "x.pth"), lambda g, d: {k: v for k, v in g.items() if "tracked" not in k})
saved("biases", Opens("G", "x.pth"), lambda g, d: g | {f"layers.{n}.bias": torch.ones(c) for n, c in ((0, 8), (6, 3))})

# ---- tensors that are no weights ------------------------------------------------------------------------

KEYS = {"layers.0.weight": (6, 8, 4, 4), "layers.1.running_var": (8,), "layers.6.weight": (4, 3, 4, 4)}
TENSORS: dict[str, tuple[Callable[[tuple[int, ...]], Tensor], str]] = {
    "nan": (lambda shape: torch.full(shape, float("nan")), "not finite"),
    "infinite": (lambda shape: torch.full(shape, float("inf")), "not finite"),
    "minus-infinite": (lambda shape: torch.full(shape, float("-inf")), "not finite"),
    "double-too-large": (lambda shape: torch.full(shape, 1e200, dtype=torch.float64), "not finite"),
    "int64": (lambda shape: torch.zeros(shape, dtype=torch.int64), "of integers"),
    "uint8": (lambda shape: torch.zeros(shape, dtype=torch.uint8), "of integers"),
    "bool": (lambda shape: torch.zeros(shape, dtype=torch.bool), "of integers"),
    "complex": (lambda shape: torch.zeros(shape, dtype=torch.complex64), "complex"),
    "meta": (lambda shape: torch.zeros(shape, device="meta"), "meta"),
    "expanded": (lambda shape: torch.zeros(1).expand(shape), "more than the file holds"),
    "sparse": (lambda shape: torch.zeros(shape).to_sparse(), "sparse"),
    "another-shape": (lambda shape: torch.zeros(*shape[:-1], 9), "x.pth"),
    "empty": (lambda shape: torch.zeros(0, *shape[1:]), "x.pth"),
    "scalar": (lambda shape: torch.zeros(()), "x.pth"),
    "none": (lambda shape: None, "x.pth"),
}  # fmt: skip
for key, shape in KEYS.items():
    for label, (tensor, text) in TENSORS.items():
        saved(
            f"tensor-{label}-{key}", LeftOut(text),
            lambda g, d, key=key, shape=shape, tensor=tensor: g | {key: tensor(shape)},
        )  # fmt: skip
for key in networks()[0]:
    if not key.endswith(("tracked", "layers.0.weight")):
        saved(f"missing-{key}", LeftOut("x.pth"), lambda g, d, key=key: {k: v for k, v in g.items() if k != key})
for key in ("layers.0.constant", "layers.9.weight", "embed.weight", "layers.2.weight"):
    saved(f"unknown-{key}", LeftOut("its keys are "), lambda g, d, key=key: g | {key: torch.zeros(2, 2)})
for exponent in (12, 20, 38):
    saved(
        f"huge-weights-{exponent}", LeftOut("too large"),
        lambda g, d, exponent=exponent: {k: v * 10.0**exponent if "weight" in k else v for k, v in d.items()},
    )  # fmt: skip

# ---- files that are something else ----------------------------------------------------------------------

whole = (
    ("module", lambda: stored(torch.nn.Linear(2, 2))),
    ("code", lambda: pickle.dumps(print)),
    ("numpy", lambda: stored({"layers.0.weight": torch.zeros(2).numpy()})),
    ("namespace", lambda: stored({"opt": Opens()})),
    ("empty-file", b""),
    ("html", b"<!DOCTYPE html><html>404</html>" * 9),
    ("json", b'{"a": 1}'),
    ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(99)),
    ("png", b"\x89PNG\r\n\x1a\n" + bytes(99)),
    ("zeros", bytes(999)),
    ("ones", b"\xff" * 999),
    ("zip-of-nothing", b"PK\x05\x06" + bytes(18)),
    ("zip-broken", b"PK\x03\x04" + bytes(99)),
    ("pickle-broken", b"\x80\x02}q\x00("),
    ("pickle-of-a-list", lambda: stored([1, 2, 3])),
    ("pickle-of-none", lambda: stored(None)),
    ("pickle-of-a-text", lambda: stored("weights")),
    ("empty-dict", lambda: stored({})),
    ("only-numbers", lambda: stored({"epoch": 3, "loss": 0.1})),
    ("one-tensor", lambda: stored(torch.zeros(3))),
    ("hostile-keys", lambda: stored({"![x](http://127.0.0.1/x)\n\r" * 99: torch.zeros(2, 2, 4, 4)})),
)  # fmt: skip
for label, content in whole:
    for file in ("x.pth", "x.pt", "x.ckpt"):
        raw(f"other-{label}-{file}", LeftOut("x.p" if file != "x.ckpt" else "x.ckpt"), content, file)
for share in (1, 20, 50, 90, 99):
    for legacy in (False, True):
        raw(
            f"truncated-{share}-{'legacy' if legacy else 'zip'}", LeftOut("truncated"),
            lambda share=share, legacy=legacy: (
                whole := stored(networks()[0], _use_new_zipfile_serialization=not legacy)
            )[: len(whole) * share // 100],
        )  # fmt: skip


@case("checkpoint", "zip-bomb", LeftOut("unpacks to more than"))
def zip_bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "x.pth", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x/data.pkl", bytes(2**24))


@case("checkpoint", "itself", LeftOut("holds itself"))
def a_dictionary_in_itself(folder: Path) -> None:
    content: dict[str, Any] = {}
    content["self"] = content
    torch.save(content, folder / "x.pth")


@case("checkpoint", "billions", LeftOut("entries"))
def lists_in_lists(folder: Path) -> None:
    content: list[Any] = [1]
    for _ in range(40):
        content = [content, content]
    torch.save(content, folder / "x.pth")


@case("checkpoint", "dangling", LeftOut("is a link to"))
def a_link_to_nothing(folder: Path) -> None:
    (folder / "x.pth").symlink_to("nowhere.pth")


@case("checkpoint", "torchscript", LeftOut("TorchScript"))
def torchscript(folder: Path) -> None:
    with zipfile.ZipFile(folder / "x.pt", "w") as file:
        for name in ("x/constants.pkl", "x/data.pkl", "x/code/__torch__.py"):
            file.writestr(name, b"\x80\x02N.")


# ---- checkpoint folders ---------------------------------------------------------------------------------


def with_model(values: Any) -> Callable[[Path], Any]:
    """Change fields of a folder's configuration."""

    def spoil(path: Path) -> None:
        record = json.loads((path / "config.json").read_text())
        record["model"] = record["model"] | values if isinstance(values, dict) else values
        (path / "config.json").write_text(json.dumps(record))

    return spoil


def with_info(values: Any) -> Callable[[Path], Any]:
    def spoil(path: Path) -> None:
        record = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(record | {"info": values}))

    return spoil


NUMBERS = (None, "8", 8.5, -1, 0, 10**40, True, [], {}, float("nan"), float("inf"))
for field in ("resolution", "latent", "width", "max_width", "embedding"):
    for number, value in enumerate(NUMBERS):
        if value != 10**40 or field in {"resolution", "latent", "width"}:  # a limit of no account is no fault
            own(f"model-{field}-{number}", LeftOut("x"), with_model({field: value}))
for number, change in enumerate((
    {"aspect": 3}, {"aspect": []}, {"aspect": "3:2"}, {"norm_d": "no"}, {"norm_d": None}, {"genres": 5},
    {"genres": "Drama"}, {"genres": [1]}, {"genres": ["a", "a"]}, {"genres": None}, {"generator_channels": [1.5, 2]},
    {"generator_channels": [0, 1]}, {"generator_channels": "no"}, {"generator_channels": [4]}, {"biased": 1},
    {"calibrated": "yes"}, {"conditioned": "yes"}, {"genres": ["Drama"]}, {"norm_d": False}, {"biased": True},
    {"resolution": 2**62}, {"width": 2**62, "max_width": 2**62}, {"latent": 2**62},
)):  # fmt: skip
    own(f"model-other-{number}", LeftOut("x"), with_model(change))
own("model-newer", Opens("GD"), with_model({"field of version 9": {"a": 1}}))
for number, value in enumerate((None, [], 3, "text")):
    own(f"model-{number}", LeftOut("configuration"), with_model(value))
    own(f"info-{number}", LeftOut("configuration"), with_info(value))
for number, info in enumerate((
    {"kimg": "many"}, {"kimg": [1]}, {"hours": {}}, {"posters": -1}, {"posters": 1.5}, {"fit": "squeeze"}, {"fit": 3},
    {"only_genres": 7}, {"train": []}, {"data": "x"}, {"requested_genres": 3}, {"preset": 1}, {"start": {}},
    {"kimg": float("nan")}, {"fd_lite1": "good"},
)):  # fmt: skip
    own(f"info-wrong-{number}", LeftOut("configuration"), with_info(info))
own("info-more", Opens("GD"), with_info({"mine": [1, {"a": None}], "note": "ä\u202e", "kimg": None}))
for number, text in enumerate(
    (b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null", b"[" * 100_000, b'{"model": {"a": 1' + b"0" * 9999)
):
    own(f"config-{number}", LeftOut("configuration"), lambda path, text=text: (path / "config.json").write_bytes(text))


def with_weights(change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    def spoil(path: Path) -> None:
        file = path / "generator.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return spoil


HEADER = 2**36
for number, change in enumerate((
    lambda content: b"", lambda content: content[:5], lambda content: content[:300], lambda content: content[:-1],
    lambda content: content + b"more", lambda content: struct.pack("<Q", HEADER) + content[8:],
    lambda content: struct.pack("<Q", 2**63) + content[8:], lambda content: bytes(len(content)),
    lambda content: b"PK" + content, lambda content: content.replace(b"F32", b"F64"),
    lambda content: content.replace(b"F32", b"XXX"), lambda content: content.replace(b'"layers', b'"kayers'),
    lambda content: to_safetensors(networks()[0] | {"more": torch.zeros(2)}),
    lambda content: to_safetensors({k: v for k, v in networks()[0].items() if k != "layers.3.weight"}),
    lambda content: to_safetensors({k: v.flatten() for k, v in networks()[0].items()}),
    lambda content: to_safetensors({k: v * float("nan") if v.ndim else v for k, v in networks()[0].items()}),
    lambda content: to_safetensors({k: v.int() for k, v in networks()[0].items()}),
    lambda content: to_safetensors({}),
)):  # fmt: skip
    own(f"weights-{number}", LeftOut("x"), with_weights(change))
own(
    "weights-half",
    Opens("GD"),
    with_weights(lambda content: to_safetensors({k: v.half() for k, v in networks()[0].items()})),
)
own("weights-absent", Opens("D"), lambda path: (path / "generator.safetensors").unlink())
own("weights-are-a-folder", LeftOut("generator.safetensors"), lambda path: (
    (path / "generator.safetensors").unlink(), (path / "generator.safetensors").mkdir()
))  # fmt: skip
own("weights-dangling", LeftOut("generator.safetensors"), lambda path: (
    (path / "generator.safetensors").unlink(), (path / "generator.safetensors").symlink_to("nowhere")
))  # fmt: skip
own("no-weights", LeftOut("holds neither"), lambda path: [file.unlink() for file in path.glob("*.safetensors")])
own("no-config", Opens("GD"), lambda path: (path / "config.json").unlink())
own("set-aside", Opens("GD"), lambda path: path.rename(path.with_name(".x.old")))
