"""Recipes on disk: TOML, one built on another, changed by settings, and told in one line where they are wrong."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from pixelmend.errors import UsageError
from pixelmend.models.architectures import ARCHITECTURES, architecture_of
from pixelmend.models.peers import PeerConfig
from pixelmend.training.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


def load_recipe(path: Path, settings: list[str] | None = None, *, max_minutes: float | None = None) -> Recipe:
    """Read a recipe and apply ``key=value`` settings to it.

    A recipe may be built on another: ``extends = "OTHER.toml"``, beside it, is read first, and what stands in the file
    itself comes on top, value by value; a list is replaced whole, and so is [model] by that of another architecture.

    Args:
        path: A TOML file.
        settings: Such as ``data.batch=8``; the value is TOML, or plain text where it is not.
        max_minutes: Replaces the budget, whichever kind it was.

    Raises:
        UsageError: No such file, not TOML, an unknown key (names the nearest), or a value out of range.
    """
    tree = _read(path, ())
    budget = [] if max_minutes is None else [f"schedule.max_minutes={max_minutes}"]
    for setting in [*(settings or []), *budget]:
        _apply(tree, setting)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from error


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The file's own values over those of the file that it extends."""
    if not path.is_file():
        raise UsageError(f"no recipe at {path}: name a .toml file, such as recipes/denoise-small.toml")
    if path.resolve() in seen:
        raise UsageError(f"{path} extends itself: name another file")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    other = tree.pop("extends", None)
    if other is None:
        return tree
    if not isinstance(other, str):
        raise UsageError(f"{path}: extends is {other!r}, wanted the name of a recipe beside it")
    return _over(_of_architecture(_read(path.parent / other, (*seen, path.resolve())), tree.get("model", {})), tree)


def _of_architecture(below: dict[str, Any], model: Any) -> dict[str, Any]:
    """What is left of a recipe where [model] names another architecture: its size and its [model] say nothing then."""
    named = isinstance(model, dict) and "architecture" in model
    if not named or architecture_of(model) == architecture_of(below.get("model", {})):
        return below
    return {key: value for key, value in below.items() if key not in {"size", "model"}}


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    if "schedule" in above and isinstance(above["schedule"], dict) and isinstance(below.get("schedule"), dict):
        # A budget replaces one of the other kind.
        named = set(_BUDGETS) & set(above["schedule"])
        merged["schedule"] = {k: v for k, v in below["schedule"].items() if not named or k not in _BUDGETS}
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


_BUDGETS = {"max_minutes": "max_steps", "max_steps": "max_minutes"}


def _apply(tree: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {setting!r}: wanted key=value, such as data.batch=8")
    *sections, last = key.strip().split(".")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    if (sections, last) == (["model"], "architecture"):
        left = _of_architecture(tree, {last: value})
        for gone in tree.keys() - left.keys():
            del tree[gone]
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise UsageError(f"--set {setting!r}: {section} is a value, not a section")
    if last in _BUDGETS and sections == ["schedule"]:
        # A budget replaces one of the other kind, since TOML has no word for none; the last one counts.
        tree.pop(_BUDGETS[last], None)
    tree[last] = value


def _explain(error: ValidationError) -> str:
    """One line for the first problem, with the nearest name where a key is unknown."""
    first = error.errors()[0]
    # Between [model] and its keys pydantic names the architecture, which nobody wrote there.
    location = tuple(p for number, p in enumerate(first["loc"]) if not (number == 1 and first["loc"][0] == "model"))
    where = ".".join(str(part) for part in location)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "union_tag_invalid":
        return f"{where}.architecture: choose one of {', '.join(ARCHITECTURES)}, got {first['ctx']['tag']!r}{more}"
    if first["type"] == "union_tag_not_found":
        return f"{where}: wanted a section, got {first['input']!r}{more}"
    if first["type"] != "extra_forbidden":
        got = "" if isinstance(first["input"], dict | BaseModel) else f", got {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        return f"{where}: {message}{got}{more}" if where else f"{message}{more}"
    known = _keys_beside(first["loc"])
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"unknown key {where!r}: {hint}{more}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that a recipe knows where an unknown one was found; a list's entries count by what they are."""
    section: Any = Recipe
    if location[0] == "model" and len(location) > 2:
        return list(ARCHITECTURES.get(str(location[1]), PeerConfig).model_fields)
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = section.model_fields[part].annotation
            section = next((a for a in get_args(annotation) if isinstance(a, type)), annotation)
    return list(section.model_fields)
