"""Distillation: train an integer network to answer like its float network."""
