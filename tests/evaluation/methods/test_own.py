"""Our network as a method: measured from its card, and restored just as the restorer restores."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from pixelmend import catalog
from pixelmend.catalog import Card, Training
from pixelmend.errors import ModelError, UsageError
from pixelmend.evaluation import Problem, Setup, make_methods
from pixelmend.evaluation.methods.own import Pixelmend, Shape, checksum, condition_maps, from_card, shipped, tasks_of
from pixelmend.images import ArrayPicture
from pixelmend.inference import OnnxEngine, Options, restore_picture
from tests.small_models import SHIPPING, make_model, make_shelf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pixelmend.evaluation import Method

Pixels = npt.NDArray[np.float32]


class Recorder:
    """An engine that keeps its inputs and gives back the picture, each pixel ``scale`` times, times a factor."""

    title, device, precision, lanes = "recorder", "cpu", "float32", 1

    def __init__(self, factors: tuple[float, float, float] = (1, 1, 1), scale: int = 1) -> None:
        self.factors = np.array(factors, np.float32).reshape(1, 3, 1, 1)
        self.scale = scale
        self.shape: tuple[int, ...] = ()
        self.conditions: dict[str, Pixels] = {}

    def run(self, degraded: Pixels, conditions: Mapping[str, Pixels], *, left: int = 0) -> Pixels:
        """See ``Engine.run``."""
        self.shape, self.conditions = degraded.shape, dict(conditions)
        larger: Pixels = degraded.repeat(self.scale, axis=2).repeat(self.scale, axis=3) * self.factors
        return larger


class Filler(Recorder):
    """The same, a quarter lighter."""

    def run(self, degraded: Pixels, conditions: Mapping[str, Pixels], *, left: int = 0) -> Pixels:
        """See ``Engine.run``."""
        return super().run(degraded, conditions, left=left) + np.float32(0.25)


def degraded(*shape: int) -> Pixels:
    return np.random.default_rng(2).normal(0.5, 0.4, shape).astype(np.float32)


def noisy(picture: Pixels, sigma: float | None) -> Problem:
    return Problem("denoise", "p", picture, sigma)


def ours(engine: Recorder, shape: Shape, task: str = "denoise") -> Pixelmend:
    return Pixelmend(engine, shape, task=task, parameters=1, weights="")


def test_it_pads_to_what_the_network_needs_and_crops_back() -> None:
    engine = Recorder()
    picture = degraded(33, 50, 3)
    method = ours(engine, Shape(16, 48))
    assert np.array_equal(method.restore(noisy(picture, 51)), picture)
    assert engine.shape == (1, 3, 48, 64)
    level = engine.conditions["noise_level"]
    assert level.shape == (1, 1, 48, 64)
    assert np.allclose(level, 0.2)


def test_gray_goes_through_three_channels_and_is_averaged() -> None:
    engine = Recorder(factors=(0.5, 1.0, 3.0))
    picture = degraded(8, 16)
    restored = ours(engine, Shape(8, conditions=())).restore(noisy(picture, 25))
    assert restored.shape == picture.shape
    assert restored.dtype == np.float32
    assert np.allclose(restored, picture * 1.5, atol=1e-6)
    assert engine.conditions == {}


def test_what_enlarges_gives_the_larger_picture() -> None:
    engine = Recorder(scale=3)
    picture = degraded(10, 11, 3)
    method = ours(engine, Shape(8, scale=3, conditions=()), task="super-resolve")
    restored = method.restore(Problem("super-resolve", "p", picture, scale=3))
    assert np.array_equal(restored, picture.repeat(3, axis=0).repeat(3, axis=1))
    assert engine.shape == (1, 3, 16, 16)
    assert method.tasks == {"super-resolve"}
    assert method.scales == {3}


def test_it_is_told_where_pixels_are_missing_also_in_the_padding() -> None:
    missing = np.zeros((6, 10), bool)
    missing[2, 3] = missing[4, 9] = True
    problem = Problem("inpaint", "p", degraded(6, 10, 3), missing=missing)
    mask = condition_maps(("mask",), problem, 8, 16)["mask"]
    assert mask.shape == (1, 1, 8, 16)
    assert np.array_equal(mask[0, 0, :6, :10] > 0, missing)
    assert mask[0, 0, :, 10:].sum() == 1  # mirrored at the edge: row 4 of column 9 is not, row 2 of column 3 is far
    assert not condition_maps(("mask",), noisy(degraded(6, 10, 3), 5), 8, 16)["mask"].any()


@pytest.mark.parametrize("shape", [(6, 10, 3), (6, 10)])
def test_what_is_not_missing_stays_bit_for_bit(shape: tuple[int, ...]) -> None:
    missing = np.zeros((6, 10), bool)
    missing[2, 3] = missing[4, 9] = True
    picture = degraded(*shape)
    picture[missing] = 0
    restored = ours(Filler(factors=(2, 3, 4)), Shape(8, conditions=("mask",)), task="inpaint").restore(
        Problem("inpaint", "p", picture, missing=missing)
    )
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored[~missing], picture[~missing])
    assert np.all(restored[missing] == 0.25)


def test_a_level_that_is_not_told_is_estimated(photo: np.ndarray) -> None:
    noise = np.random.default_rng(3).normal(0, 30 / 255, photo.shape).astype(np.float32)
    level = condition_maps(("noise_level",), noisy(photo + noise, None), 96, 128)["noise_level"]
    assert level[0, 0, 0, 0] * 255 == pytest.approx(30, abs=3)


def test_work_is_counted_with_the_padding() -> None:
    method = ours(Recorder(), Shape(16, macs_per_pixel=100.0))
    assert method.count_macs(noisy(degraded(17, 30, 3), 25)) == 100 * 32 * 32
    assert ours(Recorder(), Shape(16)).count_macs(noisy(degraded(17, 30, 3), 25)) is None


def test_a_denoiser_is_also_asked_about_real_noise() -> None:
    assert tasks_of("denoise") == {"denoise", "photo"}
    assert tasks_of("deblur") == {"deblur"}


def test_too_little_memory_is_the_pictures_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Recorder()

    def full(*_: object) -> Pixels:
        raise MemoryError("no room")

    monkeypatch.setattr(engine, "run", full)
    with pytest.raises(ModelError, match="8×16 does not fit"):
        ours(engine, Shape(8)).restore(noisy(degraded(8, 16, 3), 25))


def test_what_ships_by_default_can_be_measured() -> None:
    found = shipped(Setup(1))
    faithful = {card.task for card in map(catalog.by_name, catalog.names()) if card.variant == "faithful"}
    assert {task for method in found for task in method.tasks} >= faithful
    assert all(method.parameters and method.weights for method in found)
    card = catalog.find("denoise")
    (denoiser,) = [method for method in found if method.weights == card.sha256]
    assert denoiser.count_macs(noisy(degraded(20, 20, 3), 25)) == round(card.macs_per_pixel * 64 * 64)


@pytest.fixture
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is small and of every kind."""
    make_shelf(tmp_path)
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", tmp_path)


@pytest.mark.usefixtures("_shelf")
def test_of_each_task_and_scale_the_faithful_small_model_is_measured() -> None:
    found = shipped(Setup(1))
    jobs = [(task, scale) for method in found for task in method.tasks for scale in method.scales]
    assert sorted(jobs) == [
        ("deblur", 1), ("dejpeg", 1), ("denoise", 1), ("inpaint", 1), ("photo", 1),
        ("super-resolve", 2), ("super-resolve", 3), ("super-resolve", 4),
    ]  # fmt: skip
    wanted = {catalog.by_name(n).sha256 for n, (_, size, _, _, kind) in SHIPPING.items() if (size, kind) == SMALL}
    assert {method.weights for method in found} == wanted


SMALL = ("small", "faithful")


def test_without_a_model_for_real_noise_the_denoiser_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(tmp_path, "denoise-small")
    make_model(tmp_path, "super-resolve-real-small-x4")
    monkeypatch.setattr("pixelmend.catalog.shelf.FOLDER", tmp_path)
    (method,) = shipped(Setup(1))
    assert method.tasks == {"denoise", "photo"}


@pytest.mark.usefixtures("_shelf")
@pytest.mark.parametrize("name", SHIPPING)
def test_whatever_ships_is_measured_when_it_is_named_and_restores_as_the_restorer_does(name: str) -> None:
    (method,) = make_methods(["pixelmend"], [("pixelmend", name)], Setup(1)).methods
    card = catalog.by_name(name)
    assert method.weights == card.sha256
    assert method.scales == {card.scale}
    assert card.task in method.tasks
    missing = np.random.default_rng(6).random((21, 34)) < 0.2 if card.task == "inpaint" else None
    picture = np.clip(degraded(21, 34, 3), 0, 1)
    if missing is not None:
        picture[missing] = 0
    problem = Problem(next(iter(method.tasks)), "p", picture, 25, scale=card.scale, missing=missing)
    options = Options(sigma=25 if "noise_level" in card.conditions else None, mask=missing, anchor=False)
    as_array = ArrayPicture(picture, alpha=None, original=picture)
    expected, _ = restore_picture(as_array, card, OnnxEngine(card.path), options)
    np.testing.assert_allclose(np.clip(method.restore(problem), 0, 1), expected, atol=1e-6)


def write_model(path: Path) -> None:
    """A network that blurs over 3×3 and takes the noise level away, so that edges and conditions show."""
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[range(3), range(3)] = 1 / 9
    nodes = [
        helper.make_node("Conv", ["degraded", "kernel"], ["blurred"], pads=[1, 1, 1, 1]),
        helper.make_node("Sub", ["blurred", "noise_level"], ["restored"]),
    ]

    def value(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])

    weights = helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())
    inputs = [value("degraded", 3), value("noise_level", 1)]
    graph = helper.make_graph(nodes, "blur", inputs, [value("restored", 3)], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def card(tmp_path: Path) -> Card:
    write_model(tmp_path / "blur.onnx")
    card = Card(
        name="blur",
        task="denoise",
        size="small",
        file="blur.onnx",
        sha256=hashlib.sha256((tmp_path / "blur.onnx").read_bytes()).hexdigest(),
        parameters=81,
        scale=1,
        conditions=("noise_level",),
        multiple_of=16,
        minimum=32,
        tile=512,
        overlap=32,
        sigma_range=(0.0, 75.0),
        licence="CC0",
        training=Training(data=(), mpx=0.0, minutes=0.0, device="none", recipe="none"),
        scores=(),
        macs_per_pixel=81.0,
        folder=tmp_path,
    )
    (tmp_path / "blur.json").write_text(card.to_json())
    return card


def method_for(path: Path) -> Method:
    made = make_methods(["pixelmend"], [("pixelmend", str(path))], Setup(threads=1))
    assert not made.failed
    return made.methods[0]


@pytest.mark.parametrize("suffix", [".onnx", ".json"])
def test_it_is_what_its_card_says(card: Card, suffix: str) -> None:
    method = method_for(card.path.with_suffix(suffix))
    assert (method.label, method.parameters, method.weights) == ("pixelmend", 81, card.sha256)
    flat = np.full((40, 56, 3), 0.5, np.float32)
    assert np.allclose(method.restore(noisy(flat, 51))[1:-1, 1:-1], 0.3, atol=1e-6)
    assert method.count_macs(noisy(flat, 51)) == 81 * 48 * 64


@pytest.mark.parametrize("shape", [(50, 70, 3), (50, 70, 1), (5, 90, 3)])
def test_it_restores_as_the_restorer_does(card: Card, shape: tuple[int, ...]) -> None:
    pixels: Pixels = np.random.default_rng(4).normal(0.5, 0.2, shape).astype(np.float32)
    picture = ArrayPicture(pixels, alpha=None, original=pixels)
    expected, report = restore_picture(picture, card, OnnxEngine(card.path), Options(sigma=25, anchor=False))
    assert report.tiles == 1
    gray = shape[2] == 1
    restored = method_for(card.path).restore(noisy(pixels[..., 0] if gray else pixels, 25))
    assert np.allclose(np.clip(restored, 0, 1), expected[..., 0] if gray else expected, atol=1e-6)


def test_a_file_that_is_not_its_cards_is_named_and_not_used(card: Card) -> None:
    card.path.write_bytes(card.path.read_bytes() + b" ")
    made = make_methods(["pixelmend"], [("pixelmend", str(card.path))], Setup(threads=1))
    assert made.methods == ()
    assert "SHA-256" in made.failed[f"pixelmend ({card.path})"]


@pytest.mark.parametrize("file", ["absent.safetensors", "absent.onnx"])
def test_weights_that_are_missing_are_named(tmp_path: Path, file: str) -> None:
    made = make_methods(["pixelmend"], [("pixelmend", str(tmp_path / file))], Setup(threads=1))
    assert "absent" in next(iter(made.failed.values()))
    with pytest.raises(ModelError, match="absent"):
        checksum(tmp_path / file)


def test_a_file_of_one_size_is_not_measured(tiny_card: Path) -> None:
    card = replace(catalog.load(tiny_card), fixed=(32, 64), tile=64)
    with pytest.raises(UsageError, match="denoise-tiny takes 32×64 only, and whole pictures are measured"):
        from_card(card, Setup(threads=1))
