"""Folders of pictures: what is in them, restoring them side by side, and going on where a run was ended."""

from pixelmend.inference.folders.listing import Found, Listing, find_pictures
from pixelmend.inference.folders.page import write_page
from pixelmend.inference.folders.plan import Plan, Way, plan_folder
from pixelmend.inference.folders.run import run_folder
from pixelmend.inference.folders.share import how_many
from pixelmend.inference.folders.summary import State, Summary
from pixelmend.inference.folders.targets import Job, plan_jobs

__all__ = [
    "Found",
    "Job",
    "Listing",
    "Plan",
    "State",
    "Summary",
    "Way",
    "find_pictures",
    "how_many",
    "plan_folder",
    "plan_jobs",
    "run_folder",
    "write_page",
]
