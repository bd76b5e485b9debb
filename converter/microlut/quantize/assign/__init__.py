"""The assignment of weights to levels: error feedback, trellises, reconstruction."""
