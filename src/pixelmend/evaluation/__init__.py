"""Every method measured in the same way: problems, methods, scores that can be resumed, tables, plots and crops."""

from pixelmend.evaluation.crops import Crops
from pixelmend.evaluation.method import Method, Setup
from pixelmend.evaluation.methods import METHODS, make_methods
from pixelmend.evaluation.problem import TASKS, Problem
from pixelmend.evaluation.results import Entry, Results
from pixelmend.evaluation.run import Plan, Step, evaluate
from pixelmend.evaluation.scores import PictureScore
from pixelmend.evaluation.suites import SUITES, Trial, own_trials, published_trials
from pixelmend.evaluation.tables import card_scores, markdown_table

__all__ = [
    "METHODS",
    "SUITES",
    "TASKS",
    "Crops",
    "Entry",
    "Method",
    "PictureScore",
    "Plan",
    "Problem",
    "Results",
    "Setup",
    "Step",
    "Trial",
    "card_scores",
    "evaluate",
    "make_methods",
    "markdown_table",
    "own_trials",
    "published_trials",
]
