"""The report on a converted model: one HTML page, or Markdown."""
