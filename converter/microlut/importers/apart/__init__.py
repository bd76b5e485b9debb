"""Read model files in a process of its own, which can neither write, nor run, nor reach anything.

The libraries that parse HDF5, protocol buffers and flatbuffers crash or hang on some damaged files,
which nothing can catch within a process, and on files made for it they may do worse. Windows has
none of what that needs: there files are read in this process.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from microlut.importers.apart.unconfined import read

    __all__ = ["read"]
else:
    from microlut.importers.apart.confined import read, serve

    __all__ = ["read", "serve"]
