"""Learning: a recipe in, weights out."""
