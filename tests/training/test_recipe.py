"""A recipe is closed and checked: what is mistyped or impossible is told on one line, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelmend.errors import UsageError
from pixelmend.training.recipe import Recipe
from pixelmend.training.recipe_file import load_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
SMALLEST = """
name = "x"
task = "denoise"
[data]
train = ["a"]
validate_on = ["b"]
[schedule]
max_steps = 10
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALLEST)
    return path


def _message(path: Path, *settings: str, **options: float) -> str:
    with pytest.raises(UsageError) as caught:
        load_recipe(path, list(settings), **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_recipes_that_ship_load_and_are_named_after_their_files(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.data.sources
    assert not any("test" in folder.parts for folder in (*recipe.data.train, *recipe.data.validate_on))


def test_denoise_small_is_among_them() -> None:
    recipe = load_recipe(next(p for p in SHIPPED if p.stem == "denoise-small"))
    assert (recipe.damage.sigma_min, recipe.damage.sigma_max) == (0, 75)
    assert recipe.schedule.max_minutes == 91
    assert recipe.schedule.max_steps is None


def test_a_recipe_comes_back_from_the_header_of_its_weights(recipe: Path) -> None:
    loaded = load_recipe(recipe)
    assert Recipe.model_validate_json(loaded.model_dump_json()) == loaded


@pytest.mark.parametrize(
    ("setting", "nearest"),
    [
        ("data.bacth=8", "'data.bacth': did you mean 'batch'"),
        ("optimiser.clip=1", "'optimiser': did you mean 'optimizer'"),
        ("model.width=[16, 32]", "'model.width': did you mean 'widths'"),
        ("schedule.max_minute=3", "'schedule.max_minute': did you mean 'max_minutes'"),
        ("damage.zzz=1", "'damage.zzz': known: chain, sigma_max, sigma_min"),
    ],
)
def test_a_typo_names_the_nearest_key(recipe: Path, setting: str, nearest: str) -> None:
    assert f"unknown key {nearest}" in _message(recipe, setting)


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("data.batch=0", ("data.batch", "greater than or equal to 1", "got 0")),
        ("data.jitter=1.5", ("data.jitter", "less than or equal to 1", "got 1.5")),
        ("damage.sigma_max=256", ("damage.sigma_max", "255", "got 256")),
        ("damage.chain='nose'", ("damage", "unknown kind of damage 'nose': did you mean 'noise'?")),
        ("damage.sigma_min=80", ("damage", "sigma_min 80.0 is above sigma_max 75")),
        ("optimizer.muon_rate=fast", ("optimizer.muon_rate", "valid number", "got 'fast'")),
        ("optimizer.ema=1", ("optimizer.ema", "less than 1")),
        ("data.patch=100", ("data.patch 100 must be a multiple of 64",)),
        ("model.widths=[16, 64, 96]", ("3 widths want 3 encoder_blocks",)),
        ("name=Not good", ("name", "pattern", "got 'Not good'")),
        ("task=deblur", ("task", "'denoise'", "got 'deblur'")),
        ("seed=-1", ("seed", "got -1")),
        ("schedule.max_steps=nan", ("schedule.max_steps", "got nan")),
        ("data.train=[]", ("data.train", "at least 1")),
        ("schedule=5", ("schedule", "got 5")),
    ],
)
def test_impossible_values_are_told_with_what_was_got(recipe: Path, setting: str, parts: tuple[str, ...]) -> None:
    message = _message(recipe, setting)
    assert str(recipe) in message
    assert all(part in message for part in parts), message
    assert "Value error" not in message


def test_more_than_one_mistake_is_counted(recipe: Path) -> None:
    assert "(and 2 more)" in _message(recipe, "data.batch=0", "data.patch=-1", "seed=x")


def test_there_is_one_budget(recipe: Path) -> None:
    recipe.write_text(SMALLEST.replace("max_steps = 10", "max_steps = 10\nmax_minutes = 5"))
    assert "name one budget: max_minutes or max_steps" in _message(recipe)
    recipe.write_text(SMALLEST.replace("max_steps = 10", ""))
    assert "name one budget" in _message(recipe)


def test_a_budget_that_is_set_replaces_the_recipe_s(recipe: Path) -> None:
    schedule = load_recipe(recipe, ["schedule.max_minutes=5"]).schedule
    assert (schedule.max_minutes, schedule.max_steps) == (5, None)
    schedule = load_recipe(recipe, ["schedule.max_minutes=5", "schedule.max_steps=7"]).schedule
    assert (schedule.max_minutes, schedule.max_steps) == (None, 7)


def test_an_unknown_key_in_a_list_of_sections_is_named(recipe: Path) -> None:
    message = _message(recipe, 'data.sources=[{name = "a", pictures = 1, license = "CC0"}]')
    assert "data.sources.0" in message
    wrong = _message(recipe, 'data.sources=[{name = "a", pictures = 1, licence = "CC0", license = "CC0"}]')
    assert "did you mean 'licence'?" in wrong


def test_max_minutes_replaces_the_budget_of_either_kind(recipe: Path) -> None:
    schedule = load_recipe(recipe, max_minutes=2.5).schedule
    assert (schedule.max_minutes, schedule.max_steps) == (2.5, None)
    recipe.write_text(SMALLEST.replace("max_steps = 10", "max_minutes = 10"))
    assert load_recipe(recipe, max_minutes=2.5).schedule.max_minutes == 2.5
    recipe.write_text(SMALLEST.replace("[schedule]", "").replace("max_steps = 10", ""))
    assert load_recipe(recipe, max_minutes=2.5).schedule.max_minutes == 2.5
    assert "schedule.max_minutes" in _message(recipe, max_minutes=-1)
    assert "schedule" in _message(recipe, "schedule=5", max_minutes=1)


def test_settings_are_toml_or_plain_text(recipe: Path) -> None:
    loaded = load_recipe(
        recipe,
        [
            "data.batch=8",
            "optimizer.muon_rate=1e-2",
            "data.root=/some/where",
            'name="quoted"',
            'data.train=["a b", "c"]',
            "run.compile=true",
            "model.context=[]",
            "loss.pixel = l1",
            "data.batch=9",
        ],
    )
    assert loaded.data.batch == 9  # the last one counts
    assert loaded.optimizer.muon_rate == 0.01
    assert loaded.data.root == Path("/some/where")
    assert loaded.name == "quoted"
    assert loaded.data.train == (Path("a b"), Path("c"))
    assert loaded.run.compile is True
    assert loaded.model.context == ()
    assert loaded.loss.pixel == "l1"


@pytest.mark.parametrize("setting", ["data.batch", "=8", "", "data.batch:8"])
def test_a_setting_without_key_or_value_is_refused(recipe: Path, setting: str) -> None:
    assert "wanted key=value" in _message(recipe, setting)


def test_a_value_is_not_a_section(recipe: Path) -> None:
    assert "name is a value, not a section" in _message(recipe, "name.first=x")


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path: Path) -> None:
    assert "no recipe at" in _message(tmp_path / "none.toml")
    assert "no recipe at" in _message(tmp_path)
    broken = tmp_path / "broken.toml"
    for data in (b"name = ", b"\xff\xfe\x00"):
        broken.write_bytes(data)
        assert "broken.toml is not TOML" in _message(broken)
