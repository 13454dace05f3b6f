"""Infrastructure from the environment (prefix `QILIN_`): where things live, never what is computed.

Nothing here may change a number: what changes numbers is configuration and part of every key.
"""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def home() -> str:
    """Root of the store and of Prefect's files: `QILIN_HOME`, a path or an fsspec URL."""
    value = os.environ.get("QILIN_HOME", "")
    if not value:
        return str(CHECKOUT / ".qilin")
    return value if "://" in value else str(Path(value).expanduser().absolute())


def local_home() -> Path:
    """A folder of this machine for caches, locks and databases; `home()` itself where it is local.

    Where the store is remote it is `QILIN_LOCAL`, `.qilin` in the checkout by default.
    """
    root = home()
    if "://" not in root:
        return Path(root)
    value = os.environ.get("QILIN_LOCAL", "")
    return Path(value).expanduser().absolute() if value else CHECKOUT / ".qilin"


def ledger() -> str:
    """Store whose ledger counts sweeps that are run by hand: `QILIN_LEDGER`, empty for none.

    `home` means the store itself, where nights keep theirs.
    """
    value = os.environ.get("QILIN_LEDGER", "")
    if value == "home":
        return home()
    return value if not value or "://" in value else str(Path(value).expanduser().absolute())
