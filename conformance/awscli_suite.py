"""The aws CLI: every operation of EKS, STS and IAM that is served, and every error, as commands."""

import tempfile

from . import awscli_commands, directory, eks
from .awscli_client import CONFIG, AwsCaller
from .awscli_process import Aws
from .recorder import Recorder
from .server import Server
from .tally import Tally


def run(doorward):
    tally = Tally("aws CLI")
    with tempfile.TemporaryDirectory(prefix="doorward-conformance-") as folder:
        with Aws(folder, CONFIG.format("on")) as strict, Aws(folder, CONFIG.format("off")) as lenient:
            with Server(doorward) as server:
                server.register_for_scenarios()
                admin, recorder = _administrator(tally, server, strict, lenient)
                for scenario in (*eks.SCENARIOS, *directory.SCENARIOS):
                    tally.run(scenario, admin)
                for scenario in awscli_commands.SCENARIOS:
                    tally.run(scenario, admin, server)
                tally.close(recorder)
                recorder.close()
            with Server(doorward, "--max-access-entries", "3") as server:
                server.register("demo", "API")
                admin, recorder = _administrator(tally, server, strict, lenient)
                tally.run(eks.quota, admin)
                tally.close(recorder)
                recorder.close()
    return [tally]


def _administrator(tally, server, strict, lenient):
    recorder = Recorder(server.api)
    key = server.administrator
    return AwsCaller(tally, recorder, strict, lenient, (key.access_key, key.secret_key, key.token)), recorder
