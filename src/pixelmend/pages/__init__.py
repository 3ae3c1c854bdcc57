"""Pages that people open in a browser: before and after under a slider, and the report of a folder.

They ask for nothing from elsewhere (a policy in each page forbids it), follow the reader's light or dark, and every
name in them is escaped.
"""

from pixelmend.pages.before_after import Side, before_after_page
from pixelmend.pages.crops import Change, crop_of_change, pair_of, save_change
from pixelmend.pages.folder import Entry, FolderPage, write_folder_page
from pixelmend.pages.frame import figure, frame
from pixelmend.pages.places import CELL, Place, cells, places_of_change, window_sums
from pixelmend.pages.sheet import comparison_sheet

__all__ = [
    "CELL",
    "Change",
    "Entry",
    "FolderPage",
    "Place",
    "Side",
    "before_after_page",
    "cells",
    "comparison_sheet",
    "crop_of_change",
    "figure",
    "frame",
    "pair_of",
    "places_of_change",
    "save_change",
    "window_sums",
    "write_folder_page",
]
