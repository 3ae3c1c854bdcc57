"""Learning: a recipe in, weights out."""

from pixelmend.training.recipe import Recipe
from pixelmend.training.recipe_file import load_recipe
from pixelmend.training.run import train

__all__ = ["Recipe", "load_recipe", "train"]
