"""Turn results into texts, tables and pictures for people."""
