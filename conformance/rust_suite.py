"""The AWS SDKs for Rust: the tests of `crates/conformance`, at a recorder.

`make test` runs them with a server for each test; here all use one, so that their exchanges can be held against the
service models. What passed and what was refused are then the answers that the tests looked at.
"""

import os
import re
import subprocess
from pathlib import Path

from .recorder import Recorder
from .server import Server
from .tally import Tally

# The clusters of `crates/conformance/tests/sdk`.
CLUSTERS = {
    **dict.fromkeys(("closed", "nodes", "one", "pages", "policies", "refusals"), "API"),
    **dict.fromkeys(("entries", "two"), "API_AND_CONFIG_MAP"),
    "modes": "CONFIG_MAP",
}


def run(doorward):
    tally = Tally("Rust SDKs")
    with Server(doorward) as server:
        for name, mode in CLUSTERS.items():
            server.register(name, mode)
        recorder, key = Recorder(server.api), server.administrator
        environment = {
            **os.environ, "DOORWARD_ENDPOINT": recorder.url, "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
        }
        # Of the whole workspace: cargo would compile the SDKs' dependencies again with the features of one package.
        words = ["cargo", "test", "--locked", "--workspace", "--test", "sdk", "--color", "never"]
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(words, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0 or not re.search(r"test result: ok\. [1-9]", done.stdout):
            tally.fail(f"{' '.join(words)} exited {done.returncode}:\n{done.stdout[-900:]}")
        for exchange, _ in recorder.exchanges:
            tally.count(is_refusal=exchange.status >= 400)
        tally.close(recorder)
        recorder.close()
    return [tally]
