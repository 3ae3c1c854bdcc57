"""What runs over places come to, whoever has their batches done: results, failures, and going on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pixelmend.errors import MissingExtraError, UsageError
from pixelmend.inference.clusters import connection, plan_places, run_places
from pixelmend.inference.clusters.batches import Share
from pixelmend.inference.clusters.luggage import pack
from pixelmend.inference.clusters.restorer import Restorer, Setup
from pixelmend.inference.clusters.tally import Tally
from pixelmend.inference.folders import Way, plan_folder, run_folder
from pixelmend.inference.folders.crew import Hand
from tests.inference.clusters.conftest import BROKEN
from tests.inference.folders.conftest import noisy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelmend.inference import Settings
    from pixelmend.inference.clusters import Summary
    from pixelmend.inference.folders.worker import Order, Result

    Snapshot = Callable[[Path], dict[str, bytes]]

pytestmark = pytest.mark.usefixtures("without_ray")


def restored(source: Path, out: Path, settings: Settings, existing: str = "refuse") -> Summary:
    return run_places(plan_places([str(source)], str(out)), settings, Way(existing))  # type: ignore[arg-type]


def pictures(summary: Summary) -> dict[str, dict[str, str]]:
    out = f"{summary.out}/"
    return {each["output"].removeprefix(out): each for each in summary.to_dict()["pictures"]}


def test_it_comes_to_the_files_of_a_folders_run(
    tmp_path: Path, photos: Path, settings: Settings, snapshot: Snapshot
) -> None:
    folder = run_folder(plan_folder([photos], tmp_path / "folder"), settings, Way(jobs=2))
    summary = restored(photos, tmp_path / "out", settings)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "folder")
    assert len(snapshot(tmp_path / "out")) == 7
    told = pictures(summary)
    assert {name for name, each in told.items() if each["state"] == "failed"} == BROKEN
    of_folder = {each["output"].rpartition("/folder/")[2]: each for each in folder.to_dict()["pictures"]}
    assert {name: each.get("error") for name, each in told.items()} == {
        name: each.get("error") for name, each in of_folder.items()
    }
    assert {name: each.get("sha256") for name, each in told.items()} == {
        name: each.get("sha256") for name, each in of_folder.items()
    }
    assert (summary.counts["done"], summary.counts["failed"], summary.exit_code) == (7, 2, 1)
    assert summary.tally.left_out == {"hidden": 1, "of another kind": 1}
    assert summary.header.runs == folder.runs


def test_going_on_does_what_is_missing_and_what_changed(
    tmp_path: Path, photos: Path, settings: Settings, snapshot: Snapshot
) -> None:
    out = tmp_path / "out"
    restored(photos, out, settings)
    before = snapshot(out)
    (out / "a.png").unlink()  # missing
    (out / "c.png").write_bytes(b"cut")  # no longer as it was written
    noisy(photos / "sub/d.png", seed=77)  # another picture
    noisy(photos / "sub/new.png", seed=78)
    with pytest.raises(UsageError, match="holds a run: give --resume"):
        restored(photos, out, settings)
    with pytest.raises(UsageError, match=r"begun with other settings: sigma \(30\.?0? before, 20 now\)"):
        restored(photos, out, replace(settings, options=replace(settings.options, sigma=20)), "resume")
    summary = restored(photos, out, settings, "resume")
    assert (summary.counts["done"], summary.counts["done earlier"], summary.counts["failed"]) == (4, 4, 2)
    after = snapshot(out)
    assert {name for name in after if after[name] != before.get(name)} == {"sub/d.png", "sub/new.png"}


def test_what_is_there_may_be_left_alone(tmp_path: Path, photos: Path, settings: Settings, snapshot: Snapshot) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub/d.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is not empty"):
        restored(photos, out, settings)
    with pytest.raises(UsageError, match="is not empty"):
        restored(photos, out, settings, "resume")
    summary = restored(photos, out, settings, "skip")
    assert (summary.counts["done"], summary.counts["kept"]) == (6, 1)
    assert snapshot(out)["sub/d.png"] == b"mine"
    assert pictures(summary)["sub/d.png"]["state"] == "kept"


def test_a_batch_that_is_begun_again_does_not_do_again_what_is_told_of(
    tmp_path: Path, photos: Path, settings: Settings
) -> None:
    plan = plan_places([str(photos)], str(tmp_path / "out"))
    share = Share(plan.sources[0], (), plan.out, None, ("run",), "refuse", 1)
    batch = next(each for each in share.batches() if "sub/d.png" in [errand.name for errand in each.todo])
    with Restorer(Setup(pack(settings), plan.out, "run")) as restorer:
        first = restorer.restore(batch)
        (tmp_path / "out/sub/d.png").unlink()
        second = restorer.restore(batch)
    assert (first.tally.done, first.tally.failed) == (second.tally.done, second.tally.failed) == (1, 0)
    assert not (tmp_path / "out/sub/d.png").exists()


def test_a_picture_over_which_a_process_dies_is_named(tmp_path: Path, photos: Path, settings: Settings) -> None:
    """The process that restores is killed whenever it begins this picture, twice in all; all others go on."""
    plan = plan_places([str(photos)], str(tmp_path / "out"))
    share = Share(plan.sources[0], (), plan.out, None, ("run",), "refuse", 1)
    with Restorer(Setup(pack(settings), plan.out, "run")) as restorer:

        class Deadly(Hand):
            def restore(self, order: Order, tell: Callable[[float], None]) -> Result:
                if order.name == "sub/d.png":
                    self._process.kill()
                return super().restore(order, tell)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pixelmend.inference.clusters.restorer.Hand", Deadly)
            total = Tally()
            for batch in share.batches():
                total.add(restorer.restore(batch).tally)
    assert (total.done, total.failed) == (6, 3)
    why = next(error for source, error in total.failures if source.endswith("d.png"))
    assert why.startswith("its process was killed")


def test_a_picture_over_which_all_die_is_given_up(tmp_path: Path, photos: Path, settings: Settings) -> None:
    """Who restores was killed with all that it knew, three times over one picture; those in between marked it."""
    plan = plan_places([str(photos / "c.png")], str(tmp_path / "out"))
    share = Share(None, plan.files, plan.out, None, ("run",), "refuse", 1)
    (batch,) = share.batches()
    setup = Setup(pack(settings), plan.out, "run")
    for _ in range(2):  # restarted, and killed over it once more
        with Restorer(setup, restarted=True) as restorer:
            restorer.hand().restore = _die  # type: ignore[method-assign, assignment]
            with pytest.raises(KeyboardInterrupt):
                restorer.restore(batch)
    with Restorer(setup, restarted=True) as restorer:
        outcome = restorer.restore(batch)
    assert outcome.tally.failures == (
        (str(photos / "c.png"), "all who restored it died over it, and so it was given up"),
    )


def _die(*_: object) -> Result:
    raise KeyboardInterrupt


def test_it_stops_at_the_first_failure_where_it_is_told_to(tmp_path: Path, settings: Settings) -> None:
    for number in range(40):
        noisy(tmp_path / "in" / f"{number:02}.png", seed=number)
    (tmp_path / "in/03.png").write_bytes(b"no picture")
    plan = plan_places([str(tmp_path / "in")], str(tmp_path / "out"))
    summary = run_places(plan, settings, Way(on_error="stop"))
    assert (summary.stopped, summary.exit_code) == ("at the first picture that failed", 1)
    assert summary.tally.done < 39
    assert "--resume goes on from here" in "\n".join(summary.lines())


def test_what_cannot_be_is_said_at_once(tmp_path: Path, photos: Path, settings: Settings) -> None:
    impossible = replace(settings, options=replace(settings.options, region=(0, 0, 5000, 5000)))
    with pytest.raises(UsageError, match="region"):
        restored(photos, tmp_path / "out", impossible)


def test_without_ray_the_extra_is_named(
    tmp_path: Path, photos: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelmend.inference.clusters.run.connected", connection.connected)
    monkeypatch.setattr(connection, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pixelmend\[ray\]'"):
        restored(photos, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(UsageError, match=r"there is no cluster at RAY_ADDRESS=127\.0\.0\.1:9 \(.*refused\)"):
        connection._begin(None)
