"""Seesaw's public API: every name that a plugin or a script may import, listed in `__init__.pyi`.

`import bench` costs milliseconds; the first name that needs PyTorch loads it. A name of the laboratory (`run`) needs
the extra `lab`.
"""

from typing import Any

import lazy_loader

from bench.errors import lab_error

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ImportError as error:
        if missing := lab_error(error):
            raise missing from error
        raise
