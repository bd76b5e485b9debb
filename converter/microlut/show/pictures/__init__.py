"""Pictures of fits and of fronts, as PNG or SVG files."""
