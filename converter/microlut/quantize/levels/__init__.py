"""Find the levels of a codebook: densities, Lloyd-Max, k-means, trellises."""
