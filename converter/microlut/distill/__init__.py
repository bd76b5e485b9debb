"""Distillation: an integer network is trained to answer like its float network."""
