"""Assign a level to every weight: error feedback, trellises, reconstruction."""
