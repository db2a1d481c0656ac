"""The paths of the checkout, of the package, and of the public data beside the checkout, which may be missing."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "bootstruct"
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data"
SUPPORT = Path(__file__).resolve().parent
