"""Helpers for every stage: files, texts, resources, progress. None knows models or boards."""
