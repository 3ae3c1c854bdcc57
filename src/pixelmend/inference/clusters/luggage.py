"""What those who restore on other machines are told, with the files that it needs: a mask, a model of one's own."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pixelmend
from pixelmend.catalog import Card
from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from pixelmend.inference.settings import Settings

_MASK = "mask"


@dataclass(frozen=True)
class Luggage:
    """Settings, and the files that they name.

    Attributes:
        settings: As they are on the machine where the run was started.
        files: What is in those files, by a name of their own.
        version: Of pixelmend there.
    """

    settings: Settings
    files: dict[str, bytes]
    version: str

    def unpack(self, folder: Path) -> Settings:
        """The settings as they are here.

        Args:
            folder: An empty one, which the files are laid into.

        Raises:
            UsageError: Another version of pixelmend is installed here.
        """
        if self.version != pixelmend.__version__:
            raise UsageError(
                f"pixelmend {pixelmend.__version__} is installed on {platform.node()}, and {self.version} where the "
                "run was started: install the same one on all machines"
            )
        settings = self.settings
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        if isinstance(settings.task, Card):
            settings = replace(settings, task=replace(settings.task, folder=folder))
        if isinstance(settings.options.mask, (str, Path)):
            settings = replace(settings, options=replace(settings.options, mask=folder / _MASK))
        return settings


def pack(settings: Settings) -> Luggage:
    """Settings with all that goes along.

    Raises:
        UsageError: A file that they name is not there.
    """
    files = {}
    try:
        if isinstance(settings.task, Card):
            files[settings.task.file] = settings.task.path.read_bytes()
        if isinstance(settings.options.mask, (str, Path)):
            files[_MASK] = Path(settings.options.mask).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from error
    wish = replace(settings.wish, engine=settings.wish.named_engine)  # what the environment says here holds there
    return Luggage(replace(settings, wish=wish), files, pixelmend.__version__)
