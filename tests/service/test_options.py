"""What may be asked for: names, ranges, and words for what cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelmend import catalog
from pixelmend.errors import UsageError
from pixelmend.inference import Wish
from pixelmend.service.answers import Refusal
from pixelmend.service.options import DiagnoseAsked, RestoreAsked
from tests.service.conftest import noisy

if TYPE_CHECKING:
    import httpx


def refused(*pairs: tuple[str, str]) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        RestoreAsked.read(pairs)
    problem = caught.value.problem
    assert problem.status == 422
    return problem.code, problem.detail


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("sigma", "300", "wanted a noise level from 0 to 255, or auto to measure it"),
        ("sigma", "nan", "wanted a noise level"),
        ("sigma", "", "wanted a noise level"),
        ("strength", "1.1", "wanted a number from 0 (as it was) to 1 (fully restored)"),
        ("fidelity", "inf", "wanted a number from 0 (looks real) to 1"),
        ("keep_grain", "-1", "wanted a number from 0 (none) to 1"),
        ("scale", "0", "wanted a whole number from 1 to 8"),
        ("scale", "2.5", "wanted a whole number"),
        ("quality", "101", "wanted a whole number from 1 to 100"),
        ("size", "huge", "wanted nano, small or base"),
        ("format", "gif", "wanted png, jpeg, tiff, webp or avif"),
        ("anchor", "perhaps", "wanted true or false"),
        ("region", "1,2,3", "wanted left,top,width,height in whole pixels"),
        ("region", "-1,2,3,4", "wanted left,top,width,height in whole pixels"),
        ("wait", "-1", "wanted seconds from 0 to 3600"),
        ("preview", "2", "wanted true or false"),
    ],
)
def test_a_value_that_cannot_be(name: str, text: str, wanted: str) -> None:
    code, detail = refused((name, text))
    assert code == "bad-option"
    assert detail.startswith(f"got {name} {text!r}, ")
    assert wanted in detail


def test_what_is_very_long_is_not_repeated() -> None:
    assert len(refused(("sigma", "9" * 5000))[1]) < 200
    assert len(refused(("x" * 5000, "1"))[1]) < 400


def test_an_unknown_option_names_the_nearest() -> None:
    assert refused(("strenght", "1")) == ("unknown-option", "unknown option 'strenght': did you mean 'strength'?")


def test_an_option_that_is_given_twice() -> None:
    assert refused(("sigma", "1"), ("sigma", "1")) == (
        "bad-option",
        "got sigma twice: give it once, in the query or as a field",
    )


@pytest.mark.parametrize("task", ["denoize", "../../cards/own.json", "/etc/passwd", "denoise-small.json", ""])
def test_a_task_is_a_name_that_is_known(task: str) -> None:
    asked = RestoreAsked.read([("task", task)])
    with pytest.raises(UsageError, match="unknown task"):
        asked.settings(Wish(), None)


def test_every_task_and_model_is_one() -> None:
    for name in ("auto", *catalog.tasks(), *catalog.names()):
        assert RestoreAsked.read([("task", name)]).settings(Wish(), None).task == name


def test_options_become_settings() -> None:
    pairs = {
        "task": "denoise", "sigma": "12.5", "strength": "0.5", "keep_grain": "0.25", "anchor": "false",
        "region": "1,2,3,4", "format": "jpeg", "quality": "80", "size": "base",
    }  # fmt: skip
    settings = RestoreAsked.read(pairs.items()).settings(Wish(precision="float32"), None)
    options = settings.options
    assert (options.sigma, options.strength, options.keep_grain) == (12.5, 0.5, 0.25)
    assert (options.anchor, options.region) == (False, (1, 2, 3, 4))
    assert (settings.size, settings.format, settings.quality) == ("base", "jpeg", 80)
    assert settings.wish == Wish(precision="float32")


def test_usual_values_are_those_of_every_door() -> None:
    settings = RestoreAsked.read([]).settings(Wish(), None)
    assert (settings.task, settings.fidelity, settings.scale, settings.format) == ("auto", 1, None, None)
    assert (settings.options.sigma, settings.options.strength, settings.options.anchor) == (None, 1, True)
    asked = RestoreAsked.read([])
    assert (asked.wait, asked.preview, DiagnoseAsked.read([]).preview) == (None, False, False)


def test_every_option_has_its_words() -> None:
    for kind in (RestoreAsked, DiagnoseAsked):
        assert set(kind.wanted) == set(kind.model_fields)
        assert all(field.description and field.examples for field in kind.model_fields.values())


def test_a_number_that_is_measured() -> None:
    assert RestoreAsked.read([("sigma", "auto")]).sigma == "auto"
    assert RestoreAsked.read([("sigma", "0")]).sigma == 0


@pytest.mark.parametrize(
    "query", ["sigma=300", "sigma=1&sigma=1", "sigm=1", "task=denoize", "scale=2", "quality=5&format=png"]
)
def test_the_server_says_so(client: httpx.Client, picture: bytes, query: str) -> None:
    answer = client.post(f"/v1/restore?{query}", content=picture)
    assert answer.status_code == 422
    assert json.loads(answer.content)["code"] in {"bad-option", "unknown-option", "unknown-name", "not-possible"}


def test_query_and_fields_are_one(client: httpx.Client, picture: bytes) -> None:
    answer = client.post("/v1/restore?sigma=1", files={"picture": picture}, data={"sigma": "2"})
    assert answer.json()["detail"] == "got sigma twice: give it once, in the query or as a field"
    answer = client.post("/v1/restore?sigma=1", files={"picture": picture}, data={"wieght": "2"})
    assert answer.json()["code"] == "unknown-option"


def test_a_mask_of_another_size_is_told_without_a_path(client: httpx.Client, picture: bytes) -> None:
    answer = client.post("/v1/restore?task=inpaint", files={"picture": picture, "mask": noisy(20, 20)})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "got a mask of 20×20 pixels, wanted 64×48 as the picture has (as stored)"
