"""An exported network for ncnn, which runs it on phones and boards: converted by pnnx, refused unless it is the same.

ncnn computes in floating point, with weights in float16: where a file computes with whole numbers, what stands for them
is taken instead.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from pixelmend.catalog import verify
from pixelmend.errors import MissingExtraError, ModelError
from pixelmend.export.opset import write_out_norms
from pixelmend.export.parity import example, psnr_between
from pixelmend.export.static import drop_quantizing, make_static
from pixelmend.export.variants import check_size
from pixelmend.files import make_folder, replacing
from pixelmend.inference import OnnxEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pixelmend.catalog import Card

SAME_DB = 45.0
"""PSNR between ncnn's and ONNX Runtime's result, data range 1, that a conversion must reach; float16 costs some."""
_PATIENCE = 300
"""Seconds that the converter may take."""


@dataclass(frozen=True)
class Ncnn:
    """What ``write_ncnn`` wrote.

    Attributes:
        param: The network, as text.
        bin: Its weights.
        takes: What goes in and comes out under which name, in words.
        psnr: Between its result and that of the ONNX file in floating point, dB, data range 1.
    """

    param: Path
    bin: Path
    takes: str
    psnr: float


def write_ncnn(card: Card, folder: Path, size: tuple[int, int]) -> Ncnn:
    """Write NAME-HxW.ncnn.param and NAME-HxW.ncnn.bin.

    Args:
        card: Of an exported network.
        folder: Where to; made if it is not there.
        size: (height, width) of what goes in, pixels.

    Raises:
        MissingExtraError: ncnn or pnnx is not installed.
        ModelError: The file is damaged, the converter does not take it, or ncnn gives something else: nothing is
            written.
        UnwritableError: The folder cannot be written.
        UsageError: The size does not fit.
    """
    try:
        import ncnn  # noqa: F401
        import pnnx
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "ncnn", "ncnn") from None
    check_size(card, size)
    verify(card)
    network = onnx.load(card.path)
    drop_quantizing(network)
    network = make_static(network, *size, card.scale)
    degraded, told = example(card.conditions, *size)
    with tempfile.TemporaryDirectory(prefix="pixelmend-") as place:
        plain = Path(place) / "plain.onnx"
        plain.write_bytes(network.SerializeToString())
        wanted = OnnxEngine(plain, "cpu").run(degraded, told)
        # pnnx loses along which axis a norm is, where there are four
        write_out_norms(network)
        param, weights = _convert(network, Path(place), pnnx.EXEC_PATH)
        psnr = psnr_between(_run(param, weights, [degraded, *told.values()], wanted.shape), wanted)
        if not psnr >= SAME_DB:  # NaN compares false
            raise ModelError(
                f"what ncnn makes of {card.name} differs from ONNX Runtime (got {psnr:.1f} dB, wanted {SAME_DB:g} dB "
                "or more): nothing was written"
            )
        make_folder(folder)
        name = f"{card.name}-{size[0]}x{size[1]}.ncnn"
        for made, suffix in ((param, "param"), (weights, "bin")):
            with replacing(folder / f"{name}.{suffix}") as beside:
                shutil.copyfile(made, beside)
    names = ", ".join(f"in{number} ({what})" for number, what in enumerate(("degraded", *card.conditions)))
    return Ncnn(folder / f"{name}.param", folder / f"{name}.bin", f"{names} in, out0 (restored) out", psnr)


def _convert(network: Any, place: Path, converter: str) -> tuple[Path, Path]:
    """Run pnnx; float16 storage is its usual."""
    (place / "network.onnx").write_bytes(network.SerializeToString())
    shapes = ",".join(
        "[" + ",".join(str(each.dim_value) for each in port.type.tensor_type.shape.dim) + "]"
        for port in network.graph.input
    )
    try:
        done = subprocess.run(  # noqa: S603  (a program of the package)
            [converter, "network.onnx", f"inputshape={shapes}"],
            cwd=place,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"pnnx could not be run ({error}): install pixelmend[ncnn] again") from None
    made = place / "network.ncnn.param", place / "network.ncnn.bin"
    if done.returncode or not all(path.is_file() for path in made):
        last = [*(done.stdout + done.stderr).split("\n"), ""][-2].strip()
        raise ModelError(f"pnnx does not take this network (exit code {done.returncode}; {last}): use --format onnx")
    return made


def _run(
    param: Path, weights: Path, inputs: Sequence[NDArray[np.float32]], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """What ncnn gives for a batch of one, on the CPU, in ``shape``.

    Raises:
        ModelError: It cannot load or run the files, or gives another number of values.
    """
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    if net.load_param(str(param)) or net.load_model(str(weights)):
        raise ModelError("ncnn cannot load what pnnx wrote: use --format onnx")
    extractor = net.create_extractor()
    for number, value in enumerate(inputs):
        extractor.input(f"in{number}", ncnn.Mat(np.ascontiguousarray(value[0])).clone())
    failed, output = extractor.extract("out0")
    result = np.array(output, np.float32)
    if failed or result.size != np.prod(shape):
        raise ModelError(f"ncnn gave {result.shape} for {shape[1:]}: use --format onnx")
    return result.reshape(shape)
