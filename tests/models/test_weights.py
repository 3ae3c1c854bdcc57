"""Weights on disk: whole or not at all, and an error that names the file where it is not one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save, save_file

from pixelmend.errors import ModelError, UnwritableError
from pixelmend.models import Hybrid, HybridConfig, load_model, save_model, weights
from pixelmend.models.weights import read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.tensor(2.5)}


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "w.safetensors"
    write_tensors({**TENSORS, "turned": TENSORS["a"].T}, path, {"σ": [1, None, "x"]})
    tensors, header = read_tensors(path)
    assert header == {"σ": [1, None, "x"]}
    assert all(torch.equal(tensors[key], value) for key, value in TENSORS.items())
    assert torch.equal(tensors["turned"], TENSORS["a"].T)
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_what_was_read_outlives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_tensors(TENSORS, path, {})
    tensors, _ = read_tensors(path)
    write_tensors({"a": torch.zeros(3, 4)}, path, {})
    path.unlink()
    assert torch.equal(tensors["a"], TENSORS["a"])


def test_a_parent_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwritableError, match=r"cannot make the folder .*file: "):
        write_tensors(TENSORS, tmp_path / "file" / "w.safetensors", {})


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(UnwritableError, match="cannot write"):
        write_tensors(TENSORS, path, {})
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_header_that_is_not_json_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="serializable"):
        write_tensors(TENSORS, tmp_path / "w.safetensors", {"x": object()})
    assert list(tmp_path.iterdir()) == []


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights at"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("data", [b"", b"not weights at all", b"\xff" * 64])
def test_not_a_safetensors_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        load_model(tmp_path / "w.safetensors")


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_tensors(TENSORS, path, {})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_tensors(path)


def test_weights_of_somebody_else(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="not written by pixelmend"):
        load_model(tmp_path / "w.safetensors")


def test_a_flipped_byte_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_tensors(TENSORS, path, {})
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")  # where the values begin
    for place in (start, start + 17, len(whole) - 1):
        data = bytearray(whole)
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"w\.safetensors is damaged"):
            read_tensors(path)
    path.write_bytes(whole)
    read_tensors(path)


def test_values_that_changed_their_names_are_told(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_tensors({"a": TENSORS["a"], "b": TENSORS["a"] + 1}, path, {})
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"a":', b'"?":').replace(b'"b":', b'"a":').replace(b'"?":', b'"b":'))
    with pytest.raises(ModelError, match="is damaged"):
        read_tensors(path)


def test_a_file_without_a_checksum_is_read_as_before(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "w.safetensors", {"pixelmend": '{"step": 3}'})
    tensors, header = read_tensors(tmp_path / "w.safetensors")
    assert header == {"step": 3}
    assert torch.equal(tensors["a"], TENSORS["a"])


def test_the_file_that_was_there_is_kept_where_asked(tmp_path: Path) -> None:
    path, previous = tmp_path / "w.safetensors", tmp_path / "w.previous.safetensors"
    for step in range(3):
        write_tensors(TENSORS, path, {"step": step}, previous=previous)
        assert read_tensors(path)[1]["step"] == step
        assert previous.exists() == (step > 0)
    assert read_tensors(previous)[1]["step"] == 1


def test_what_reads_back_differently_is_refused_and_both_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, previous = tmp_path / "w.safetensors", tmp_path / "w.previous.safetensors"
    for step in range(2):
        write_tensors(TENSORS, path, {"step": step}, previous=previous)
    before = path.read_bytes(), previous.read_bytes()

    def forgetful(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
        data = bytearray(save(tensors, metadata))
        data[-1] ^= 1
        return bytes(data)

    monkeypatch.setattr(weights, "save", forgetful)
    with pytest.raises(UnwritableError, match=r"cannot write .*reads back differently"):
        write_tensors(TENSORS, path, {"step": 2}, previous=previous)
    assert (path.read_bytes(), previous.read_bytes()) == before
    assert sorted(tmp_path.iterdir()) == sorted([path, previous])


@pytest.mark.parametrize("header", [{}, {"model": {"widths": [1]}}, {"model": {"window": 4}}])
def test_weights_that_do_not_fit_their_header(tmp_path: Path, header: dict[str, object]) -> None:
    write_tensors(TENSORS, tmp_path / "w.safetensors", header)
    with pytest.raises(ModelError, match="does not hold a network") as caught:
        load_model(tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)


def test_the_shape_of_the_network_is_ours_to_say(tmp_path: Path) -> None:
    config = HybridConfig(
        widths=(8, 8), encoder_blocks=(0, 0), decoder_blocks=(0,), context=(), window=8, head_width=8, feed_forward=1
    )
    save_model(Hybrid(config), tmp_path / "w.safetensors", {"model": "overwritten", "step": 3})
    assert load_model(tmp_path / "w.safetensors").config == config
