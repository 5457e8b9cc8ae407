"""The static page's own modules (xai/web/page), for a component of ours: each at an address of its own.

    addresses(["stage.js", "networks.js"], key="turning")       # {"stage.js": "/media/1f2e….js", ...}

A module names others, the worker and the runtime by relative paths; these become the addresses, too. An address changes
with the content, so a browser may keep what it has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from dashboard.components import media

OWN, SCRIPT, PACKED = ".js", "text/javascript", "application/gzip"
# A string in a module that names a file of the page.
NAMED = re.compile(r"'(?:\./)?((?:vendor/)?[\w.-]+\.(?:m?js|wasm\.gz))'")


def addresses(names: Sequence[str], key: str) -> dict[str, str]:
    """Hand these modules, and all that they name, to the server of media files, and return their addresses.

    ``key`` is the component's: the files are kept while the page shows it.
    """
    handed: dict[str, str] = {}

    def hand_over(name: str) -> str:
        if name not in handed:
            content = _content(name)
            if name.endswith(OWN):
                # They all lie in one folder.
                content = NAMED.sub(lambda named: f"'./{Path(hand_over(named[1])).name}'", content.decode()).encode()
            handed[name] = media.address(content, PACKED if name.endswith(".gz") else SCRIPT, f"{key}-{name}")
        return handed[name]

    return {name: hand_over(name) for name in names}


@cache
def _content(name: str) -> bytes:
    from xai.web.live import browser_file

    return browser_file(name).read_bytes()
