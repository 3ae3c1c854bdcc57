"""Networks as methods: the network itself runs, it is told what it wants, and files that do not fit are named."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file

from pixelmend.errors import MissingExtraError, ModelError, UnknownNameError, UsageError
from pixelmend.evaluation import METHODS, Method, Problem, Setup, make_methods
from pixelmend.evaluation.methods import NETWORKS
from pixelmend.evaluation.methods.networks import ANY
from pixelmend.export.torch_engine import TorchEngine
from pixelmend.images import read_float
from pixelmend.inference.sizes import crop, pad
from pixelmend.models import Hybrid, HybridConfig, save_model
from pixelmend.models.architectures import build, read_config
from pixelmend.models.baselines import DnCNN

if TYPE_CHECKING:
    from collections.abc import Sequence

Pixels = npt.NDArray[np.float32]
SETUP = Setup(threads=1)
EXAMPLES = Path(__file__).parents[3] / "examples"
TINY = {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "head_width": 8, "context": ("window",)}


def dncnn_file(path: Path, channels: int) -> Path:
    torch.manual_seed(1)
    save_file(DnCNN(channels, depth=3, width=4).state_dict(), path)
    return path


def degraded(*shape: int) -> Pixels:
    return np.random.default_rng(2).normal(0.5, 0.4, shape).astype(np.float32)


def noisy(picture: Pixels, sigma: float = 25) -> Problem:
    return Problem("denoise", "p", picture, sigma)


def make(names: Sequence[str], weights: Sequence[tuple[str, object]] = (), setup: Setup = SETUP) -> tuple[Method, ...]:
    made = make_methods(names, [(name, str(file)) for name, file in weights], setup)
    assert not made.failed, made.failed
    return made.methods


def why(name: str, file: object) -> str:
    """What is said of a file that cannot be used."""
    made = make_methods([name, "degraded"], [(name, str(file))], SETUP)
    assert [method.name for method in made.methods] == ["degraded"]
    (reason,) = made.failed.values()
    return reason


@pytest.mark.parametrize(("channels", "shape"), [(1, (7, 9)), (3, (7, 9, 3))])
def test_dncnn_is_the_network_itself(tmp_path: Path, channels: int, shape: tuple[int, ...]) -> None:
    path = dncnn_file(tmp_path / "w.safetensors", channels)
    (method,) = make(["dncnn"], [("dncnn", path)])
    picture = degraded(*shape)
    before = picture.copy()
    restored = method.restore(noisy(picture))
    torch.manual_seed(1)
    model = DnCNN(channels, depth=3, width=4)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture.reshape(7, 9, channels)).permute(2, 0, 1)[None])
    assert np.allclose(restored, expected[0].permute(1, 2, 0).numpy().reshape(shape), atol=1e-6)
    assert np.array_equal(picture, before)
    assert method.colors == {"gray" if channels == 1 else "rgb"}
    assert method.parameters == sum(p.numel() for p in model.parameters())
    assert method.weights == hashlib.sha256(path.read_bytes()).hexdigest()
    macs = 9 * (channels * 4 + 4 * 4 + 4 * channels) * 63
    assert method.count_macs(noisy(picture)) == macs


def test_a_colour_network_of_ours_takes_gray_through_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_model(build(read_config({"architecture": "dncnn", "depth": 3, "width": 8})), path, {})
    (method,) = make(["dncnn"], [("dncnn", path)])
    assert method.colors == {"rgb", "gray"}
    picture = degraded(7, 9)
    colour = np.repeat(picture[..., np.newaxis], 3, axis=2)
    assert np.allclose(method.restore(noisy(picture)), method.restore(noisy(colour)).mean(axis=2), atol=1e-6)


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """Gains start at zero, which would hide a wrong condition."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model.eval()


def test_a_checkpoint_of_ours_is_measured_as_it_is(tmp_path: Path) -> None:
    config = HybridConfig.model_validate({**TINY, "conditions": ("noise_level",)})
    model = shaken(Hybrid(config))
    header = {"recipe": {"name": "short", "task": "denoise"}, "step": 7, "mpx": 3.2, "minutes": 2.0, "device": "a chip"}
    save_model(model, tmp_path / "ours.safetensors", header)  # type: ignore[arg-type]
    (method,) = make(["pixelmend"], [("pixelmend", tmp_path / "ours.safetensors")])
    side = 2 * config.multiple_of
    picture = degraded(side, side, 3)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture).permute(2, 0, 1)[None], torch.full((1, 1, 1, 1), 30 / 255))
    at_30 = method.restore(noisy(picture, 30))
    assert np.allclose(at_30, expected[0].permute(1, 2, 0).numpy(), atol=1e-4)
    assert not np.allclose(method.restore(noisy(picture, 60)), at_30, atol=1e-4)
    assert method.restore(noisy(degraded(side - 3, 5), 30)).shape == (side - 3, 5)
    assert method.note == "trained here by the recipe short: 2 minutes, 7 steps, 3 megapixels, on a chip"
    assert method.count_macs(noisy(picture)) == pytest.approx(method.count_macs(noisy(degraded(side - 3, side, 3))))


def test_a_checkpoint_that_is_told_nothing_is_told_nothing(tmp_path: Path) -> None:
    path = tmp_path / "blind.safetensors"
    save_model(Hybrid(HybridConfig.model_validate({**TINY, "conditions": ()})), path, {})
    (method,) = make(["pixelmend"], [("pixelmend", path)])
    picture = degraded(16, 16, 3)
    assert np.array_equal(method.restore(noisy(picture)), picture)  # it starts as the identity


def test_networks_know_their_task_and_scale(tmp_path: Path) -> None:
    path = tmp_path / "x3.safetensors"
    save_model(Hybrid(HybridConfig.model_validate({**TINY, "scale": 3})), path, {"recipe": {"task": "super-resolve"}})
    (method,) = make(["pixelmend"], [("pixelmend", path)])
    assert method.tasks == {"super-resolve"}
    assert method.scales == {3}
    larger = method.restore(Problem("super-resolve", "p", degraded(6, 7, 3), sigma=0, scale=3))
    assert larger.shape == (18, 21, 3)


def test_a_baseline_that_a_recipe_trained_is_measured_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "srcnn.safetensors"
    model = build(read_config({"architecture": "srcnn", "scale": 2}))
    save_model(model, path, {"recipe": {"task": "super-resolve", "name": "srcnn-x2"}})
    (method,) = make(["srcnn"], [("srcnn", path)])
    assert method.name == "srcnn"
    assert method.tasks == {"super-resolve"}
    assert method.scales == {2}
    assert method.restore(Problem("super-resolve", "p", degraded(6, 7, 3), scale=2)).shape == (12, 14, 3)
    assert "holds a srcnn, wanted a vdsr" in why("vdsr", path)
    assert "--methods srcnn" in why("pixelmend", path)


@pytest.mark.parametrize("conditions", [("noise_level", "mask"), ("mask", "noise_level"), ()])
def test_the_engine_tells_the_network_what_it_wants_in_its_order(
    conditions: tuple[Literal["noise_level", "mask"], ...],
) -> None:
    model = shaken(Hybrid(HybridConfig.model_validate({**TINY, "conditions": conditions})))
    picture = degraded(1, 3, 16, 16)
    told = {"mask": degraded(1, 1, 16, 16), "noise_level": degraded(1, 1, 16, 16) + 1}
    given: dict[str, Pixels] = {name: told[name] for name in sorted(conditions)}
    with torch.no_grad():
        expected = model(torch.from_numpy(picture), *(torch.from_numpy(told[name]) for name in conditions))
    engine = TorchEngine(model, conditions, "cpu", precision="float32", threads=1)
    assert np.allclose(engine.run(picture, given), expected.numpy(), atol=1e-5)
    with pytest.raises(ModelError, match="wanted"):
        engine.run(picture, {**given, "depth": told["mask"]})


def test_a_network_that_gives_no_number_is_an_error(tmp_path: Path) -> None:
    weights = {name: torch.full_like(tensor, torch.nan) for name, tensor in DnCNN(1, 3, 4).state_dict().items()}
    save_file(weights, tmp_path / "nan.safetensors")
    (method,) = make(["dncnn"], [("dncnn", tmp_path / "nan.safetensors")])
    with pytest.raises(ModelError, match="not finite"):
        method.restore(noisy(degraded(7, 9)))


def test_methods_come_in_the_order_asked_for_and_labels_tell_weights_apart(tmp_path: Path) -> None:
    gray, rgb = (dncnn_file(tmp_path / f"{n}.safetensors", c) for n, c in (("gray", 1), ("rgb", 3)))
    methods = make(["degraded", "dncnn"], [("dncnn", gray), ("dncnn", rgb)])
    assert [method.label for method in methods] == ["degraded", "dncnn (gray)", "dncnn (rgb)"]
    (alone,) = make(["dncnn"], [("dncnn", gray)])
    assert alone.label == alone.name == "dncnn"


def test_labels_have_as_many_folders_as_tell_files_apart(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/one/weights.safetensors", "b/one/weights.safetensors")]
    for path in (*paths, tmp_path / "b" / "two" / "weights.safetensors"):
        path.parent.mkdir(parents=True, exist_ok=True)
        dncnn_file(path, 1)
    methods = make(["dncnn"], [("dncnn", path) for path in paths])
    assert [method.label for method in methods] == ["dncnn (a/one/weights)", "dncnn (b/one/weights)"]
    beside = [("dncnn", path) for path in (paths[1], tmp_path / "b" / "two" / "weights.safetensors")]
    assert [method.label for method in make(["dncnn"], beside)] == ["dncnn (one/weights)", "dncnn (two/weights)"]


def test_labels_have_the_suffix_where_nothing_else_tells_files_apart(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".sft"):
        dncnn_file(tmp_path / f"w{suffix}", 1)
    methods = make(["dncnn"], [("dncnn", tmp_path / f"w{suffix}") for suffix in (".safetensors", ".sft")])
    assert [method.label for method in methods] == ["dncnn (w.safetensors)", "dncnn (w.sft)"]


def test_a_file_that_is_named_twice_is_measured_once(tmp_path: Path) -> None:
    path = dncnn_file(tmp_path / "w.safetensors", 1)
    (method,) = make(["dncnn"], [("dncnn", path), ("dncnn", path)])
    assert method.label == "dncnn"


def test_weights_for_different_tasks_share_a_label(tmp_path: Path) -> None:
    paths = []
    for scale in (2, 3):
        paths.append(tmp_path / f"x{scale}.safetensors")
        config = HybridConfig.model_validate({**TINY, "scale": scale, "conditions": ()})
        save_model(Hybrid(config), paths[-1], {"recipe": {"task": "super-resolve"}})
    methods = make(["pixelmend"], [("pixelmend", path) for path in paths])
    assert [method.label for method in methods] == ["pixelmend", "pixelmend"]


def test_an_unknown_method_is_told_its_neighbour() -> None:
    assert {"pixelmend", "degraded", "bm3d", "swinir", "diffusion"} <= set(METHODS)
    with pytest.raises(UnknownNameError, match="did you mean 'dncnn'"):
        make(["dnccn"])


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        (["dncnn"], [], "--weights dncnn=FILE"),
        (["degraded"], [("degraded", "x.onnx")], "^degraded takes no weights"),
        (["degraded"], [("dncnn", "x.safetensors")], "not measured"),
        (["pixelmend"], [("pixelmend", "x.pth")], "x.pth"),
    ],
)
def test_weights_that_do_not_fit_are_misuse(names: list[str], weights: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(names, weights)


def test_files_that_cannot_be_used_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    pickle = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(1)}, pickle)
    assert "pickle" in why("swinir", pickle)
    assert "convert" in why("dncnn", pickle)
    unknown = tmp_path / "unknown.safetensors"
    save_file({"strange.weight": torch.zeros(2, 2)}, unknown)
    for name in ("dncnn", "swinir", "srcnn"):
        assert str(unknown) in why(name, unknown)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no tensors")
    assert str(broken) in why("nafnet", broken)
    assert "absent" in why("restormer", tmp_path / "absent.safetensors")


def test_without_pytorch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("evaluation.methods.networks", "export.torch_engine"):
        monkeypatch.delitem(sys.modules, f"pixelmend.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"torch.*pixelmend\[train\]"):
        make(["dncnn"], [("dncnn", tmp_path / "w.safetensors")])


def test_a_device_or_threads_that_cannot_be_are_misuse(tmp_path: Path) -> None:
    path = dncnn_file(tmp_path / "w.safetensors", 1)
    with pytest.raises(UsageError, match="device"):
        make(["dncnn"], [("dncnn", path)], Setup(threads=1, device="abacus"))
    with pytest.raises(UsageError, match="threads"):
        Setup(threads=0)


SMALL: dict[str, dict[str, object]] = {
    "srcnn": {"scale": 2},
    "vdsr": {"scale": 2},
    "dncnn": {"depth": 3, "width": 8},
    "unet": {},
    "tnrd": {},
    "deblurgan": {"width": 8, "blocks": 1},
    "rrdb": {"scale": 2, "width": 8, "blocks": [1]},
    "swinir": {"scale": 2, "width": 24, "blocks": [2, 2, 2, 2]},
    "ipt": {"width": 8},
    "restormer": {"width": 8, "blocks": [1, 1, 1, 1, 1]},
    "nafnet": {"width": 4, "blocks": [1] * 9},
    "drunet": {"width": 8, "blocks": [1]},
    "scunet": {"blocks": [1] * 7},
    "uformer": {"width": 16, "blocks": [1] * 9},
}


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != ANY])
def test_every_network_runs_on_a_real_picture_as_a_recipe_leaves_it(tmp_path: Path, name: str) -> None:
    """A crop of a photograph whose sides suit no network: what the network gives, padded and cropped."""
    config = read_config({"architecture": name, **SMALL[name]})
    torch.manual_seed(3)
    model = build(config).eval()
    task = "super-resolve" if config.scale > 1 else "denoise"
    save_model(model, tmp_path / "w.safetensors", {"recipe": {"task": task}})
    (method,) = make([name], [(name, tmp_path / "w.safetensors")])
    picture = read_float(EXAMPLES / "lighthouse_noisy.png", color="rgb")[40:83, 60:97]
    problem = Problem(task, "p", picture, sigma=25, scale=config.scale)  # type: ignore[arg-type]
    restored = method.restore(problem)
    assert restored.shape == problem.wanted_shape
    assert np.isfinite(restored).all()
    assert method.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert (method.count_macs(problem) or 0) > 43 * 37
    again = method.restore(problem)
    assert np.array_equal(restored, again)
    needs = config.multiple_of
    height, width = (-(-side // needs) * needs for side in picture.shape[:2])
    padded = pad(picture, height, width)
    planes = torch.from_numpy(padded.transpose(2, 0, 1)[np.newaxis].copy())
    level = [torch.full((1, 1, height, width), 25 / 255)] * len(config.conditions)
    with torch.no_grad():
        expected = model(planes, *level)[0].permute(1, 2, 0).numpy()
    assert np.allclose(restored, crop(expected, *problem.wanted_shape[:2]), atol=1e-4)


def test_any_network_that_spandrel_knows_is_measured(tmp_path: Path) -> None:
    config = read_config({"architecture": "nafnet", **SMALL["nafnet"]})
    network = build(config).network
    path = tmp_path / "theirs.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)  # type: ignore[union-attr]
    (method,) = make(["published"], [("published", path)])
    assert (method.label, method.note) == ("NAFNet", "published weights")
    picture = read_float(EXAMPLES / "lighthouse_noisy.png", color="rgb")[40:83, 60:97]
    assert method.restore(noisy(picture)).shape == picture.shape
    assert {"denoise", "deblur", "dejpeg", "photo"} == method.tasks
    assert "holds a NAFNet, wanted a swinir" in why("swinir", path)
