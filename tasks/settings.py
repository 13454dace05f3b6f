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


def ledger(asked: str = "") -> str:
    """Store whose ledger counts sweeps and searches that are run by hand; empty for none.

    Args:
        asked: a place, `home` (the store itself, where nights keep theirs) or `none`; if empty,
            `QILIN_LEDGER`, which says the same and is `home` by default.
    """
    value = asked or os.environ.get("QILIN_LEDGER", "") or "home"
    if value == "none":
        return ""
    if value == "home":
        return home()
    return value if "://" in value else str(Path(value).expanduser().absolute())
