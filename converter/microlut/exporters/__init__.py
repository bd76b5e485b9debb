"""Export converted models as libraries for other build systems.

A format is a `Layout` (the folders of the C files) and the templates in
`templates/export/FORMAT`; all formats share the file list and the writer.
"""

from microlut.exporters.export import Exported, export
from microlut.exporters.formats import ExportFormat, format_of

__all__ = ["ExportFormat", "Exported", "export", "format_of"]
