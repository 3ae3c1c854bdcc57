"""Classical methods, from before restoring was learned, as scikit-image computes them.

Their constants were chosen on validation pictures, never on those that they are measured on: five crops of 192×192
pixels of CLIC with white Gaussian noise of sigma 15, 25 and 50, or blurred with five made-up kernels of camera shake,
19 to 27 pixels wide, with noise of sigma 1, 2.55, 5 and 8. Beside each constant stands what was tried; figures are
mean PSNR over the crops, dB, in the order of those levels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pixelmend.diagnosis.noise import estimate_sigma
from pixelmend.errors import MissingExtraError, ModelError
from pixelmend.evaluation.method import ANY_SCALE, Method, by_channel
from pixelmend.evaluation.problem import TASKS

if TYPE_CHECKING:
    import numpy.typing as npt

    from pixelmend.evaluation.problem import Pixels, Problem

    Spectrum = npt.NDArray[np.complex128]

_Told = TypeVar("_Told")

_LEAST_VARIANCE = 1e-4
"""Of a picture without its noise, on the [0, 1] scale: a flat one has spatial variance 0, and is divided by it."""
_LEAST_MARGIN = 16
"""Pixels."""
_TAPERS = 3


def noise_level(problem: Problem) -> float:
    """The level of a picture's noise on the 0–255 scale: what the problem tells, or else estimated from the picture."""
    return estimate_sigma(problem.degraded) if problem.sigma is None else problem.sigma


class Unchanged(Method):
    """The damaged picture as it is: what every method has to improve on. Not where the size changes."""

    name = "degraded"
    label = "degraded"
    tasks = frozenset(TASKS) - {"super-resolve"}

    def restore(self, problem: Problem) -> Pixels:
        """A copy of the picture; see ``Method.restore``."""
        return problem.degraded.copy()


class Bicubic(Method):
    """Bicubic enlargement as MATLAB's ``imresize`` does it (Keys 1981, a = -0.5).

    That is the row "bicubic" of published tables, and the inverse convention of the one that made the small pictures.
    scikit-image has no such thing: its order 3 is an interpolating cubic spline, whose enlargement by 2 of a picture
    differs by up to 0.04 and in PSNR by 0.5 dB.
    """

    name = "bicubic"
    label = "bicubic"
    tasks = frozenset({"super-resolve"})
    scales = ANY_SCALE - {1}

    def restore(self, problem: Problem) -> Pixels:
        """Enlarge one whole picture; see ``Method.restore``."""
        import torch

        from pixelmend.degradations.resample import resize

        def enlarge(plane: Pixels) -> Pixels:
            height, width = problem.wanted_shape[:2]
            enlarged: Pixels = resize(torch.from_numpy(plane), height, width).numpy()
            return enlarged

        return by_channel(enlarge, np.ascontiguousarray(problem.degraded))


class Wiener(Method):
    """The Wiener filter, for noise alone (its kernel is then one point) or for a kernel that is told.

    It is the best linear filter where the power spectra of picture and noise are known: conj(H) / (|H|² + N / S). Of
    white noise N is sigma². Of a picture S falls as its variance over the squared frequency (Field 1987, "Relations
    between the statistics of natural images and the response properties of cortical cells"), which scikit-image is told
    by a regularization that grows with frequency in place of its usual Laplacian.
    """

    name = "wiener"
    label = "Wiener filter"
    tasks = frozenset({"denoise", "photo", "deconvolve"})

    # Times sigma² / variance. On noise, of 1, 1.5, 2, 3, 4.5, 2 is within 0.07 dB of the best at each level (28.63,
    # 26.82, 25.24); on blur, of 1, 2, 3, 4, 6, likewise (32.14 at sigma 2.55). The Laplacian with its best balance,
    # which goes with sigma to the fourth: 28.32, 26.37, 25.04; frequency to the power of 1.3: 28.43, 26.71, 25.13.
    _BALANCE = 2.0

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            ModelError: The task is deconvolve and no kernel is told.
            MissingExtraError: scikit-image is not installed.
        """
        wiener = _restoration().wiener
        if problem.task == "deconvolve":
            kernel = _told(problem.kernel, problem, "a kernel").astype(np.float64)
        else:
            kernel = np.pad(np.ones((1, 1)), 1)
        sigma01 = noise_level(problem) / 255
        margin = max(_LEAST_MARGIN, len(kernel))

        def filtered(plane: Pixels) -> Pixels:
            variance = max(float(plane.var()) - sigma01**2, _LEAST_VARIANCE)
            wide = _tapered(np.pad(plane.astype(np.float64), margin, mode="edge"), kernel, margin)
            balance = self._BALANCE * sigma01**2 / variance
            result = wiener(wide, kernel, balance, reg=_frequency(wide.shape), clip=False)
            return _cropped(result, margin)

        return by_channel(filtered, problem.degraded)


class RichardsonLucy(Method):
    """Richardson–Lucy: the likeliest picture under Poisson noise, by steps that keep it positive.

    Richardson 1972, Lucy 1974. Each step also brings up noise, so fewer are made where there is more of it.
    """

    name = "richardson-lucy"
    label = "Richardson–Lucy"
    tasks = frozenset({"deconvolve"})

    # Best of 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30 and 45 steps: 20 at sigma 1 (32.84), 10 at 2.55 (31.49), 5 at 5
    # (30.22), 3 at 8 (29.46): 25 / sigma meets them all.
    _STEPS_TIMES_SIGMA = 25.0
    _MOST_STEPS = 20
    # scikit-image takes what lies outside for black, and with each step that creeps in. With a margin of once, twice,
    # three times the kernel: 30.04, 31.46, 31.51 at 12 steps.
    _MARGIN = 2

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            ModelError: No kernel is told.
            MissingExtraError: scikit-image is not installed.
        """
        richardson_lucy = _restoration().richardson_lucy
        kernel = _told(problem.kernel, problem, "a kernel").astype(np.float64)
        sigma = max(noise_level(problem), self._STEPS_TIMES_SIGMA / self._MOST_STEPS)
        steps = max(1, round(self._STEPS_TIMES_SIGMA / sigma))
        margin = self._MARGIN * len(kernel)

        def sharpened(plane: Pixels) -> Pixels:
            # Counts of light are not negative.
            wide = np.pad(plane.astype(np.float64).clip(min=0), margin, mode="edge")
            return _cropped(richardson_lucy(wide, kernel, num_iter=steps, clip=False), margin)

        return by_channel(sharpened, problem.degraded)


class TotalVariation(Method):
    """Total variation: Rudin, Osher and Fatemi 1992, by the algorithm of Chambolle 2004; colours together."""

    name = "tv"
    label = "total variation"
    tasks = frozenset({"denoise", "photo"})

    # Best weight over sigma01 of 0.5, 0.55, … 1.1: 0.6 at sigma 15 (30.37), 0.75 at 25 (28.08), 0.95 at 50 (25.86).
    _WEIGHT, _WEIGHT_PER_SIGMA = 0.47, 0.01
    # scikit-image stops at 2e-4, which is 0.15 dB short of the minimum at sigma 50 (25.68 at its best weight).
    _TOLERANCE = 1e-5

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            MissingExtraError: scikit-image is not installed.
        """
        sigma = noise_level(problem)
        weight = (self._WEIGHT + self._WEIGHT_PER_SIGMA * sigma) * sigma / 255
        if weight <= 0:
            return problem.degraded.copy()
        channel_axis = None if problem.is_gray else -1
        restored: Pixels = _restoration().denoise_tv_chambolle(
            problem.degraded, weight=weight, eps=self._TOLERANCE, channel_axis=channel_axis
        )
        return restored.astype(np.float32, copy=False)


class NonLocalMeans(Method):
    """Non-local means: each pixel is the mean of those whose surroundings look alike (Buades et al. 2005).

    The variant of Darbon et al. 2008, which is fast; patches of 5×5 pixels within 17×17; colours together.
    """

    name = "nlm"
    label = "non-local means"
    tasks = frozenset({"denoise", "photo"})

    # Sides 3, 5, 7 of patches, distances 6, 8, 9, 10: 5 and 8 are best over the levels, colour and gray alike.
    _PATCH, _DISTANCE = 5, 8
    # Strength over sigma01, of 0.5, 0.6, 0.7. Colour 0.5: 31.62, 29.22, 26.66 (0.6: 31.49, 29.04, 26.59). Gray 0.6:
    # 30.91, 28.53, 25.71 (0.5: 30.90, 28.48, 25.53). Distances over three channels scatter less: less is enough.
    _STRENGTH_RGB, _STRENGTH_GRAY = 0.5, 0.6

    def restore(self, problem: Problem) -> Pixels:
        """Restore one whole picture; see ``Method.restore``.

        Raises:
            MissingExtraError: scikit-image is not installed.
        """
        sigma01 = noise_level(problem) / 255
        if sigma01 <= 0:
            return problem.degraded.copy()
        strength = self._STRENGTH_GRAY if problem.is_gray else self._STRENGTH_RGB
        restored: Pixels = _restoration().denoise_nl_means(
            problem.degraded,
            patch_size=self._PATCH,
            patch_distance=self._DISTANCE,
            h=strength * sigma01,
            sigma=sigma01,
            fast_mode=True,
            channel_axis=None if problem.is_gray else -1,
        )
        return restored.astype(np.float32, copy=False)


class Biharmonic(Method):
    """Fills what is missing with the surface that bends least (Damelin and Hoang 2018).

    The whole picture at once: solving for each hole by itself, which scikit-image offers, gives the same values and
    takes as long (0.65 s against 0.63 s where a 256×256 picture misses half of its pixels, 0.06 s against 0.05 s where
    two boxes are missing).
    """

    name = "biharmonic"
    label = "biharmonic"
    tasks = frozenset({"inpaint"})

    def restore(self, problem: Problem) -> Pixels:
        """Fill in one whole picture; see ``Method.restore``.

        Raises:
            ModelError: It is not told which pixels are missing.
            MissingExtraError: scikit-image is not installed.
        """
        missing = _told(problem.missing, problem, "the missing pixels")
        if not missing.any():
            return problem.degraded.copy()
        channel_axis = None if problem.is_gray else -1
        restored: Pixels = _restoration().inpaint_biharmonic(problem.degraded, missing, channel_axis=channel_axis)
        return restored.astype(np.float32, copy=False)


def _restoration() -> Any:
    try:
        return import_module("skimage.restoration")
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-image", "peers") from error


def _told(value: _Told | None, problem: Problem, what: str) -> _Told:
    if value is None:
        raise ModelError(f"{problem.name} came without {what}: choose a method that does not need {what}")
    return value


def _frequency(shape: tuple[int, ...]) -> Spectrum:
    """Radians per pixel, on the half plane of a real picture's spectrum; complex, which marks it as a spectrum."""
    across, down = np.fft.rfftfreq(shape[1]), np.fft.fftfreq(shape[0])[:, np.newaxis]
    radius: Spectrum = (2 * np.pi * np.hypot(across, down)).astype(np.complex128)
    return radius


def _tapered(wide: npt.NDArray[np.float64], kernel: npt.NDArray[np.float64], margin: int) -> npt.NDArray[np.float64]:
    """A padded picture whose margin goes over into the opposite one, so that no edge is seen where they meet.

    A filter in the spectrum takes the picture for one that repeats, and deconvolving the jump at the border sends waves
    across it: PSNR 26.10 without a margin, 29.89 with one that repeats the outermost pixel, 31.73 with one that mirrors
    half of the picture, 32.14 so. Towards its border the picture is mixed with its own circular convolution, as a
    repeating one would have been blurred: what MATLAB's ``edgetaper`` does, here in the margin only and three times
    (once 31.75, twice 32.12, five times 32.11).
    """
    spectrum = np.zeros_like(wide)
    spectrum[: kernel.shape[0], : kernel.shape[1]] = kernel
    centred = np.roll(spectrum, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))
    transfer = np.fft.rfft2(centred)
    rows, columns = (_ramp(side, margin) for side in wide.shape)
    inside = np.outer(rows, columns)
    for _ in range(_TAPERS):
        blurred = np.fft.irfft2(np.fft.rfft2(wide) * transfer, s=wide.shape)
        wide = inside * wide + (1 - inside) * blurred
    return wide


def _ramp(side: int, margin: int) -> npt.NDArray[np.float64]:
    """From 0 at both ends to 1 at a margin's distance."""
    place = np.arange(side) + 0.5
    ramp: npt.NDArray[np.float64] = np.minimum(np.minimum(place, side - place) / margin, 1)
    return ramp


def _cropped(wide: npt.NDArray[np.float64], margin: int) -> Pixels:
    return wide[margin:-margin, margin:-margin].astype(np.float32)
