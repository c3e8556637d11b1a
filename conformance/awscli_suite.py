"""The aws CLI: every operation of EKS, STS and IAM that is served, and every error, as commands."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from . import awscli_commands, directory, eks
from .awscli_client import CONFIG, AwsCaller
from .awscli_process import Aws
from .recorder import Recorder
from .server import Server
from .tally import Tally

# Two at a time, each with a server of its own: about as many commands in one as in the other.
_FIRST = (eks.parameters, eks.clusters_that_are_not, eks.entries)
_SECOND = (*(scenario for scenario in eks.SCENARIOS if scenario not in _FIRST), *directory.SCENARIOS)


def run(doorward):
    tally = Tally("aws CLI")
    with ThreadPoolExecutor(2) as pool:
        lanes = [pool.submit(_scenarios, tally, doorward, _FIRST, ()),
                 pool.submit(_scenarios, tally, doorward, _SECOND, awscli_commands.SCENARIOS),
                 pool.submit(_quota, tally, doorward)]
    for lane in lanes:
        lane.result()
    return [tally]


def _scenarios(tally, doorward, scenarios, commands):
    with Server(doorward) as server, _administrator(tally, server) as admin:
        server.register_for_scenarios()
        for scenario in scenarios:
            tally.run(scenario, admin)
        for scenario in commands:
            tally.run(scenario, admin, server)


def _quota(tally, doorward):
    with Server(doorward, "--max-access-entries", "3") as server, _administrator(tally, server) as admin:
        server.register("demo", "API")
        tally.run(eks.quota, admin)


@contextmanager
def _administrator(tally, server):
    """The CLI with the administrator's key, at a recorder."""
    recorder, key = Recorder(server.api), server.administrator
    folder = server.folder
    with Aws(folder, CONFIG.format("on")) as strict, Aws(folder, CONFIG.format("off")) as lenient:
        yield AwsCaller(tally, recorder, strict, lenient, (key.access_key, key.secret_key, key.token))
    tally.close(recorder)
    recorder.close()
