"""Every method measured in the same way: suites, scores that can be resumed, tables."""

from pixelmend.degradations.repeatable import gaussian_noise_for
from pixelmend.evaluation.methods import METHODS, Method, Setup, make_methods
from pixelmend.evaluation.results import Entry, PictureScore, Results
from pixelmend.evaluation.suite import SUITES, Plan, Step, Suite, count_missing, evaluate
from pixelmend.evaluation.tables import card_scores, markdown_table

__all__ = [
    "METHODS",
    "SUITES",
    "Entry",
    "Method",
    "PictureScore",
    "Plan",
    "Results",
    "Setup",
    "Step",
    "Suite",
    "card_scores",
    "count_missing",
    "evaluate",
    "gaussian_noise_for",
    "make_methods",
    "markdown_table",
]
