"""Which engine is chosen: what is named, what alone is there, what is done first; and what a user is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pixelmend import catalog
from pixelmend.errors import MissingExtraError, ModelError, UnknownNameError, UsageError
from pixelmend.inference import OnnxEngine, Wish, cached_engine, choose
from pixelmend.inference.engines import choice, unused_gpu
from pixelmend.inference.engines.table import KINDS, find_kind
from pixelmend.inference.engines.timings import Timing, cache_file
from tests.inference.engines.fakes import Same, SameOnGpu, kind, unloadable
from tests.quantized_model import make_quantized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pixelmend.catalog import Card
    from pixelmend.inference.engines.table import Kind

ONNX = KINDS["onnxruntime"]
QUICK, STEADY = kind("quick"), kind("steady", precisions=("float32",))
FIGURES = {
    "onnxruntime": Timing("onnxruntime", "cpu", "float32", megapixels_per_second=1.0, start_seconds=0.0),
    "quick": Timing("quick", "cpu", "bfloat16", megapixels_per_second=2.0, start_seconds=1.0),
    "steady": Timing("steady", fault="it cannot"),
}


class Measuring:
    """Stands in for measuring, and keeps what was asked."""

    def __init__(self, figures: dict[str, Timing]) -> None:
        self.figures = figures
        self.asked: list[list[str]] = []

    def __call__(self, card: Card, kinds: Sequence[Kind], wish: Wish, *, fresh: bool = False) -> tuple[Timing, ...]:
        """See ``timings``."""
        self.asked.append([each.name for each in kinds])
        return tuple(self.figures[each.name] for each in kinds)


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Measuring:
    fake = Measuring(FIGURES)
    monkeypatch.setattr("pixelmend.inference.engines.timings.timings", fake)
    return fake


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment names no engine, there is no GPU, and the cache is empty."""
    monkeypatch.delenv("PIXELMEND_ENGINE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "find_gpu", lambda: "")


@pytest.fixture
def card(tiny_card: Path) -> Card:
    return catalog.load(tiny_card)


def install(monkeypatch: pytest.MonkeyPatch, *kinds: Kind) -> None:
    monkeypatch.setattr(choice, "installed", lambda: kinds)


def test_the_only_engine_is_taken_without_measuring_or_writing(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, ONNX)
    chosen = choose(card)
    assert (chosen.kind, chosen.timings) == (ONNX, ())
    assert isinstance(cached_engine(card), OnnxEngine)
    assert measuring.asked == []
    assert not cache_file().parent.exists()


def test_of_several_the_one_that_is_done_first_with_a_picture_of_that_size(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, ONNX, QUICK, STEADY)
    # 1 second to start and half a second for a megapixel, against a second for each: even at 2 megapixels
    assert choose(card, megapixels=1.9).kind == ONNX
    assert choose(card, megapixels=2.1).kind == QUICK
    assert measuring.asked == [["onnxruntime", "quick", "steady"]] * 2
    assert isinstance(cached_engine(card, megapixels=24), Same)


def test_where_no_engine_can_run_the_model_the_first_says_why(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, ONNX, STEADY)
    measuring.figures = {**FIGURES, "onnxruntime": Timing("onnxruntime", fault="broken")}
    (tmp_path / card.file).write_bytes(b"not a model")
    broken = replace(card, folder=tmp_path)
    assert choose(broken).kind == ONNX
    with pytest.raises(ModelError, match="not a model that can be run"):
        cached_engine(broken)
    with pytest.raises(ModelError, match="no model at"):
        choose(replace(card, folder=tmp_path / "nowhere"))


def test_an_engine_is_named_by_option_or_environment_and_the_option_wins(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "find_kind", {"onnxruntime": ONNX, "quick": QUICK}.__getitem__)
    install(monkeypatch, ONNX, QUICK)
    monkeypatch.setenv("PIXELMEND_ENGINE", "quick")
    assert choose(card).kind == QUICK
    assert choose(card, Wish(engine="onnxruntime")).kind == ONNX
    monkeypatch.setenv("PIXELMEND_ENGINE", "")
    assert choose(card, megapixels=9).kind == QUICK
    assert len(measuring.asked) == 1


def test_engines_that_are_unknown_or_absent_are_told_with_what_to_do(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'openvino'"):
        choose(card, Wish(engine="openvin"))
    absent = replace(find_kind("openvino"), modules=("no_such_module",))
    monkeypatch.setattr(choice, "find_kind", lambda _name: absent)
    with pytest.raises(MissingExtraError, match=r"needs no_such_module.*pip install 'pixelmend\[openvino\]'"):
        choose(card, Wish(engine="openvino"))


def test_a_device_leaves_only_engines_that_have_it(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = kind("gpu", SameOnGpu)
    install(monkeypatch, ONNX, QUICK, gpu)
    assert choose(card, Wish(device="cuda")).kind == gpu
    assert cached_engine(card, Wish(device="cuda")).device == "cuda"
    assert measuring.asked == []
    with pytest.raises(UsageError, match="'abacus' is not available here: choose one of: auto, cuda, cpu"):
        choose(card, Wish(device="abacus"))


def test_a_precision_leaves_only_engines_that_have_it(
    card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, ONNX, QUICK, STEADY)
    quantized = make_quantized(tmp_path)
    for precision in ("auto", "int8", "float32"):
        choose(quantized, Wish(precision=precision))
    choose(card, Wish(precision="float32"))
    both = ["onnxruntime", "quick", "steady"]
    assert measuring.asked == [both, ["onnxruntime", "quick"], ["onnxruntime", "steady"], both]
    with pytest.raises(UsageError, match=r"denoise-tiny computes in float32.*leave precision"):
        choose(card, Wish(precision="int8"))
    with pytest.raises(UnknownNameError, match="choose one of: auto, float32, int8"):
        Wish(precision="double")


def test_a_gpu_that_nothing_can_use_is_told(card: Card, measuring: Measuring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_gpu", lambda: "NVIDIA")
    for kinds in ((QUICK,), (ONNX, QUICK)):
        install(monkeypatch, *kinds)
        assert "an NVIDIA GPU is there" in unused_gpu(card)
        assert "pip install" in unused_gpu(card)
    # whoever asks for something gets it without remarks
    assert unused_gpu(card, Wish(device="cpu")) == ""
    assert unused_gpu(card, Wish(engine="onnxruntime")) == ""
    # one that runs on it, even if it is not the fastest
    install(monkeypatch, kind("gpu", SameOnGpu))
    assert unused_gpu(card) == ""
    install(monkeypatch, ONNX, QUICK)
    measuring.figures = {**FIGURES, "quick": replace(FIGURES["quick"], device="cuda")}
    assert choose(card).kind == ONNX
    assert unused_gpu(card) == ""


def test_an_engine_that_does_not_load_is_said_where_it_is_named_and_else_left_out(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = kind("gpu", SameOnGpu)
    install(monkeypatch, unloadable("broken"), gpu)
    assert choose(card, Wish(device="cuda")).kind == gpu
    monkeypatch.setattr(choice, "find_kind", unloadable)
    with pytest.raises(UsageError, match=r"Unloadable is installed but does not load.*choose another engine"):
        choose(card, Wish(engine="broken"))


@pytest.mark.parametrize(("saturates", "asked"), [(False, [["onnxruntime", "quick"]]), (True, [])])
def test_an_engine_whose_sums_clip_on_this_processor_is_not_chosen_for_int8(
    tmp_path: Path, measuring: Measuring, monkeypatch: pytest.MonkeyPatch, *, saturates: bool, asked: list[list[str]]
) -> None:
    clipping = replace(QUICK, clips=True)
    install(monkeypatch, ONNX, clipping)
    monkeypatch.setattr(choice, "sums_saturate", lambda _machine: saturates)
    monkeypatch.setattr(choice, "find_kind", lambda _name: clipping)
    quantized = make_quantized(tmp_path)
    assert choose(quantized, megapixels=100).kind == (ONNX if saturates else clipping)
    assert measuring.asked == asked
    assert choose(quantized, Wish(engine="quick")).kind == clipping
    assert choose(replace(quantized, precision="float32"), megapixels=100).kind == clipping


def test_a_started_engine_is_kept_until_its_file_changes(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, ONNX)
    (tmp_path / card.file).write_bytes(card.path.read_bytes())
    copy = replace(card, folder=tmp_path)
    first = cached_engine(copy)
    assert cached_engine(copy) is first
    assert cached_engine(copy, Wish(device="cpu")) is not first
    assert cached_engine(copy, Wish(precision="float32")) is not first
    (tmp_path / card.file).write_bytes(b"broken now")
    with pytest.raises(ModelError, match="not a model"):
        cached_engine(copy)


def test_the_first_engine_of_the_table_is_what_every_installation_has() -> None:
    assert next(iter(KINDS)) == "onnxruntime"
    assert KINDS["onnxruntime"].is_installed()
    assert not KINDS["onnxruntime"].extra
    assert KINDS["onnxruntime"].version()[0].isdigit()
    assert replace(KINDS["onnxruntime"], distributions=("no-such-package",)).version() == "unknown"
    assert all(each.place.startswith("pixelmend.") and each.name == name for name, each in KINDS.items())
