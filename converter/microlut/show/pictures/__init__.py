"""Pictures of what was fitted and measured: typed results in, PNG or SVG files out."""
