"""boto3: every operation of EKS, STS and IAM that is served, and every error."""

from . import boto3_directory, boto3_eks, signatures
from .boto3_client import Caller
from .recorder import Recorder
from .server import Server
from .tally import Tally


def run(doorward):
    tally = Tally("boto3")
    with Server(doorward) as server:
        for name, mode in (("demo", "API_AND_CONFIG_MAP"), ("modes", "CONFIG_MAP"), ("doomed", "API")):
            server.register(name, mode)
        recorder = Recorder(server.api)
        admin = Caller.of(tally, recorder.url, server.administrator)
        for scenario in (*boto3_eks.SCENARIOS, *boto3_directory.SCENARIOS):
            tally.run(scenario, admin)
        tally.run(signatures.refusals, admin, server, recorder)
        tally.close(recorder)
        recorder.close()
    # The entry of who registers the cluster counts.
    with Server(doorward, "--max-access-entries", "3") as server:
        server.register("demo", "API")
        tally.run(boto3_eks.quota, server, tally)
    return [tally]
