from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from gan import (
    Checkpoint,
    CheckpointError,
    Discriminator,
    Generator,
    ModelConfig,
    latents,
    list_checkpoints,
    load,
    save,
)
from gan.checkpoints.structure import LEAVES

Weights = dict[str, Tensor]
CONFIG = ModelConfig(16, 6, 4, 8)


def trained(network: nn.Module) -> nn.Module:
    """With statistics and offsets that are not the defaults."""
    generator = torch.Generator().manual_seed(3)
    for key, value in network.state_dict().items():
        if key.endswith(("running_mean", "bias")):
            value.normal_(0, 0.2, generator=generator)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 2, generator=generator)
    return network.eval()


@pytest.fixture
def generator() -> nn.Module:
    return trained(Generator(CONFIG))


@pytest.fixture
def discriminator() -> nn.Module:
    return trained(Discriminator(CONFIG))


def keys(network: nn.Module, rename: Callable[[str], str]) -> Weights:
    return {rename(key): value for key, value in network.state_dict().items()}


def stored(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_same(found: Checkpoint, generator: nn.Module | None, discriminator: nn.Module | None) -> None:
    """The networks that were found draw the same pictures and give the same answers."""
    assert (found.generator is None) == (generator is None)
    assert (found.discriminator is None) == (discriminator is None)
    with torch.no_grad():
        if generator is not None:
            z = latents([1, 2], found.config)
            torch.testing.assert_close(found.generator(z), generator(z), atol=1e-5, rtol=1e-4)
        if discriminator is not None:
            pictures = torch.rand(2, 3, 16, 16) * 2 - 1
            torch.testing.assert_close(found.discriminator(pictures), discriminator(pictures), atol=1e-5, rtol=1e-4)


# ---- names ----------------------------------------------------------------------------------------------

WRAPPERS = ("module.", "_orig_mod.", "_forward_module.", "model.", "net.", "netG.", "generator.", "state_dict.", "ema.")


@pytest.mark.parametrize("prefix", ["", *WRAPPERS, *("".join(two) for two in itertools.permutations(WRAPPERS, 2))])
def test_prefixes_of_wrappers_and_frameworks_are_no_part_of_a_network(
    prefix: str, generator: nn.Module, tmp_path: Path
) -> None:
    found = load(stored(keys(generator, lambda key: prefix + key), tmp_path / "x.pth"))
    assert_same(found, generator, None)
    assert found.config == CONFIG


@pytest.mark.parametrize("sequence", ["main", "layers", "net", "model", "blocks", "main.0", "seq.inner.main", ""])
def test_a_sequence_may_have_any_name(sequence: str, discriminator: nn.Module, tmp_path: Path) -> None:
    def rename(key: str) -> str:
        return key.replace("layers.", f"{sequence}." if sequence else "", 1)

    assert_same(load(stored(keys(discriminator, rename), tmp_path / "x.pth")), None, discriminator)


def test_blocks_within_blocks_are_one_network(generator: nn.Module, tmp_path: Path) -> None:
    nested = nn.Sequential(generator.layers[:3], nn.Sequential(generator.layers[3:6]), generator.layers[6:])
    assert_same(load(stored(nested.state_dict(), tmp_path / "x.pth")), generator, None)


def test_layers_may_have_names_of_their_own(generator: nn.Module, discriminator: nn.Module, tmp_path: Path) -> None:
    names = ("deconv1", "bn1", "relu1", "deconv2", "bn2", "relu2", "deconv3", "tanh")
    named = nn.Sequential(OrderedDict(zip(names, generator.layers, strict=True)))
    assert_same(load(stored(named.state_dict(), tmp_path / "x.pth")), generator, None)
    save_file(named.state_dict(), tmp_path / "x.safetensors")  # which does not keep the order
    assert_same(load(tmp_path / "x.safetensors"), generator, None)
    shuffled = dict(sorted(discriminator.state_dict().items(), reverse=True))
    assert_same(load(stored(shuffled, tmp_path / "y.pth")), None, discriminator)


def test_a_deep_network_is_ordered_by_numbers_not_by_letters(tmp_path: Path) -> None:
    deep = trained(Generator(ModelConfig(64, 6, 4, 4)))  # layers.10 comes after layers.9, and all shapes are the same
    save_file(deep.state_dict(), tmp_path / "x.safetensors")
    assert torch.equal(
        load(tmp_path / "x.safetensors").generator(latents([1], deep.config)), deep(latents([1], deep.config))
    )


# ---- one file -------------------------------------------------------------------------------------------

CONTAINERS: dict[str, Callable[[Weights, Weights], Any]] = {
    "netG": lambda g, d: {"netG": g, "netD": d, "epoch": 24, "losses": [1.0]},
    "state_dicts": lambda g, d: {"generator_state_dict": g, "discriminator_state_dict": d, "optimizer": {"state": {}}},
    "optimizers": lambda g, d: {"G": g, "D": d, "optG": {"state": {0: {"exp_avg": torch.zeros(4, 4)}}}},
    "list": lambda g, d: [g, d],
    "tuple": lambda g, d: (d, g),
    "deep": lambda g, d: {"checkpoint": {"models": [{"weights": g}, {"weights": d}]}},
    "lightning": lambda g, d: {
        "epoch": 3,
        "pytorch-lightning_version": "2.0",
        "state_dict": {f"generator.{k}": v for k, v in g.items()}
        | {f"discriminator.{k}": v for k, v in d.items()}
        | {"validation_z": torch.zeros(8, 6), "lpips.linear.weight": torch.zeros(3, 3)},
    },
    "averaged": lambda g, d: {"G": {k: v * 0 for k, v in g.items()}, "G_ema": g, "D": d},
    "averaged-module": lambda g, d: {
        "D": d, "ema": {"n_averaged": torch.tensor(3)} | {f"module.{k}": v for k, v in g.items()},
    },
}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("legacy", [False, True])
def test_one_file_may_hold_both_networks(
    container: str, legacy: bool, generator: nn.Module, discriminator: nn.Module, tmp_path: Path
) -> None:
    content = CONTAINERS[container](generator.state_dict(), discriminator.state_dict())
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=not legacy)
    assert_same(load(tmp_path / "x.pth"), generator, discriminator)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype, generator: nn.Module, tmp_path: Path) -> None:
    found = load(stored(Generator(CONFIG).to(dtype).state_dict(), tmp_path / "x.pth"))
    assert {parameter.dtype for parameter in found.generator.parameters()} == {torch.float32}


def with_biases(generator: nn.Module, discriminator: nn.Module) -> list[nn.Module]:
    networks = [generator, discriminator]
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is None:
                layer.bias = nn.Parameter(torch.randn(layer.out_channels))
    return networks


def test_biases_are_kept_wherever_they_stand(generator: nn.Module, discriminator: nn.Module, tmp_path: Path) -> None:
    networks = with_biases(generator, discriminator)
    found = load(stored([network.state_dict() for network in networks], tmp_path / "x.pth"))
    assert found.config.biased
    assert_same(found, *networks)
    save(tmp_path / "run", *found.need_both())
    assert_same(load(tmp_path / "run"), *networks)


@pytest.mark.parametrize("biases", [(True, False), (False, True)])
def test_biases_of_one_network_are_zeros_of_the_other(
    biases: tuple[bool, bool], discriminator: nn.Module, generator: nn.Module, tmp_path: Path
) -> None:
    other = with_biases(Generator(CONFIG).eval(), Discriminator(CONFIG).eval())
    chosen = [
        biased if has else plain for has, biased, plain in zip(biases, other, (generator, discriminator), strict=True)
    ]
    assert_same(load(stored([network.state_dict() for network in chosen], tmp_path / "x.pth")), *chosen)


@pytest.mark.parametrize("config", [{"norm_d": False}, {"aspect": "2:3"}, {"width": 8, "max_width": 8}])
def test_other_kinds_of_networks_are_recognised(config: dict[str, Any], tmp_path: Path) -> None:
    wanted = ModelConfig(**{"resolution": 32, "latent": 5, "width": 4, "max_width": 16, **config})
    networks = trained(Generator(wanted)), trained(Discriminator(wanted))
    found = load(stored([network.state_dict() for network in networks], tmp_path / "x.pth"))
    assert found.config == wanted
    z = latents([1], wanted)
    assert torch.equal(found.generator(z), networks[0](z))
    assert torch.equal(found.discriminator(networks[0](z)), networks[1](networks[0](z)))


@pytest.mark.parametrize(
    "norm", [spectral_norm, parametrizations.spectral_norm, weight_norm, parametrizations.weight_norm]
)
def test_normalised_weights_are_what_the_network_computes_with(
    norm: Callable[[nn.Module], nn.Module], generator: nn.Module, discriminator: nn.Module, tmp_path: Path
) -> None:
    for network in (generator, discriminator):
        for layer in list(network.layers):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.requires_grad_()
                norm(layer)
        network.train()(latents([1, 2], CONFIG) if network is generator else torch.rand(2, 3, 16, 16))
        network.eval()
    found = load(stored([generator.state_dict(), discriminator.state_dict()], tmp_path / "x.pth"))
    assert_same(found, generator, discriminator)


def test_a_norm_without_scale_and_offset_has_one_and_zero(tmp_path: Path) -> None:
    network = trained(Generator(CONFIG))
    for index in (1, 4):
        network.layers[index] = nn.BatchNorm2d(network.layers[index].num_features, affine=False).eval()
    assert_same(load(stored(network.state_dict(), tmp_path / "x.pth")), network, None)


# ---- two files ------------------------------------------------------------------------------------------

PAIRS = [
    ("netG_epoch_24.pth", "netD_epoch_24.pth"), ("netG.pth", "netD.pth"), ("generator.pth", "discriminator.pth"),
    ("G.pt", "D.pt"), ("run_G.pth", "run_D.pth"), ("netG_epoch_24.pth.tar", "netD_epoch_24.pth.tar"),
    ("Generator-10.ckpt", "Discriminator-10.ckpt"), ("gen.pth", "disc.pth"), ("gen_5.pt", "dis_5.pt"),
    ("g.pth", "d.pth"), ("model_g.pth", "model_d.pth"), ("generator.pth", "critic.pth"), ("G_100.pth", "D_100.pth"),
    ("NetG.pth", "NetD.pth"), ("NETG.PTH", "NETD.PTH"), ("bestGenerator.pth", "bestDiscriminator.pth"),
    ("dcgan.netG.pth", "dcgan.netD.pth"), ("posters netG 3.pth", "posters netD 3.pth"),
]  # fmt: skip


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_two_files_of_one_training_are_one_checkpoint(
    names: tuple[str, str], generator: nn.Module, discriminator: nn.Module, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name, network in zip(names, (generator, discriminator), strict=True):
        stored(network.state_dict(), folder / name)
    found = [load(folder / name) for name in names] + [load(folder)]
    for each in found:
        assert_same(each, generator, discriminator)
    assert len({each.digest for each in found}) == 1
    assert list_checkpoints(folder) == [names[0]]
    assert list_checkpoints(tmp_path) == ["out"]
    assert [each.name for each in found] == [*names, "out"]


def test_a_folder_is_its_newest_epoch_that_has_both(
    generator: nn.Module, discriminator: nn.Module, tmp_path: Path
) -> None:
    older = Generator(CONFIG).eval()
    for epoch, networks in ((9, (older, discriminator)), (10, (generator, discriminator)), (11, (older, None))):
        for letter, network in zip("GD", networks, strict=True):
            if network is not None:
                stored(network.state_dict(), tmp_path / f"net{letter}_epoch_{epoch}.pth")
    assert_same(load(tmp_path), generator, discriminator)
    assert_same(load(tmp_path / "netD_epoch_9.pth"), older, discriminator)
    assert_same(load(tmp_path / "netG_epoch_11.pth"), older, None)
    assert list_checkpoints(tmp_path) == ["netG_epoch_10.pth", "netG_epoch_11.pth", "netG_epoch_9.pth"]


@pytest.mark.parametrize("names", [("netG_1.pth", "netD_2.pth"), ("a.pth", "b.pth"), ("netG.pth", "netG_D.pth")])
def test_files_of_different_trainings_stay_apart(
    names: tuple[str, str], generator: nn.Module, discriminator: nn.Module, tmp_path: Path
) -> None:
    for name, network in zip(names, (generator, discriminator), strict=True):
        stored(network.state_dict(), tmp_path / name)
    assert_same(load(tmp_path / names[0]), generator, None)
    assert_same(load(tmp_path / names[1]), None, discriminator)
    assert list_checkpoints(tmp_path) == sorted(names)


def test_a_partner_that_cannot_be_used_is_named(generator: nn.Module, tmp_path: Path) -> None:
    stored(generator.state_dict(), tmp_path / "netG.pth")
    (tmp_path / "netD.pth").write_bytes(b"PK half of a file")
    assert error_of(tmp_path / "netG.pth") == "netD.pth is truncated or is not a PyTorch file."
    stored(generator.state_dict(), tmp_path / "netD.pth")
    assert "netG.pth and netD.pth holds 2 generators, netG.pth.layers, netD.pth.layers" in error_of(tmp_path)


@pytest.mark.parametrize(("ngf", "ndf"), [(4, 8), (8, 4), (3, 5), (64, 16)])
def test_generator_and_discriminator_may_be_of_unequal_widths(ngf: int, ndf: int, tmp_path: Path) -> None:
    networks = trained(Generator(ModelConfig(16, 6, ngf))), trained(Discriminator(ModelConfig(16, 6, ndf)))
    for name, network in zip(("netG.pth", "netD.pth"), networks, strict=True):
        stored(network.state_dict(), tmp_path / name)
    found = load(tmp_path)
    assert_same(found, *networks)
    save(tmp_path / "run", *found.need_both())
    assert_same(load(tmp_path / "run"), *networks)
    save(tmp_path / "own", *networks)  # networks with configurations of their own, too
    assert_same(load(tmp_path / "own"), *networks)


# ---- what cannot be used --------------------------------------------------------------------------------


def changed(key: str, value: Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {key: value}


WRONG: dict[str, tuple[Callable[[Weights], Any], str]] = {
    "nan": (changed("layers.0.weight", torch.full((6, 8, 4, 4), float("nan"))), "layers.0.weight holds values"),
    "infinite": (changed("layers.1.running_var", torch.full((8,), float("inf"))), "layers.1.running_var holds values"),
    "infinite as float32": (changed("layers.1.bias", torch.full((8,), 1e300, dtype=torch.float64)), "layers.1.bias"),
    "too large": (
        lambda weights: {k: v * 1e30 if k.endswith("weight") else v for k, v in weights.items()},
        "answers NaN, for its weights are too large",
    ),
    "variance": (changed("layers.1.running_var", -torch.ones(8)), "variances below 0"),
    "integers": (changed("layers.0.weight", torch.zeros(6, 8, 4, 4, dtype=torch.int32)), "of integers (int32)"),
    "booleans": (changed("layers.1.bias", torch.zeros(8, dtype=torch.bool)), "of integers (bool)"),
    "complex": (changed("layers.0.weight", torch.zeros(6, 8, 4, 4, dtype=torch.complex64)), "is complex"),
    "sparse": (changed("layers.0.weight", torch.zeros(6, 8, 4, 4).to_sparse()), "is sparse"),
    "meta": (changed("layers.0.weight", torch.zeros(6, 8, 4, 4, device="meta")), "is a meta tensor"),
    "expanded": (changed("layers.0.weight", torch.zeros(1).expand(6, 8, 4, 4)), "more than the file holds"),
    "quantised": (
        changed("layers.0.weight", torch.quantize_per_tensor(torch.zeros(6, 8, 4, 4), 0.1, 0, torch.qint8)),
        "is quantised",
    ),
    "linear": (changed("layers.9.weight", torch.zeros(3, 3)), "layers.9.weight is (3, 3)"),
    "embedding": (lambda weights: weights | {"embed.weight": torch.zeros(3, 3)}, "embed belongs to the network"),
    "constant": (changed("layers.0.constant", torch.zeros(1, 8, 4, 4)), "layers.0.constant is no part"),
    "grey": (changed("layers.6.weight", torch.zeros(4, 1, 4, 4)), "for pictures of 1 channels"),
    "kernel": (changed("layers.3.weight", torch.zeros(8, 4, 5, 5)), "its kernel must be 4 x 4"),
    "instance norm": (lambda w: {k: v for k, v in w.items() if "running" not in k}, "lacks running_mean"),
    "no norm": (lambda w: {k: v for k, v in w.items() if k[7] in "036"}, "has BatchNorm of no channels"),
    "many": (lambda weights: {"a": weights, "b": weights}, "holds 2 generators, a.layers, b.layers"),
    "empty": (lambda weights: {}, "holds no weights, but an empty dict"),
    "names": (lambda weights: {"epoch": 3, "lr": 0.1}, "but a dictionary of epoch, lr;"),
    "spectral": (
        lambda w: {k.replace("0.weight", "0.weight_orig"): v for k, v in w.items()}, "weight_u or weight_v is missing",
    ),
    "hostile": (lambda weights: {"a\n![x](http://e)" * 99 + ".weight": torch.zeros(2, 2, 2, 2)}, "its keys are a?!["),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("ignore")
def test_weights_that_cannot_be_used_are_refused_in_one_sentence(
    name: str, generator: nn.Module, tmp_path: Path
) -> None:
    change, reason = WRONG[name]
    message = error_of(stored(change(generator.state_dict()), tmp_path / "x.pth"))
    assert reason in message
    assert message.startswith("x.pth")
    assert message.endswith(".")
    assert len(message) < 600


def test_every_name_of_a_tensor_that_is_understood_is_one_of_a_layers() -> None:
    assert {key.split(".", 2)[2] for key in Generator(CONFIG).state_dict()} <= LEAVES
