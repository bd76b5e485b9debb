"""Texts, tables and pictures of results, for people."""
