"""Segments: layers that run band by band, so that tensors between them need only some rows."""
