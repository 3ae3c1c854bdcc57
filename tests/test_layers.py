"""The layers of the house: a room imports only rooms of layers before its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pixelmend

LAYERS = (
    {"errors"},
    {"files", "figures", "memory"},
    {"images", "metrics"},
    {"catalog", "diagnosis", "degradations", "models", "losses", "pages"},
    {"inference", "data"},
    {"export"},
    {"training", "evaluation"},
    {"compression"},
    {"service"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
PACKAGE = Path(pixelmend.__file__).parent
DOORS = {"__init__", "__main__"}
"""The package's own files, which lead into the house and are no room of it."""


def imported_rooms(path: Path) -> set[str]:
    """Rooms named by any import of a file, also those inside functions and for type checkers."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "pixelmend" and rest.split(".")[0] in LEVEL:
                rooms.add(rest.split(".")[0])
    return rooms


def broken_imports(package: Path) -> list[str]:
    """Every import that goes to a sibling or upwards, in words."""
    found = []
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room in DOORS:
            continue
        found += [
            f"{path.relative_to(package)} imports {other}"
            for other in sorted(imported_rooms(path))
            if other != room and LEVEL[other] >= LEVEL[room]
        ]
    return found


def test_every_room_has_a_layer() -> None:
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in PACKAGE.rglob("*.py")} - DOORS
    assert rooms <= set(LEVEL)


def test_layers_import_only_layers_before_them() -> None:
    assert broken_imports(PACKAGE) == []


def test_a_broken_layer_is_seen(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "bad.py").write_text("def f():\n    from pixelmend import training\n")
    (tmp_path / "metrics.py").write_text("import pixelmend.images\nfrom pixelmend.errors import DataError\n")
    assert broken_imports(tmp_path) == ["images/bad.py imports training", "metrics.py imports images"]
