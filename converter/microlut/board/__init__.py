"""Board files: their schema, their contents, and the boards that come with microlut."""
