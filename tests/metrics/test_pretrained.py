"""Pretrained features from files good and bad and from the hub, and what no network compares."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import AlexNet_Weights

from pixelmend.errors import DataError, MissingExtraError, ModelError, UsageError
from pixelmend.metrics.pretrained import check_pictures, hub_features, read_features

if TYPE_CHECKING:
    from pathlib import Path

WANTED = {"0.weight": torch.Size([4, 3, 2, 2]), "0.bias": torch.Size([4]), "3.weight": torch.Size([2, 4, 1, 1])}


def _tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in WANTED.items()}


@pytest.mark.parametrize("prefix", ["", "features."])
def test_the_wanted_tensors_are_read_and_no_others(prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "of-any-name.safetensors"
    halves = {f"{prefix}{name}": tensor.half() for name, tensor in _tensors().items()}
    save_file({**halves, "classifier.0.weight": torch.zeros(2, 2)}, path)
    found = read_features(path, WANTED)
    assert found.keys() == WANTED.keys()
    for name, tensor in _tensors().items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], tensor.half().float())


def test_what_was_read_outlives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "features.safetensors"
    save_file(_tensors(), path)
    found = read_features(path, WANTED)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert all(torch.equal(found[name], tensor) for name, tensor in _tensors().items())


@pytest.mark.parametrize("broken", ["missing", "folder", "text", "pickle", "cut", "another network", "wrong shape"])
def test_a_file_that_does_not_fit_is_named(broken: str, tmp_path: Path) -> None:
    path, finding = tmp_path / "features.safetensors", r"features\.safetensors cannot be read"
    save_file(_tensors(), path)
    if broken in ("missing", "folder"):
        path.unlink()
    if broken == "folder":
        path.mkdir()
    elif broken == "text":
        path.write_text("not weights")
    elif broken == "pickle":
        torch.save(_tensors(), path)
    elif broken == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif broken == "another network":
        save_file({"0.weight": _tensors()["0.weight"]}, path)
        finding = r"features\.safetensors holds no 0\.bias or features\.0\.bias"
    elif broken == "wrong shape":
        save_file({**_tensors(), "3.weight": torch.zeros(2, 3)}, path)
        finding = r"3\.weight in .*features\.safetensors is \(2, 3\), wanted \(2, 4, 1, 1\)"
    with pytest.raises(ModelError, match=finding) as caught:
        read_features(path, WANTED)
    assert "\n" not in str(caught.value)


def test_the_hub_gives_checked_tensors_and_prints_no_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def hub(url: str, **how: object) -> dict[str, torch.Tensor]:
        print("Downloading")  # as the hub does
        asked.update(how, url=url)
        return {f"features.{name}": tensor for name, tensor in _tensors().items()}

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", hub)
    found = hub_features("AlexNet_Weights", WANTED, instead="give up")
    assert asked["url"] == AlexNet_Weights.IMAGENET1K_V1.url
    assert asked["weights_only"] is True
    assert asked["check_hash"] is True
    assert capsys.readouterr().out == ""
    assert all(torch.equal(found[name], tensor) for name, tensor in _tensors().items())


def test_without_a_connection_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UsageError, match=r"alexnet-.*no route to host.*name a file of them") as caught:
        hub_features("AlexNet_Weights", WANTED, instead="name a file of them")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"not weights", b"PK\x03\x04 cut short"])
def test_a_broken_download_is_told(data: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "checkpoints" / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    with pytest.raises(UsageError, match=r"alexnet-.* cannot be had") as caught:
        hub_features("AlexNet_Weights", WANTED, instead="name a file of them")
    assert "\n" not in str(caught.value)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(MissingExtraError, match="needs torchvision"):
        hub_features("AlexNet_Weights", WANTED, instead="name a file of them")


@pytest.mark.parametrize(
    ("shapes", "finding"),
    [
        (((1, 3, 40, 40), (1, 3, 40, 41)), "one shape"),
        (((1, 3, 19, 40), (1, 3, 19, 40)), "SOME needs .* at least 20"),
        (((1, 1, 40, 40), (1, 1, 40, 40)), "needs"),
        (((3, 40, 40), (3, 40, 40)), "needs"),
    ],
)
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], ...], finding: str) -> None:
    check_pictures("SOME", 20, torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20))
    with pytest.raises(DataError, match=finding):
        check_pictures("SOME", 20, torch.zeros(shapes[0]), torch.zeros(shapes[1]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(value: float) -> None:
    clean = torch.zeros(2, 3, 20, 20)
    broken = clean.clone()
    broken[1, 0, 0, 0] = value
    with pytest.raises(DataError, match="restored pictures hold values that are not finite"):
        check_pictures("SOME", 20, broken, clean)
    with pytest.raises(DataError, match="clean pictures hold"):
        check_pictures("SOME", 20, clean, broken)
