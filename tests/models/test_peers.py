"""Weights that others published are known by their tensors; pickles and what is unknown are refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from pixelmend.errors import MissingExtraError, ModelError
from pixelmend.models import peers
from pixelmend.models.peers import Peer, PeerConfig, load_published

if TYPE_CHECKING:
    from pathlib import Path


def _peer(architecture: str, **options: Any) -> Peer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Peer(PeerConfig.model_validate({"architecture": architecture, **options})).eval()


def _published(peer: Peer, path: Path) -> peers.Published:
    """The network as its authors would store it: their names alone."""
    save_file({name: value.contiguous() for name, value in peer.network.state_dict().items()}, path)
    return load_published(path, "theirs")


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "options", "architecture", "scale", "needs"),
    [
        ("rrdb", {"width": 8, "blocks": (1,), "scale": 2}, "ESRGAN", 2, 1),
        ("nafnet", {"width": 4, "blocks": (1,) * 9}, "NAFNet", 1, 1),
        ("drunet", {"width": 8, "blocks": (2,)}, "DRUNet", 1, 8),
        ("scunet", {"blocks": (1,) * 7}, "SCUNet", 1, 1),
    ],
)
def test_a_file_says_what_network_it_holds(
    name: str, options: dict[str, Any], architecture: str, scale: int, needs: int, tmp_path: Path
) -> None:
    peer = _peer(name, **options)
    published = _published(peer, tmp_path / "w.safetensors")
    assert (published.architecture, published.scale, published.channels) == (architecture, scale, 3)
    assert published.multiple_of == needs
    assert published.conditions == peer.config.conditions
    assert not published.training
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    told = [torch.full((1, 1, 1, 1), 0.1) for _ in published.conditions]
    restored = published(picture, *told)
    wanted = peer(picture, *told)
    assert torch.allclose(restored, wanted if told else wanted.clamp(0, 1), atol=1e-5)
    with pytest.raises(ModelError, match=f"theirs got {len(told) + 1} conditions, wanted"):
        published(picture, *told, torch.zeros(1, 1, 1, 1))


@torch.no_grad()
def test_drunet_hears_the_noise_level() -> None:
    peer, picture = _peer("drunet", width=8, blocks=(1,)), torch.full((1, 3, 16, 16), 0.5)
    low, high = (peer(picture, torch.full((1, 1, 1, 1), level)) for level in (0.05, 0.2))
    assert not torch.allclose(low, high, atol=1e-4)


@torch.no_grad()
def test_ipt_restores_each_patch_by_itself_and_puts_it_back() -> None:
    peer = _peer("ipt", width=4, blocks=(1,))
    picture = torch.rand(2, 3, 96, 144, generator=torch.Generator().manual_seed(2))
    restored = peer(picture)
    assert torch.allclose(restored[:, :, 48:, 96:], peer(picture[:, :, 48:, 96:]), atol=1e-5)


def test_uformer_is_given_a_square() -> None:
    class Turned(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            assert given.shape == (1, 3, 256, 256)
            return given * 2

    peer = _peer("uformer", width=16, blocks=(1,) * 9)
    peer.network = Turned()
    picture = torch.rand(1, 3, 128, 256, generator=torch.Generator().manual_seed(3))
    assert torch.equal(peer(picture), picture * 2)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_a_pickle_is_refused_unread_with_the_way_to_convert_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    with pytest.raises(ModelError, match=rf"w\{suffix} is not a .safetensors file.*save_file\(torch.load") as caught:
        load_published(path, "theirs")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_or_are_unknown_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"w\.safetensors cannot be read as safetensors weights"):
        load_published(path, "theirs")
    unknown = _peer("restormer", width=8, blocks=(1, 1, 1, 1, 1)).network.state_dict()
    for tensors in ({"some.weight": torch.zeros(3)}, unknown):
        save_file(tensors, path)
        with pytest.raises(ModelError, match=r"w\.safetensors holds no network that spandrel knows") as caught:
            load_published(path, "theirs")
        assert "\n" not in str(caught.value)


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(peers, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"needs spandrel.*pixelmend\[peers\]"):
        _peer("nafnet")
    with pytest.raises(MissingExtraError, match=r"needs deepinv.*pixelmend\[peers\]"):
        _peer("restormer")


def test_restormers_own_weights_are_known_by_its_authors_names(tmp_path: Path) -> None:
    network = Peer(PeerConfig.model_validate({"architecture": "restormer"})).network
    path = tmp_path / "restormer.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    published = load_published(path, "restormer")
    assert (published.architecture, published.scale, published.multiple_of) == ("Restormer", 1, 8)
    assert {
        "patch_embed.proj.weight",
        "encoder_level1.0.attn.temperature",
        "output.weight",
    } <= network.state_dict().keys()
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(published(picture), network.eval()(picture))
    save_file({"output.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(ModelError, match="Restormer for RGB"):
        load_published(path, "restormer")
