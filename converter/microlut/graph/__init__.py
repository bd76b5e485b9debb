"""The float network: its evaluation, and the passes that rewrite it."""
