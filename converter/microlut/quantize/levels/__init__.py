"""The levels of codebooks: densities, Lloyd-Max, k-means, trellises."""
