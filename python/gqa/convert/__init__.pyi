# What `import gqa.convert` brings by name. That the package can be called is said in gqa/__init__.pyi.
from .conversion import convert as convert
from .errors import Unconvertible as Unconvertible
from .report import Report as Report
from .sharing import load as load

__all__ = ["Report", "Unconvertible", "convert", "load"]
