"""Where the set-up puts what it installs; as in `scripts/common.sh`."""

import os
from pathlib import Path


def cache():
    if own := os.environ.get("DOORWARD_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doorward"
