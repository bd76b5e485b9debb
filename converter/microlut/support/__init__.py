"""Help every stage: files, texts, resources, progress. Nothing here knows models or boards."""
