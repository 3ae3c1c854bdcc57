"""Chains as text: read as the grammar says, refused with the place and the nearest name where they are not chains."""

from __future__ import annotations

import pytest

from pixelmend.degradations import (
    KINDS,
    PRESETS,
    GaussianNoise,
    OneOf,
    Sequence,
    Shuffle,
    Step,
    describe,
    find_preset,
    parameters_of,
    parse_chain,
)
from pixelmend.degradations.jpeg import Jpeg
from pixelmend.errors import UnknownNameError, UsageError


def test_a_chain_is_its_steps_in_order() -> None:
    wanted = Sequence((Step(GaussianNoise(sigma=25)), Step(Jpeg(quality=20, subsampling="444"))))
    assert parse_chain("noise(sigma=25) | jpeg(quality=20, subsampling=444)") == wanted
    assert parse_chain(" noise ( sigma=25.0 )|jpeg(subsampling=444,quality=2e1,) ") == wanted


@pytest.mark.parametrize(
    ("text", "sigma"),
    [
        ("5..25", (5, 25)),
        ("0.5..2.5", (0.5, 2.5)),
        (".5..1", (0.5, 1)),
        ("1.5", 1.5),
        ("3.", 3),
        ("1e1..2e1", (10, 20)),
    ],
)
def test_numbers_and_their_ends(text: str, sigma: float | tuple[float, float]) -> None:
    assert parse_chain(f"noise(sigma={text})") == Sequence((Step(GaussianNoise(sigma=sigma)),))


def test_names_may_be_several_and_may_be_numbers() -> None:
    assert parse_chain("jpeg(subsampling=420/444)") == Sequence((Step(Jpeg(subsampling=("420", "444"))),))
    assert parse_chain("jpeg(subsampling=420)") == Sequence((Step(Jpeg(subsampling="420")),))


def test_combinations_nest_and_carry_probabilities() -> None:
    noise, jpeg = Step(GaussianNoise(sigma=1)), Step(Jpeg(quality=5), p=0.3)
    chain = parse_chain(
        "shuffle(noise(sigma=1) | one(noise(sigma=1) | jpeg(quality=5, p=0.3)), p=0.5) | seq(jpeg(quality=5, p=.3))"
    )
    assert chain == Sequence((Shuffle((noise, OneOf((noise, jpeg))), p=0.5), Sequence((jpeg,))))


def test_presets_stand_for_their_chains() -> None:
    presets = {"soft": "noise(sigma=2)", "both": "soft | jpeg(quality=9)"}
    assert parse_chain("both | noise(sigma=1)", presets) == Sequence(
        (parse_chain("soft | jpeg(quality=9)", presets), Step(GaussianNoise(sigma=1)))
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at its end: wanted a kind of damage"),
        ("noise |", "at its end: wanted a kind of damage"),
        ("noise sigma", "at 'sigma': wanted | or the end"),
        ("noise(sigma=25", "at its end: wanted ',' or '\\)'"),
        ("noise(sigma 25)", "at '25\\)': wanted '='"),
        ("noise(sigma=)", "wanted a number, two ends"),
        ("noise(sigma=2..)", "wanted a number"),
        ("noise(sigma=2.5.3)", "at '.3\\)'"),
        ("noise(sigma=1, sigma=2)", "sigma is given twice"),
        ("noise(=1)", "wanted a parameter's name"),
        ("noise; jpeg", "at '; jpeg'"),
        ("noise(sigma=25..5)", "noise: sigma=25..5: wanted the lower end first"),
        ("noise(sigma=300)", "noise: sigma=300 is out of range: choose 0..255 \\(0–255 scale\\)"),
        ("noise(sigma=strong)", "noise: sigma='strong': wanted a number"),
        ("jpeg(quality=5.5)", "jpeg: quality=5.5: wanted whole numbers"),
        ("noise(gray=0..1)", "noise: gray=0..1: wanted one probability"),
        ("noise(p=2)", "p=2 is out of range"),
        ("noise(p=0..1)", "wanted one probability"),
        ("one(noise(p=0))", "wanted a part with p above 0"),
        ("shuffle(noise, q=1)", "takes its parts and p alone"),
        ("shuffle(noise", "at its end: wanted '\\)'"),
    ],
)
def test_what_is_no_chain_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_chain(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nose(sigma=1)", "unknown kind of damage 'nose': did you mean 'noise'"),
        ("shufle(noise)", "did you mean 'shuffle'"),
        ("noise(sgma=1)", "unknown parameter of noise 'sgma': did you mean 'sigma'"),
        ("jpeg(subsampling=422)", "unknown value of jpeg: subsampling '422'"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse_chain(text)
    with pytest.raises(UnknownNameError, match="unknown preset 'awgn25': did you mean 'awgn-25'"):
        find_preset("awgn25")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_chain(name: str) -> None:
    assert isinstance(find_preset(name), Sequence)
    assert name not in KINDS


def test_what_was_done_reads_as_a_chain() -> None:
    chain = parse_chain("noise(sigma=25) | jpeg(quality=20, subsampling=444)")
    import torch

    plan = [step for step in chain.sample(1, torch.Generator().manual_seed(0))[0] if step is not None]
    assert describe(plan) == "noise(sigma=25, gray=0) | jpeg(quality=20, subsampling=444, shift_x=0, shift_y=0)"
    assert parse_chain(describe(plan)).parts[1] == Step(Jpeg(quality=20, subsampling="444"))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_parameters_are_explained_in_the_words_that_a_chain_takes(name: str) -> None:
    given = [line.split(" ")[0] for line in parameters_of(KINDS[name])]
    assert parse_chain(f"{name}({', '.join(given)})") == parse_chain(name)
