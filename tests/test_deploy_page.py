"""Dockerfile, compose.yaml and docs/deploy.md: what they name exists, and they agree with each other and with the code.

No image is built here. Paths, extras, options, ports and room are what can be wrong without one, and are checked.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from pixelmend.cli import app
from pixelmend.service.limits import Limits
from tests.documents import ROOT, blocks, read

if TYPE_CHECKING:
    from collections.abc import Iterator

yaml: Any = pytest.importorskip("yaml")
PAGE = read("docs/deploy.md")
DOCKERFILE = [
    line.strip()
    for line in re.sub(r"\\\n", " ", read("Dockerfile")).splitlines()
    if line.strip() and not line.startswith("#")
]
COMPOSE: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
SERVICE: dict[str, Any] = COMPOSE["services"]["pixelmend"]
SERVE: Any = get_command(app).commands["serve"]  # type: ignore[attr-defined]
OPTIONS: dict[str, Any] = {name: each for each in SERVE.params for name in (*each.opts, *each.secondary_opts)}


def instructions(word: str) -> Iterator[str]:
    """What follows an instruction of the Dockerfile, in order."""
    return (line.removeprefix(word).strip() for line in DOCKERFILE if line.startswith(f"{word} "))


def flags(words: list[str]) -> dict[str, str]:
    """Options and their values of a command line."""
    found = {}
    for at, word in enumerate(words):
        if word.startswith("--"):
            name, _, value = word.partition("=")
            after = words[at + 1] if at + 1 < len(words) else "--"
            found[name] = value or ("" if after.startswith("--") else after)
    return found


def commands_of_the_page() -> list[list[str]]:
    """Every `pixelmend serve` that the page names."""
    lines = re.findall(r"pixelmend serve\b([^`\n]*)", PAGE)
    return [shlex.split(line) for line in lines]


def in_container() -> dict[str, str]:
    """Options that the service gets in the container, of the image and of compose.yaml."""
    entry = json.loads(next(instructions("ENTRYPOINT")))
    assert entry[:2] == ["pixelmend", "serve"]
    return flags([*entry[2:], *SERVICE["command"]])


def test_what_is_copied_exists_and_is_sent() -> None:
    ignored = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {path for each in instructions("COPY") if "--from" not in each for path in each.split()[:-1]}
    assert copied == sent
    assert all((ROOT / path).exists() for path in copied)
    # What the package is built of is there as well.
    project = tomllib.loads(read("pyproject.toml"))
    named = {project["project"]["readme"], *project["project"]["license-files"]}
    named |= {package.split("/")[0] for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert named <= copied
    assert not any(fnmatch(path, pattern) for path in copied for pattern in ignored if pattern.startswith("**"))


def test_extras_exist_and_versions_are_those_that_passed() -> None:
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    installed = next(each for each in instructions("RUN") if "install" in each and ".[" in each)
    wanted = re.search(r"\.\[([\w,]+)\]", installed)
    assert wanted
    assert set(wanted[1].split(",")) == {"serve", "heic"}
    assert set(wanted[1].split(",")) <= extras.keys()
    assert "constraints.txt" in installed
    python = next(instructions("FROM")).split()[0]
    lowest = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    assert python == f"python:{lowest}-slim"


def test_the_image_needs_no_shell_and_no_rights() -> None:
    for word in ("ENTRYPOINT", "RUN"):
        assert all(isinstance(json.loads(each), list) for each in instructions(word))
    assert next(instructions("USER")) == "10001:10001"
    assert next(instructions("STOPSIGNAL")) == "SIGTERM"
    stages = list(instructions("FROM"))
    assert len(stages) == 2
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]


def test_options_exist() -> None:
    lines = [in_container(), *map(flags, commands_of_the_page())]
    assert len(lines) >= 4
    for found in lines:
        assert found.keys() <= OPTIONS.keys(), found
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named <= OPTIONS.keys() | {"--build"}


def test_ports_agree() -> None:
    port = next(instructions("EXPOSE"))
    assert in_container()["--port"] == port
    check = json.loads(next(instructions("HEALTHCHECK")).split("CMD ")[1])
    assert f"http://127.0.0.1:{port}/healthz" in check[-1]
    compile(check[-1], "HEALTHCHECK", "exec")
    assert SERVICE["expose"] == [port]
    proxy = COMPOSE["configs"]["caddyfile"]["content"]
    assert f"reverse_proxy pixelmend:{port} " in proxy
    assert str(OPTIONS["--port"].default) == port
    assert f"reverse_proxy 127.0.0.1:{port} " in PAGE
    assert f'targets: ["127.0.0.1:{port}"]' in PAGE


def test_what_compose_names_is_declared() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("networks", ())) <= COMPOSE["networks"].keys()
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
        assert {each["source"] for each in service.get("configs", ())} <= COMPOSE["configs"].keys()
        assert set(service.get("depends_on", ())) <= COMPOSE["services"].keys()
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert "ports" not in SERVICE  # the proxy alone reaches it
    keys = in_container()["--keys"]
    assert keys == f"/run/secrets/{SERVICE['secrets'][0]}"
    assert in_container()["--allow-host"].startswith("${PIXELMEND_DOMAIN")
    assert "${PIXELMEND_DOMAIN} {" in COMPOSE["configs"]["caddyfile"]["content"]


def test_a_stop_outlasts_the_grace() -> None:
    grace = float(in_container()["--grace-seconds"])
    assert float(SERVICE["stop_grace_period"].removesuffix("s")) > grace
    unit = blocks(PAGE, "ini")[0]
    found = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert found
    assert float(found[1]) > Limits().grace_seconds
    assert "KillMode=mixed" in unit


def test_there_is_room_for_what_may_lie_in_tmp() -> None:
    given = in_container()
    workers, limits = int(given["--workers"]), Limits()
    bodies = (int(given["--queue"]) + workers) * int(given["--max-mb"]) * 2**20
    pixels = 3 * float(given.get("--max-megapixels", limits.max_megapixels))
    pixels += 6 * float(given["--max-output-megapixels"])
    needed = bodies + limits.keep_bytes + workers * pixels * 1e6
    room = re.search(r"^/tmp:size=(\d+)m,", SERVICE["tmpfs"][0])
    assert room
    assert int(room[1]) * 2**20 >= needed
    memory = int(SERVICE["mem_limit"].removesuffix("m")) * 2**20
    assert memory >= int(room[1]) * 2**20 + workers * int(given["--worker-mb"]) * 2**20 + 0.5e9
    bodies_through_the_proxy = re.search(r"max_size (\d+)MB", COMPOSE["configs"]["caddyfile"]["content"])
    assert bodies_through_the_proxy
    assert int(bodies_through_the_proxy[1]) * 1e6 >= int(given["--max-mb"]) * 2**20


def test_yaml_of_the_page_is_yaml() -> None:
    scrape, rules = map(yaml.safe_load, blocks(PAGE, "yaml"))
    assert scrape["scrape_configs"][0]["job_name"] == "pixelmend"
    alerts = rules["groups"][0]["rules"]
    assert len({each["alert"] for each in alerts}) == len(alerts) >= 5
    assert all(each["expr"] for each in alerts)


def test_the_pages_proxy_is_that_of_compose() -> None:
    ours = COMPOSE["configs"]["caddyfile"]["content"].split()
    theirs = next(block for block in blocks(PAGE, "text") if "reverse_proxy" in block).split()
    different = {"${PIXELMEND_DOMAIN}", "pixelmend:8400", "17MB", "pictures.example.org", "127.0.0.1:8400", "68MB"}
    assert [word for word in ours if word not in different] == [word for word in theirs if word not in different]
    assert Limits().max_bytes <= 68e6
