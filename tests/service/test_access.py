"""Who may come in: keys, owners, and places that others reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import UsageError
from pixelmend.service.access import Access, Keys, host_of, is_loopback, read_keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.conftest import Begin
    from tests.service.serving import Serving

ANY = "0.0.0.0"  # noqa: S104  (refused)
ONE, TWO = "first-key-0123456789", "second-key-0123456789"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def locked(serving: Begin) -> Serving:
    """A server with two keys."""
    return serving(access=Access(Keys([ONE, TWO])))


def test_keys_are_told_apart() -> None:
    keys = Keys([ONE, TWO])
    assert keys
    assert keys.owner(f"Bearer {ONE}") != keys.owner(f"bearer {TWO}")
    for wrong in ("", ONE, f"Basic {ONE}", f"Bearer {ONE}x", "Bearer ", f"Bearer {ONE[:-1]}"):
        assert keys.owner(wrong) is None
    assert ONE not in str(vars(keys))
    assert not Keys()


@pytest.mark.parametrize(
    "key", ["short", "with spaces in the middle", "schlüssel-0123456789", "line\nbreak-0123456789"]
)
def test_keys_that_cannot_be(key: str) -> None:
    with pytest.raises(UsageError, match=r"key 1 cannot be used: got .* wanted 16 or more") as caught:
        Keys([key])
    assert key not in str(caught.value)


def test_keys_of_a_file_and_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"# ours\n\n{ONE}\n")
    keys = read_keys(file, f" {TWO} ,")
    assert None not in {keys.owner(f"Bearer {ONE}"), keys.owner(f"Bearer {TWO}")}
    assert not read_keys(None, "")
    file.write_text("# none\n")
    with pytest.raises(UsageError, match="holds no key"):
        read_keys(file, TWO)
    with pytest.raises(UsageError, match="cannot read --keys"):
        read_keys(tmp_path / "nothing", "")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/restore", "/v1/jobs/x", "/metrics", "/nothing"])
def test_without_a_key_nothing_is_told(locked: Serving, path: str) -> None:
    for headers in ({}, bearer("wrong-key-0123456789"), {"authorization": ONE}):
        answer = locked.client.post(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "no-key")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/assets/docs.css"])
def test_what_a_browser_loads_first_is_open(locked: Serving, path: str) -> None:
    assert locked.client.get(path).status_code == 200


def test_with_a_key_all_is_as_ever(locked: Serving, picture: bytes) -> None:
    assert locked.client.get("/v1/models", headers=bearer(ONE)).status_code == 200
    assert locked.client.get("/metrics", headers=bearer(ONE)).status_code == 200
    answer = locked.client.post("/v1/restore?task=denoise", content=picture, headers=bearer(ONE))
    assert answer.status_code == 200


def test_jobs_belong_to_who_sent_them(locked: Serving, picture: bytes) -> None:
    job = locked.client.post("/v1/restore?wait=0&task=denoise", content=picture, headers=bearer(ONE)).json()
    for method, link in [("GET", "self"), ("GET", "events"), ("GET", "result"), ("DELETE", "self")]:
        answer = locked.client.request(method, job["links"][link], headers=bearer(TWO))
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job")
    assert locked.client.get(job["links"]["self"], headers=bearer(ONE)).status_code == 200
    assert locked.client.delete(job["links"]["self"], headers=bearer(ONE)).status_code == 204


def test_a_preflight_needs_no_key(serving: Begin) -> None:
    page = "https://pictures.example"
    open_to = serving(access=Access(Keys([ONE]), origins=(page,)))
    asked = {"origin": page, "access-control-request-method": "POST"}
    assert open_to.client.options("/v1/restore", headers=asked).status_code == 204
    refused = open_to.client.post("/v1/restore", headers={"origin": page})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, page)


def test_the_document_says_that_a_key_is_wanted(locked: Serving, service: Serving) -> None:
    document = locked.client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "401" in document["paths"]["/v1/restore"]["post"]["responses"]
    assert "401" not in document["paths"]["/healthz"]["get"]["responses"]
    assert "securitySchemes" not in service.client.get("/openapi.json").json()["components"]


@pytest.mark.parametrize("host", [ANY, "::", "192.168.1.7", "pictures.example", ""])
def test_strangers_are_not_let_in_by_accident(host: str) -> None:
    with pytest.raises(UsageError, match="is reached from other machines, and there are no keys"):
        Access().check(host)
    Access(Keys([ONE])).check(host)
    Access(without_keys=True).check(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    Access().check(host)
    assert is_loopback(host)


def test_addresses_are_names_of_a_server_that_is_bound_to_all_of_them() -> None:
    access = Access(hosts=("pictures.example",))
    for bound in (ANY, "::"):
        assert all(access.knows(name, bound) for name in ("192.168.1.7:8400", "[fe80::1]", "pictures.example"))
        assert not access.knows("evil.example", bound)
    assert access.knows("My-Box:8400", "my-box")


def test_hosts_and_origins_that_could_never_match() -> None:
    assert host_of("[::1]:80") == "::1"
    for host in ("Example.org", "example.org:80", "http://example.org", ""):
        with pytest.raises(UsageError, match="got --allow-host"):
            Access(hosts=(host,))
    for origin in ("example.org", "https://example.org/", "ftp://example.org", "null", "*", "https://"):
        with pytest.raises(UsageError, match="got --allow-origin"):
            Access(origins=(origin,))
