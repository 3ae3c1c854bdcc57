"""A recipe is closed and checked: what is mistyped or impossible is told on one line, with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pixelmend.errors import UsageError
from pixelmend.models import SIZES, HybridConfig, sized
from pixelmend.models.baselines import UNetConfig
from pixelmend.training.recipe import Recipe
from pixelmend.training.recipe_file import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
SHIPPED = sorted(RECIPES.glob("*.toml"))
BASELINES = sorted((RECIPES / "baselines").glob("*.toml"))
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


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_the_recipes_of_baselines_have_one_budget_and_what_ours_has(path: Path) -> None:
    recipe, task = load_recipe(path), path.stem.rpartition("-")[2]
    ours = load_recipe(RECIPES / "baselines" / f"small-{task}.toml")
    assert recipe.name == path.stem
    assert recipe.schedule == ours.schedule
    assert (recipe.task, recipe.damage) == (ours.task, ours.damage)
    assert (recipe.data.train, recipe.data.validate_on) == (ours.data.train, ours.data.validate_on)
    assert recipe.model.scale == ours.model.scale
    assert (recipe.size is None) is not path.stem.startswith("small")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_another_architecture_replaces_model_and_size_of_the_recipe_below(recipe: Path) -> None:
    recipe.write_text('size = "nano"\n' + SMALLEST + "[model]\nwidths = [16, 64]\n")
    top = _write(recipe.parent, "top.toml", 'extends = "recipe.toml"\n[model]\narchitecture = "unet"')
    for loaded in (load_recipe(top), load_recipe(recipe, ["model.architecture=unet"])):
        assert (loaded.size, loaded.model) == (None, UNetConfig())
    again = _write(recipe.parent, "again.toml", 'extends = "top.toml"\n[model]\nwidths = [4, 8]')
    assert load_recipe(again).model == UNetConfig(widths=(4, 8))
    assert load_recipe(top, ["model.architecture=hybrid"]).model == SIZES["small"]
    kept = load_recipe(recipe, ["model.architecture=hybrid", "model.widths=[16, 64, 128]"])
    assert (kept.size, kept.model.architecture) == ("nano", "hybrid")


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
        ("model={architecture='unet', width=3}", "'model.width': did you mean 'widths'"),
        ("model={architecture='nafnet', widths=3}", "'model.widths': did you mean 'width'"),
        ("schedule.max_minute=3", "'schedule.max_minute': did you mean 'max_minutes'"),
        ("damage.zzz=1", "'damage.zzz': known: chain, kept, sigma_max, sigma_min"),
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
        ("damage.kept='blurr'", ("damage", "unknown kind of damage 'blurr': did you mean 'blur'?")),
        ("damage.sigma_min=80", ("damage", "sigma_min 80.0 is above sigma_max 75")),
        ("optimizer.muon_rate=fast", ("optimizer.muon_rate", "valid number", "got 'fast'")),
        ("optimizer.ema=1", ("optimizer.ema", "less than 1")),
        ("data.patch=100", ("data.patch 100 must be a multiple of 64",)),
        ("model.widths=[16, 64, 96]", ("3 widths want 3 encoder_blocks",)),
        ("name=Not good", ("name", "pattern", "got 'Not good'")),
        ("task=polish", ("task", "'denoise'", "got 'polish'")),
        ("task=['denoise']", ("task", "'denoise'", "got ['denoise']")),
        ("size=huge", ("size", "'nano'", "got 'huge'")),
        ("size=[1]", ("size", "got [1]")),
        ("model=3", ("model: wanted a section", "got 3")),
        ("model.architecture=resnet", ("model.architecture: choose one of hybrid, srcnn,", "got 'resnet'")),
        ("model={architecture='vdsr', depth=1}", ("model.depth", "greater than or equal to 2", "got 1")),
        ("model={architecture='scunet', width=32}", ("model", "width 32 must be a multiple of 64 for scunet")),
        ("model={architecture='rrdb', blocks=[1, 2]}", ("model", "rrdb wants 1 blocks, got 2")),
        ("model={architecture='nafnet', scale=2}", ("model", "nafnet cannot enlarge by 2: choose one of 1")),
        ("model={architecture='drunet', conditions=[]}", ("model", "drunet is told ['noise_level'], got []")),
        ("model.scale=5", ("model.scale", "less than or equal to 4", "got 5")),
        ("model.scale=[2]", ("model.scale", "valid integer", "got [2]")),
        ("model.conditions=['depth']", ("model.conditions.0", "'noise_level'", "got 'depth'")),
        ("model.conditions=['mask', 'mask']", ("model", "conditions mask, mask name one twice")),
        ("data.kind=films", ("data.kind", "'pictures'", "got 'films'")),
        ("data.frames=[8, 13]", ("data", "frames 8 to 13: wanted odd numbers")),
        ("data.frames=[9, 7]", ("data", "frames 9 to 7: wanted odd numbers")),
        ("loss.pixel=l3", ("loss", "unknown loss 'l3': choose one of l1, l2, charbonnier, frequency")),
        ("loss.adversary=wgan", ("loss", "unknown loss 'wgan'", "hinge, relativistic, non-saturating")),
        ("loss.perceptual=-1", ("loss.perceptual", "greater than or equal to 0")),
        ("loss.rest_above=0.5", ("loss.rest_above", "greater than 0.5")),
        ("optimizer.kind=sgd", ("optimizer.kind", "'muon'", "got 'sgd'")),
        ("optimizer.accumulate=3", ("data.batch 16 must be a multiple of optimizer.accumulate 3",)),
        ("schedule.kind=steps", ("schedule.kind", "'cosine'", "got 'steps'")),
        ("schedule.plateau_factor=1", ("schedule.plateau_factor", "less than 1")),
        ("schedule.diverged_at=1", ("schedule.diverged_at", "greater than 1")),
        ("validation.choose_by=vmaf", ("validation.choose_by", "'psnr'", "got 'vmaf'")),
        ("validation.choose_by=lpips", ("validation", "choose_by lpips needs that score: set validation.lpips")),
        ("run.strategy=zero", ("run.strategy", "'ddp'", "got 'zero'")),
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


def test_what_is_kept_is_of_clean_pictures(recipe: Path) -> None:
    assert load_recipe(recipe, ["damage.kept='blur'"]).damage.kept == "blur"
    message = _message(recipe, "data.kind=pairs", "damage.kept='blur'")
    assert "damage.kept is of clean pictures: pairs are taken as they are" in message


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
    assert isinstance(loaded.model, HybridConfig)
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


def test_ssim_is_chosen_by_only_where_it_is_measured(recipe: Path) -> None:
    assert load_recipe(recipe, ["validation.choose_by=ssim"]).validation.choose_by == "ssim"
    message = _message(recipe, "validation.choose_by=ssim", "validation.ssim=false")
    assert "choose_by ssim needs that score: set validation.ssim" in message
    for lpips in ("hub", "some/file.safetensors"):
        loaded = load_recipe(recipe, ["validation.choose_by=lpips", f"validation.lpips={lpips}"])
        assert str(loaded.validation.lpips) == lpips


@pytest.mark.parametrize("size", SIZES)
def test_a_size_fills_in_the_network(recipe: Path, size: str) -> None:
    assert load_recipe(recipe, [f"size={size}"]).model == SIZES[size]
    changed = load_recipe(recipe, [f"size={size}", "model.skips=none"]).model
    assert changed == SIZES[size].model_copy(update={"skips": "none"})


def test_a_size_is_for_the_hybrid_alone(recipe: Path) -> None:
    message = _message(recipe, "model.architecture=dncnn", "size=small")
    assert "size belongs to the hybrid: leave it out for dncnn" in message


def test_a_recipe_without_a_size_is_small(recipe: Path) -> None:
    loaded = load_recipe(recipe)
    assert (loaded.size, loaded.model) == ("small", SIZES["small"])


CHAINS = {
    "super-resolve": "downscale(scale=4)",
    "deblur": "blur(kernel_sigma=1..3)",
    "dejpeg": "jpeg(quality=5..95)",
    "inpaint": "missing_pixels(share=0.1..0.7)",
    "photo": "phone-night",
}


@pytest.mark.parametrize("task", CHAINS)
def test_a_task_says_what_the_network_is_told_and_wants_a_chain(recipe: Path, task: str) -> None:
    message = _message(recipe, f"task={task}")
    told = re.search(r"task (.*) wants damage.chain, such as '(.*)'", message)
    assert told is not None, message
    assert told[1] == task
    for chain in (told[2], CHAINS[task]):
        loaded = load_recipe(recipe, [f"task={task}", f"damage.chain={chain}"])
        assert loaded.model.conditions == (("mask",) if task == "inpaint" else ())
    both = ["model.conditions=['noise_level', 'mask']", f"damage.chain={CHAINS[task]}"]
    assert load_recipe(recipe, [f"task={task}", *both]).model.conditions == ("noise_level", "mask")
    for kind in ("pairs", "frames"):  # these are damaged already
        assert load_recipe(recipe, [f"task={task}", f"data.kind={kind}"]).damage.chain is None


def test_denoising_tells_the_noise_level_and_needs_no_chain(recipe: Path) -> None:
    loaded = load_recipe(recipe)
    assert loaded.model.conditions == ("noise_level",)
    assert loaded.damage.chain is None


@pytest.mark.parametrize(("size", "scale"), [("nano", 2), ("small", 3), ("base", 4)])
def test_a_scale_takes_the_network_that_enlarges(recipe: Path, size: str, scale: int) -> None:
    settings = ["task=super-resolve", f"damage.chain=downscale(scale={scale})", f"size={size}", f"model.scale={scale}"]
    loaded = load_recipe(recipe, [*settings, "data.patch=384"])
    assert loaded.model == sized(size, scale, ())
    step = loaded.model.multiple_of * scale
    assert f"data.patch {step + 16} must be a multiple of {step}" in _message(
        recipe, *settings, f"data.patch={step + 16}"
    )
    assert load_recipe(recipe, [*settings, f"data.patch={step}"]).data.patch == step


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_recipe_built_on_another_says_only_what_differs(recipe: Path) -> None:
    _write(recipe.parent, "middle.toml", 'extends = "recipe.toml"\nname = "m"\n[data]\ntrain = ["c", "d"]\nbatch = 8\n')
    top = _write(
        recipe.parent, "top.toml", 'extends = "middle.toml"\nsize = "nano"\n[data]\nbatch = 4\n[loss]\npixel = "l1"'
    )
    loaded = load_recipe(top, ["data.patch=64"])
    assert (loaded.name, loaded.size, loaded.model) == ("m", "nano", SIZES["nano"])
    assert loaded.data.train == (Path("c"), Path("d"))  # a list is replaced whole
    assert loaded.data.validate_on == (Path("b"),)
    assert (loaded.data.batch, loaded.data.patch, loaded.loss.pixel) == (4, 64, "l1")
    assert loaded.schedule.max_steps == 10


def test_what_is_extended_lies_beside_the_file(recipe: Path) -> None:
    below = _write(recipe.parent / "more", "x.toml", 'extends = "../recipe.toml"\nname = "below"')
    assert load_recipe(below).name == "below"
    wrong = _write(recipe.parent / "more", "y.toml", 'extends = "recipe.toml"')
    assert f"no recipe at {recipe.parent / 'more' / 'recipe.toml'}" in _message(wrong)
    assert "extends is 3, wanted the name of a recipe" in _message(_write(recipe.parent, "z.toml", "extends = 3"))


def test_a_budget_replaces_that_of_the_recipe_below(recipe: Path) -> None:
    top = _write(recipe.parent, "top.toml", 'extends = "recipe.toml"\n[schedule]\nmax_minutes = 3\nwarmup_steps = 7')
    schedule = load_recipe(top).schedule
    assert (schedule.max_minutes, schedule.max_steps, schedule.warmup_steps) == (3, None, 7)
    again = _write(recipe.parent, "again.toml", 'extends = "top.toml"\n[schedule]\nmax_steps = 9')
    schedule = load_recipe(again).schedule
    assert (schedule.max_minutes, schedule.max_steps, schedule.warmup_steps) == (None, 9, 7)
    rest = _write(recipe.parent, "rest.toml", 'extends = "again.toml"\n[schedule]\nwarmup_steps = 1')
    assert load_recipe(rest).schedule.max_steps == 9


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("a", "b", "c")])
def test_recipes_that_extend_each_other_are_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name, other in zip(names, (*names[1:], names[0]), strict=True):
        _write(tmp_path, f"{name}.toml", f'extends = "{other}.toml"')
    assert "a.toml extends itself" in _message(tmp_path / "a.toml")


def test_what_is_published_names_no_place_on_this_machine(recipe: Path) -> None:
    elsewhere = "/home/somebody"
    keys = ("data.root", "data.cache", "run.out", "loss.features", "distill.teacher", "start", "validation.lpips")
    loaded = load_recipe(recipe, [f"{key}={elsewhere}/{number}.x" for number, key in enumerate(keys)])
    published = loaded.published()
    assert elsewhere not in str(published)
    assert (published["distill"]["teacher"], published["start"]) == ("4.x", "5.x")
    assert Recipe.model_validate(published).model == loaded.model
    assert load_recipe(recipe).published()["start"] is None
