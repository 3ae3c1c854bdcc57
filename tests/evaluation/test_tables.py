"""Tables and card scores say what was measured, how, on how many pictures, and what is chance."""

from __future__ import annotations

import re

import pytest

from pixelmend.errors import DataError
from pixelmend.evaluation import Entry, PictureScore, card_scores, markdown_table
from pixelmend.metrics import Protocol

PROTOCOL = Protocol(color="rgb", dataset_checksum="0123456789abcdef", damage="white noise, not clipped", seed=4)


def entry(
    *,
    label: str = "ours",
    case: str = "σ 25",
    count: int = 8,
    title: str = "Kodak24",
    base: float = 30.0,
    note: str = "",
    weights: str | None = None,
    parameters: int = 1_960_000,
) -> Entry:
    return Entry(
        method=label,
        label=label,
        note=note,
        parameters=parameters if label == "ours" else None,
        weights=label if weights is None else weights,
        dataset=title.lower(),
        title=title,
        task="denoise",
        case=case,
        protocol=PROTOCOL,
        threads=2,
        device="cpu",
        machine="a machine",
        versions={},
        expected=8,
        pictures={
            f"p{i}": PictureScore(base + i, 0.8 + i / 100, 1.5, lpips=0.1, memory_mb=10.0 + i, gmacs=4.0)
            for i in range(count)
        },
        failed={} if count == 8 else {"p7": "cannot read p7.png"},
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows(table: str, head: str) -> list[list[str]]:
    """The rows of the table whose first cell at the top is ``head``."""
    lines = table.splitlines()
    top = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[top + 2 :]:
        if not line:
            break
        found.append(cells(line))
    return found


def test_a_row_for_each_method_and_a_column_for_each_case() -> None:
    entries = [entry(label=label, case=case) for label in ("ours", "bm3d") for case in ("σ 15", "σ 50")]
    lines = markdown_table(entries).splitlines()
    assert lines[0] == "### Kodak24, denoise"
    assert cells(lines[2]) == ["method", "σ 15", "σ 50", "pictures"]
    first = cells(lines[4])
    assert first[0] == "ours"
    assert first[1].startswith("33.50 (")
    assert first[1].endswith(") / 0.8350 / 0.100")
    assert first[-1] == "8 of 8"
    low, high = (float(part) for part in first[1].split("(")[1].split(")")[0].split("–"))
    assert 31.5 < low < 33
    assert 34 < high < 35.5


def test_costs_stand_in_a_table_of_their_own() -> None:
    lines = markdown_table([entry(), entry(label="bm3d")]).splitlines()
    head = next(i for i, line in enumerate(lines) if "GMAC" in line)
    assert cells(lines[head + 2]) == ["ours", "1.96 M", "4.0", "1.50", "17"]
    assert cells(lines[head + 3])[1] == "–"


def test_differences_are_to_the_first_method_and_chance_is_said() -> None:
    ahead = entry(label="worse", base=29.5)
    alike = entry(label="alike")
    alike.pictures = {
        name: PictureScore(score.psnr + (-1) ** i * 0.1, 0.8, 1.5)
        for i, (name, score) in enumerate(alike.pictures.items())
    }
    table = markdown_table([entry(), ahead, alike])
    assert "| worse | +0.50 (0.50 to 0.50) |" in table
    assert "| alike | +0.00, noise |" in table
    assert "compared with" not in markdown_table([entry()])


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    ahead = entry(label="ahead")
    ahead.pictures = {
        name: PictureScore(score.psnr + (-1) ** i * 0.1 + 0.001, 0.8, 1.5)
        for i, (name, score) in enumerate(ahead.pictures.items())
    }
    assert "| ahead | +0.00, noise |" in markdown_table([entry(), ahead])


def test_a_chain_of_damage_does_not_break_the_table() -> None:
    chain = "jpeg(quality=20) | noise(sigma=5)"
    table = markdown_table([entry(case=chain), entry(label="bm3d", case=chain)])
    for head in ("method", "ours, compared with"):
        assert f"| {head} | jpeg(quality=20) \\| noise(sigma=5) |" in table
    heads = [line for line in table.splitlines() if line.startswith("|") and "quality=20" in line]
    rules = [line for line in table.splitlines() if line.startswith("| ---")]
    for head, rule in zip(heads, rules, strict=False):
        assert len(re.findall(r"(?<!\\)\|", head)) == rule.count("|")


def test_weights_for_each_case_share_a_row() -> None:
    table = markdown_table(
        [
            entry(case="×2", weights="a", base=31),
            entry(case="×2", label="bicubic", base=29.75),
            entry(case="×4", weights="b", base=27, parameters=2_010_000),
            entry(case="×4", label="bicubic", base=26.25),
        ]
    )
    assert [row[0] for row in rows(table, "method")][:2] == ["ours", "bicubic"]
    ours = rows(table, "method")[0]
    assert ours[1].startswith("34.50 (")
    assert ours[2].startswith("30.50 (")
    assert ours[3] == "8 of 8"
    (compared,) = rows(table, "ours, compared with")
    assert compared == ["bicubic", "+1.25 (1.25 to 1.25)", "+0.75 (0.75 to 0.75)"]
    assert "| ours | 1.96 M / 2.01 M | 4.0 |" in table


def test_weights_that_do_the_same_keep_rows_of_their_own_and_are_compared() -> None:
    table = markdown_table(
        [entry(case="×2", weights="a"), entry(case="×2", weights="b", base=29), entry(case="×4", weights="b")]
    )
    assert [row[1][:5] for row in rows(table, "method")] == ["33.50", "32.50"]
    # At ×4 the only entry of the first label is the row itself.
    assert rows(table, "ours, compared with") == [["ours", "+1.00 (1.00 to 1.00)", "–"]]


def test_means_over_fewer_pictures_are_marked() -> None:
    counts = {"ours": 8, "bm3d": 4, "tv": 1, "nlm": 0}
    table = markdown_table([entry(label=label, count=count) for label, count in counts.items()])
    ours, bm3d, tv, nlm = rows(table, "method")
    assert "picture" not in ours[1]
    assert bm3d[1].endswith(" (4 pictures)")
    assert tv[1].endswith(" (1 picture)")
    assert nlm[1] == "–"
    assert "do not compare with the others" in table


def test_means_over_as_many_but_other_pictures_are_marked() -> None:
    first, second = entry(count=7), entry(label="bm3d")
    del second.pictures["p0"]
    table = markdown_table([first, second])
    assert all(row[1].endswith(" (7 pictures)") for row in rows(table, "method"))


def test_means_over_the_same_pictures_are_not_marked() -> None:
    # A case of fewer pictures is another column.
    table = markdown_table([entry(case="σ 15"), *(entry(label=label, count=4) for label in ("ours", "bm3d"))])
    assert not any("picture" in cell for row in rows(table, "method") for cell in row)
    assert "do not compare" not in table


def test_the_protocol_and_notes_stand_underneath_once() -> None:
    table = markdown_table(
        [entry(note="trained briefly"), entry(label="bm3d"), entry(case="σ 50", note="trained briefly")]
    )
    assert table.count("8 bits") == 1
    assert table.count("trained briefly") == 1
    for part in ("seed 4", "not clipped", "mean over pictures", "0123456789ab", "cpu with 2 threads", "σ 25, σ 50:"):
        assert part in table


def test_each_set_has_its_own_section() -> None:
    table = markdown_table([entry(), entry(title="CBSD68"), entry(case="σ 50")])
    assert table.count("### ") == 2
    assert table.index("### Kodak24") < table.index("### CBSD68")


def test_pictures_that_failed_are_counted_and_named() -> None:
    table = markdown_table([entry(case="σ 15"), entry(count=7), entry(case="σ 50", count=0)])
    assert "| 0–8 of 8 |" in table
    assert "failed: ours, σ 25, p7: cannot read p7.png" in table


def test_the_first_method_leads_also_where_another_comes_before_it() -> None:
    entries = [entry(label="bicubic", case="×2"), entry(label="ours", case="×4"), entry(label="bicubic", case="×4")]
    table = markdown_table(entries, first="ours")
    assert table.index("| ours |") < table.index("| bicubic |")
    assert "ours, compared with" in table


def test_methods_that_could_not_be_made_are_named() -> None:
    assert "- swinir (x.pth): x.pth is a pickle" in markdown_table([entry()], {"swinir (x.pth)": "x.pth is a pickle"})


def test_a_card_gets_plain_numbers_and_their_protocol() -> None:
    assert card_scores([entry()]) == [
        {"dataset": "kodak24", "case": "σ 25", "psnr": 33.5, "ssim": 0.835, "protocol": PROTOCOL.to_dict()}
    ]


def test_a_card_takes_no_part_of_a_set_and_no_mixture() -> None:
    with pytest.raises(DataError, match="7 of 8 pictures"):
        card_scores([entry(count=7)])
    with pytest.raises(DataError, match=r"bm3d .* and ours|ours .* and bm3d"):
        card_scores([entry(), entry(label="bm3d")])
