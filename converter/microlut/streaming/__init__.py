"""Turn an integer network over whole windows into one that takes some frames per run."""
