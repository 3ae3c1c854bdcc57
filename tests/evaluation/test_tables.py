"""Tables and card scores say what was measured, how, and on how many pictures."""

from __future__ import annotations

import pytest

from pixelmend.errors import DataError
from pixelmend.evaluation import Entry, PictureScore, card_scores, markdown_table
from pixelmend.metrics import Protocol


def entry(*, label: str = "ours", sigma: float = 25.0, count: int = 2, title: str = "Kodak24") -> Entry:
    return Entry(
        method=label,
        label=label,
        parameters=1_960_000 if label == "ours" else None,
        weights=label,
        dataset=title.lower(),
        title=title,
        sigma=sigma,
        protocol=Protocol(color="rgb", dataset_checksum="0123456789abcdef", seed=4),
        threads=2,
        device="cpu",
        expected=2,
        pictures={f"p{i}": PictureScore(30 + i + sigma / 100, 0.8 + i / 10, 1.5) for i in range(count)},
        failed={} if count == 2 else {"p1": "cannot read p1.png"},
    )


def test_a_row_for_each_method_and_a_column_for_each_level() -> None:
    entries = [entry(label=label, sigma=sigma) for label in ("ours", "noisy") for sigma in (15.0, 50.0)]
    lines = markdown_table(entries).splitlines()
    assert lines[0] == "### Kodak24"
    assert lines[2] == "| method | parameters | σ 15 | σ 50 | s per picture | pictures |"
    assert lines[4] == "| ours | 1.96 M | 30.65 / 0.8500 | 31.00 / 0.8500 | 1.50 | 2 of 2 |"
    assert lines[5] == "| noisy | – | 30.65 / 0.8500 | 31.00 / 0.8500 | 1.50 | 2 of 2 |"


def test_the_protocol_stands_underneath_once() -> None:
    table = markdown_table([entry(), entry(label="noisy")])
    assert table.count("8 bits") == 1
    for part in ("seed 4", "not clipped", "mean over pictures", "0123456789ab", "cpu with 2 threads"):
        assert part in table


def test_each_set_has_its_own_table() -> None:
    table = markdown_table([entry(), entry(title="CBSD68"), entry(sigma=50.0)])
    assert table.count("### ") == 2
    assert table.index("### Kodak24") < table.index("### CBSD68")


def test_pictures_that_failed_are_counted_and_named() -> None:
    table = markdown_table([entry(sigma=15.0), entry(count=1), entry(sigma=50.0, count=0)])
    assert "| 0–2 of 2 |" in table
    assert "30.65 / 0.8500 | 30.25 / 0.8000 | – |" in table
    assert "failed: ours, σ 25, p1: cannot read p1.png" in table


def test_a_card_gets_plain_numbers_and_their_protocol() -> None:
    assert card_scores([entry()]) == [
        {
            "dataset": "kodak24",
            "sigma": 25.0,
            "psnr": 30.75,
            "ssim": 0.85,
            "protocol": Protocol(color="rgb", dataset_checksum="0123456789abcdef", seed=4).to_dict(),
        }
    ]


def test_a_card_takes_no_part_of_a_set_and_no_mixture() -> None:
    with pytest.raises(DataError, match="1 of 2 pictures"):
        card_scores([entry(count=1)])
    with pytest.raises(DataError, match=r"noisy .* and ours|ours .* and noisy"):
        card_scores([entry(), entry(label="noisy")])
