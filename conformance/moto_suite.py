"""moto's own EKS tests, in the mode in which they run against a foreign server: those that need what Doorward serves.

The tests make their clusters with CreateCluster. Doorward does not make clusters, it registers those that exist; so a
proxy between the two registers one instead. It also signs anew what the tests sign with keys that nobody has. All else is
what Doorward answers, and the test's verdict stands as it is.
"""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import botocore.auth
import botocore.awsrequest

from .cache import cache
from .recorder import Recorder
from .server import Server
from .tally import Tally

REGION = "us-east-1"
# Tests of what is not served, by a part of their name, each with the reason. The first that fits counts. Some of the first
# three kinds expect an error of any kind, and get one.
NOT_SERVED = (
    ("nodegroup", "managed node groups: Doorward says who gets into a cluster and runs no nodes"),
    ("launchtemplate", "managed node groups: Doorward says who gets into a cluster and runs no nodes"),
    ("fargate", "Fargate profiles: as node groups"),
    ("test_create_cluster_generates_valid_cluster_endpoint", "CreateCluster: an endpoint that the server makes up"),
    ("test_create_cluster_generates_valid_oidc_identity", "CreateCluster: an issuer of tokens that the server makes up"),
    ("test_create_cluster_saves_provided_parameters", "CreateCluster: networks, logs, encryption, its role"),
    ("test_delete_cluster_returns_deleted_cluster", "CreateCluster: networks, logs, encryption, its role"),
    ("test_invalid_arn_raises_exception", "CreateCluster: networks, logs, encryption, its role"),
    ("test_update_cluster_config_not_found", "an update of nothing: EKS checks parameters before it looks the cluster up"),
    ("test_update_cluster_config", "UpdateClusterConfig of networks and logs: of its updates the mode alone is served"),
)


class Adapter(Recorder):
    """Registers clusters where the tests make some, and signs with a key that the server knows."""

    def __init__(self, server):
        super().__init__(server.api)
        self._doorward = server

    def answer(self, method, target, headers, body):
        if target == "/moto-api/reset":
            self._remove_clusters()
            return 200, [("content-type", "application/json")], b'{"status": "ok"}'
        if (method, target) == ("POST", "/clusters"):
            return self._register(json.loads(body))
        return super().answer(method, target, self._signed(method, target, headers, body), body)

    def _register(self, asked):
        more = {"version": asked.get("version", "1.33"), "tags": asked.get("tags", {}), "region": REGION}
        access = asked.get("accessConfig", {})
        bootstrap = access.get("bootstrapClusterCreatorAdminPermissions", False)
        mode = access.get("authenticationMode", "API_AND_CONFIG_MAP")
        registration = self._doorward.registration(mode, bootstrapClusterCreatorAdminPermissions=bootstrap, **more)
        path = f"/doorward/v1/clusters/{asked['name']}"
        status, headers, text = self._doorward.raw("PUT", path, json.dumps(registration), service="doorward")
        return status, list(headers.items()), text.encode()

    def _remove_clusters(self):
        while names := json.loads(self._doorward.raw("GET", "/clusters")[2])["clusters"]:
            for name in names:
                self._doorward.raw("DELETE", f"/clusters/{name}")

    def _signed(self, method, target, headers, body):
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", dict(headers).get("Authorization", ""))
        if not scope:
            return headers
        region, service = scope.groups()
        kept = {name: value for name, value in headers if name.lower() in ("content-type", "accept")}
        request = botocore.awsrequest.AWSRequest(method, f"{self.url}{target}", headers=kept, data=body)
        botocore.auth.SigV4Auth(self._doorward.administrator, service, region).add_auth(request)
        host = self.url.removeprefix("http://")
        return [("Host", host), ("Content-Length", str(len(body))), *request.headers.items()]


def run(doorward):
    python, source = cache() / "moto/bin/python", cache() / "moto/source"
    if not python.exists():
        return ["moto: not found (scripts/setup.sh moto installs it)"]
    tally, left_out = Tally("moto's tests"), {}
    with Server(doorward) as server:
        adapter = Adapter(server)
        report = server.folder / "report.xml"
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(server.folder), "TEST_SERVER_MODE": "true",
            "TEST_SERVER_MODE_ENDPOINT": adapter.url, "AWS_DEFAULT_REGION": REGION, "PYTHONDONTWRITEBYTECODE": "1",
        }
        tests = sorted(str(file.relative_to(source)) for file in source.glob("tests/test_eks/test_eks*.py")
                       if re.search(r"^def test_", file.read_text(), re.MULTILINE))
        arguments = ["-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *tests]
        done = subprocess.run([python, "-m", "pytest", *arguments], cwd=source, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            tally.fail(f"pytest exited {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
            return [tally]
        for case in ElementTree.parse(report).iter("testcase"):
            name = case.get("name")
            reason = next((reason for part, reason in NOT_SERVED if part in name), None)
            fault = case.find("failure") if case.find("failure") is not None else case.find("error")
            if reason is not None:
                if fault is None and name in dict(NOT_SERVED):
                    tally.fail(f"{name} is listed as not served, and passes")
                left_out.setdefault(reason, []).append(name)
            elif case.find("skipped") is not None:
                left_out.setdefault(f"left out by moto: {case.find('skipped').get('message')}", []).append(name)
            elif fault is not None:
                tally.fail(f"{name}: {fault.get('message')}")
            else:
                tally.count()
        tally.close(adapter)
        adapter.close()
    return [tally, *(f"moto's tests, not served: {len(names)} of {reason}" for reason, names in left_out.items())]
