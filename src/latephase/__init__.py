"""latephase: what gradient descent converges to, and how fast, to t = 10^1000 and beyond.

The public names stand in `__init__.pyi`; each is loaded when it is first used, and so is what
loads them: until the command line has seen to Ctrl-C, nothing is imported that takes its time.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The attribute `name`, once lazy_loader's own functions have taken the place of these two."""
    import lazy_loader

    found = lazy_loader.attach_stub(__name__, __file__)
    globals().update(zip(("__getattr__", "__dir__", "__all__"), found, strict=True))
    return globals()["__all__"] if name == "__all__" else found[0](name)


def __dir__() -> list[str]:
    __getattr__("__all__")
    return list(globals()["__all__"])
