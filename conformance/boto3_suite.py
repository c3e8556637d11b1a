"""boto3: every operation of EKS, STS and IAM that is served, and every error."""

from . import directory, eks, signatures
from .boto3_client import Boto3Caller
from .recorder import Recorder
from .server import Server
from .tally import Tally


def run(doorward):
    tally = Tally("boto3")
    with Server(doorward) as server:
        server.register_for_scenarios()
        recorder = Recorder(server.api)
        admin = Boto3Caller.of(tally, recorder.url, server.administrator)
        for scenario in (*eks.SCENARIOS, *directory.SCENARIOS):
            tally.run(scenario, admin)
        tally.run(signatures.refusals, admin, server, recorder)
        tally.close(recorder)
        recorder.close()
    with Server(doorward, "--max-access-entries", "3") as server:
        server.register("demo", "API")
        tally.run(eks.quota, Boto3Caller.of(tally, server.url, server.administrator))
    return [tally]
