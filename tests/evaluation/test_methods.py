"""Methods restore as they promise, know their weights, and refuse what they were not made for."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file

from pixelmend.errors import MissingExtraError, ModelError, UnknownNameError, UsageError
from pixelmend.evaluation import METHODS, Setup, make_methods
from pixelmend.evaluation.methods import Needs, Noisy, Pixelmend, checksum
from pixelmend.evaluation.networks import TorchEngine
from pixelmend.models import Hybrid, HybridConfig, save_model
from pixelmend.models.baselines import DnCNN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Pixels = npt.NDArray[np.float32]
SETUP = Setup(threads=1)


class Recorder:
    """An engine that keeps its inputs and gives back the picture, times a factor for each channel."""

    def __init__(self, factors: tuple[float, float, float] = (1, 1, 1)) -> None:
        self.factors = np.array(factors, np.float32).reshape(1, 3, 1, 1)
        self.shape: tuple[int, ...] = ()
        self.conditions: dict[str, Pixels] = {}

    def run(self, degraded: Pixels, conditions: Mapping[str, Pixels]) -> Pixels:
        """See ``Engine.run``."""
        self.shape, self.conditions = degraded.shape, dict(conditions)
        return degraded * self.factors


def dncnn_file(path: Path, channels: int) -> Path:
    torch.manual_seed(1)
    save_file(DnCNN(channels, depth=3, width=4).state_dict(), path)
    return path


def degraded(*shape: int) -> Pixels:
    return np.random.default_rng(2).normal(0.5, 0.4, shape).astype(np.float32)


def test_noisy_is_the_input() -> None:
    picture = degraded(5, 6, 3)
    assert np.array_equal(Noisy().restore(picture, 25), picture)


def test_pixelmend_pads_to_what_the_network_needs_and_crops_back() -> None:
    engine = Recorder()
    method = Pixelmend(engine, Needs(multiple_of=16, minimum=48), parameters=1, weights="")
    picture = degraded(33, 50, 3)
    assert np.array_equal(method.restore(picture, 51), picture)
    assert engine.shape == (1, 3, 48, 64)
    level = engine.conditions["noise_level"]
    assert level.shape == (1, 1, 48, 64)
    assert np.allclose(level, 0.2)


def test_pixelmend_takes_gray_through_three_channels_and_averages() -> None:
    engine = Recorder(factors=(0.5, 1.0, 3.0))
    method = Pixelmend(engine, Needs(multiple_of=8, noise_level=False), parameters=1, weights="")
    picture = degraded(8, 16)
    restored = method.restore(picture, 25)
    assert restored.shape == picture.shape
    assert restored.dtype == np.float32
    assert np.allclose(restored, picture * 1.5, atol=1e-6)
    assert engine.conditions == {}


def test_too_little_memory_is_the_pictures_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Recorder()

    def full(*_: object) -> Pixels:
        raise MemoryError("no room")

    monkeypatch.setattr(engine, "run", full)
    method = Pixelmend(engine, Needs(multiple_of=8), parameters=1, weights="")
    with pytest.raises(ModelError, match="8×16 does not fit"):
        method.restore(degraded(8, 16, 3), 25)


@pytest.mark.parametrize(("channels", "shape"), [(1, (7, 9)), (3, (7, 9, 3))])
def test_dncnn_is_the_network_itself(tmp_path: Path, channels: int, shape: tuple[int, ...]) -> None:
    path = dncnn_file(tmp_path / "w.safetensors", channels)
    (method,) = make_methods(["dncnn"], [("dncnn", str(path))], SETUP)
    picture = degraded(*shape)
    before = picture.copy()
    restored = method.restore(picture, 25)
    torch.manual_seed(1)
    model = DnCNN(channels, depth=3, width=4)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture.reshape(7, 9, channels)).permute(2, 0, 1)[None])
    assert np.allclose(restored, expected[0].permute(1, 2, 0).numpy().reshape(shape), atol=1e-6)
    assert np.array_equal(picture, before)
    assert method.colors == {"gray" if channels == 1 else "rgb"}
    assert method.parameters == sum(p.numel() for p in model.parameters())
    assert method.weights == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_checkpoint_of_ours_is_measured_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(5)
    config = HybridConfig.model_validate(TINY)
    model = Hybrid(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # gains start at zero, which would hide a wrong condition
            parameter.add_(torch.randn_like(parameter) * 0.05)
    save_model(model, tmp_path / "ours.safetensors", {})
    (method,) = make_methods(["pixelmend"], [("pixelmend", str(tmp_path / "ours.safetensors"))], SETUP)
    side = 2 * config.multiple_of
    picture = degraded(side, side, 3)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture).permute(2, 0, 1)[None], torch.full((1, 1, 1, 1), 30 / 255))
    assert np.allclose(method.restore(picture, 30), expected[0].permute(1, 2, 0).numpy(), atol=1e-4)
    assert not np.allclose(method.restore(picture, 60), method.restore(picture, 30), atol=1e-4)
    assert method.restore(degraded(side - 3, 5), 30).shape == (side - 3, 5)


TINY = {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "head_width": 8, "context": ("window",)}


def test_a_checkpoint_that_is_told_nothing_is_told_nothing(tmp_path: Path) -> None:
    path = tmp_path / "blind.safetensors"
    save_model(Hybrid(HybridConfig.model_validate({**TINY, "conditions": ()})), path, {})
    (method,) = make_methods(["pixelmend"], [("pixelmend", str(path))], SETUP)
    picture = degraded(16, 16, 3)
    assert np.array_equal(method.restore(picture, 30), picture)  # it starts as the identity


@pytest.mark.parametrize(
    ("changes", "message"), [({"scale": 2}, "enlarges by 2"), ({"conditions": ("mask",)}, "is told mask")]
)
def test_what_cannot_be_measured_here_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "other.safetensors"
    save_model(Hybrid(HybridConfig.model_validate({**TINY, **changes})), path, {})
    with pytest.raises(UsageError, match=message):
        make_methods(["pixelmend"], [("pixelmend", str(path))], SETUP)


@pytest.mark.parametrize("conditions", [("noise_level", "mask"), ("mask", "noise_level"), ()])
def test_the_engine_tells_the_network_what_it_wants_in_its_order(
    conditions: tuple[Literal["noise_level", "mask"], ...],
) -> None:
    torch.manual_seed(5)
    model = Hybrid(HybridConfig.model_validate({**TINY, "conditions": conditions})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    picture = degraded(1, 3, 16, 16)
    told = {"mask": degraded(1, 1, 16, 16), "noise_level": degraded(1, 1, 16, 16) + 1}
    given: dict[str, Pixels] = {name: told[name] for name in sorted(conditions)}
    with torch.no_grad():
        expected = model(torch.from_numpy(picture), *(torch.from_numpy(told[name]) for name in conditions))
    engine = TorchEngine(model, SETUP)
    assert np.allclose(engine.run(picture, given), expected.numpy(), atol=1e-5)
    with pytest.raises(ModelError, match="wanted"):
        engine.run(picture, {**given, "depth": told["mask"]})


def test_a_network_that_gives_no_number_is_an_error(tmp_path: Path) -> None:
    weights = {name: torch.full_like(tensor, torch.nan) for name, tensor in DnCNN(1, 3, 4).state_dict().items()}
    save_file(weights, tmp_path / "nan.safetensors")
    (method,) = make_methods(["dncnn"], [("dncnn", str(tmp_path / "nan.safetensors"))], SETUP)
    with pytest.raises(ModelError, match="not finite"):
        method.restore(degraded(7, 9), 25)


def test_methods_come_in_the_order_asked_for_and_labels_tell_weights_apart(tmp_path: Path) -> None:
    gray, rgb = (str(dncnn_file(tmp_path / f"{n}.safetensors", c)) for n, c in (("gray", 1), ("rgb", 3)))
    methods = make_methods(["noisy", "dncnn"], [("dncnn", gray), ("dncnn", rgb)], SETUP)
    assert [method.label for method in methods] == ["noisy", "dncnn (gray)", "dncnn (rgb)"]
    (alone,) = make_methods(["dncnn"], [("dncnn", gray)], SETUP)
    assert alone.label == alone.name == "dncnn"


def test_every_method_is_made_under_its_own_name(tmp_path: Path) -> None:
    assert set(METHODS) == {"noisy", "dncnn", "pixelmend"}
    with pytest.raises(UnknownNameError, match="did you mean 'dncnn'"):
        make_methods(["dnccn"], [], SETUP)


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        (["dncnn"], [], "--weights dncnn=FILE"),
        (["noisy"], [("noisy", "x.onnx")], "takes no weights"),
        (["noisy"], [("dncnn", "x.safetensors")], "not measured"),
        (["pixelmend"], [("pixelmend", "x.pth")], "x.pth"),
    ],
)
def test_weights_that_do_not_fit_are_misuse(names: list[str], weights: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_methods(names, weights, SETUP)


@pytest.mark.parametrize("file", ["absent.safetensors", "absent.onnx"])
def test_weights_that_are_missing_are_named(tmp_path: Path, file: str) -> None:
    with pytest.raises(ModelError, match="absent"):
        make_methods(["pixelmend"], [("pixelmend", str(tmp_path / file))], SETUP)
    with pytest.raises(ModelError, match="absent"):
        checksum(tmp_path / file)


def test_without_pytorch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pixelmend.evaluation.networks", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"torch.*pixelmend\[train\]"):
        make_methods(["dncnn"], [("dncnn", str(tmp_path / "w.safetensors"))], SETUP)


def test_a_device_or_threads_that_cannot_be_are_misuse(tmp_path: Path) -> None:
    path = str(dncnn_file(tmp_path / "w.safetensors", 1))
    with pytest.raises(UsageError, match="device"):
        make_methods(["dncnn"], [("dncnn", path)], Setup(threads=1, device="abacus"))
    with pytest.raises(UsageError, match="threads"):
        Setup(threads=0)
