"""Describe boards: what is in a board's file, and which boards there are."""
