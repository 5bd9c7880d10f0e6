"""latephase: what gradient descent converges to, and how fast, to t = 10^1000 and beyond.

The public names stand in `__init__.pyi`; each is loaded when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
