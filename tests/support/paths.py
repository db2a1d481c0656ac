"""Where things are: the checkout, the package, and the public data beside the checkout (absent elsewhere)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "bootstruct"
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data"
SUPPORT = Path(__file__).resolve().parent
