"""Converted models in, a folder or file of another build system's conventions out.

A format is a `Layout` (which folders the C files go to) and the templates in
`templates/export/FORMAT`; all formats share the file list and the writer.
"""

from microlut.exporters.export import Exported, export
from microlut.exporters.formats import ExportFormat, format_of

__all__ = ["ExportFormat", "Exported", "export", "format_of"]
