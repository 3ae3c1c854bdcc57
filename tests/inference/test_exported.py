"""Networks of the learn half, exported and run by the run half: what enlarges, and what is told a mask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pixelmend import catalog
from pixelmend.export import export
from pixelmend.images import open_image
from pixelmend.inference import Options, cached_engine, restore_picture
from pixelmend.models import Hybrid, HybridConfig, save_model

if TYPE_CHECKING:
    from pathlib import Path

# Convolutions alone see only so far: a piece then knows all that the whole picture knows.
SMALL: dict[str, Any] = {
    "widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "context": ("convolution",), "head_width": 8,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "super-resolve": {"scale": 2, "conditions": ()},
    "inpaint": {"conditions": ("mask",)},
}


def make(task: str) -> Hybrid:
    """A network whose every part has a say: fresh gains and a fresh head are zero."""
    torch.manual_seed(1)
    model = Hybrid(HybridConfig(**SMALL, **KINDS[task]))
    for name, parameter in model.named_parameters():
        if "gain" in name or "head" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module", params=KINDS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> catalog.Card:
    folder: Path = tmp_path_factory.mktemp("exported")
    recipe = {
        "name": f"{request.param}-tiny", "task": request.param, "size": "small", "licence": "Apache-2.0",
        "data": {"sources": [{"name": "made here", "pictures": 2, "licence": "CC0"}]}, "damage": {},
    }  # fmt: skip
    header = {"recipe": recipe, "step": 10, "mpx": 1.25, "minutes": 0.5, "device": "test"}
    save_model(make(request.param), folder / "weights.safetensors", header)
    export(folder / "weights.safetensors", folder, tile=64, overlap=32, storage="float32")
    return catalog.load(folder / f"{request.param}-tiny.json")


def test_a_network_that_was_exported_runs_whole_and_in_pieces(exported: catalog.Card) -> None:
    rng = np.random.default_rng(8)
    picture = rng.random((101, 75, 3), dtype=np.float32)
    lost = rng.random((101, 75)) < 0.3 if "mask" in exported.conditions else None
    engine = cached_engine(exported)
    whole, one = restore_picture(
        open_image(picture), replace(exported, tile=512), engine, Options(mask=lost, anchor=False)
    )
    pieces, many = restore_picture(open_image(picture), exported, engine, Options(mask=lost, anchor=False))
    assert (one.tiles, many.tiles) == (1, 6)
    assert whole.shape == (101 * exported.scale, 75 * exported.scale, 3)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)

    given = picture if lost is None else np.where(lost[..., None], 0, picture)
    rows, columns = (exported.multiple_of - length % exported.multiple_of for length in (101, 75))

    def planes(array: np.ndarray) -> torch.Tensor:
        padded = np.pad(array, ((0, rows), (0, columns), (0, 0)), mode="reflect")
        return torch.from_numpy(padded.astype(np.float32)).permute(2, 0, 1)[None]

    told = [] if lost is None else [planes(lost[..., None])]
    with torch.inference_mode():
        restored = make(exported.task)(planes(given), *told)[0].permute(1, 2, 0).clamp(0, 1).numpy()
    wanted = restored[: whole.shape[0], : whole.shape[1]]
    if lost is not None:
        wanted = np.where(lost[..., None], wanted, picture)
        assert np.abs(wanted - given)[lost].mean() > 0.01  # the network does something
    np.testing.assert_allclose(whole, wanted, atol=1e-4)
