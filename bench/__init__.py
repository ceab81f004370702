"""Seesaw's public API: every name that a plugin or a script may import, listed in `__init__.pyi`.

`import bench` costs milliseconds; the first name that needs PyTorch loads it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
