"""Hold the float network: its operators, its evaluation, and the passes that rewrite it."""
