"""A plain `doorward serve` of one's own, on free ports, with its data in a temporary folder."""

import base64
import json
import re
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

ACCOUNT = "123456789012"
REGION = "us-west-2"


class Server:
    """Used in a `with`; stopped at its end."""

    def __init__(self, doorward, *flags):
        self._folder = tempfile.TemporaryDirectory(prefix="doorward-conformance-")
        self.folder = Path(self._folder.name)
        any_ports = [word for flag in ("--api", "--webhook", "--ops") for word in (flag, "127.0.0.1:0")]
        self._process = subprocess.Popen(
            [doorward, "serve", *any_ports, "--webhook-client-auth", "off", "--data-dir", self.folder / "data", *flags],
            cwd=self.folder,
            env={"HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = ""
        for line in self._process.stderr:
            said += line
            if listening := re.match(r"serving the AWS APIs on http://([^, ]+), .*webhooks on https://([^, ]+)", line):
                break
        else:
            raise RuntimeError(f"the server ended: {said}")
        self.api, self.webhook = listening.groups()
        # Nobody may fill the pipe up.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        self.url = f"http://{self.api}"
        profile = botocore.session.Session(profile="doorward")
        profile.set_config_variable("config_file", str(self.folder / "data/aws/config"))
        profile.set_config_variable("credentials_file", str(self.folder / "data/aws/credentials"))
        self.administrator = profile.get_credentials()
        """The access key of the first start."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def register(self, name, mode, **more):
        """Registers a cluster."""
        body = json.dumps(self.registration(mode, **more))
        status, _, answer = self.raw("PUT", f"/doorward/v1/clusters/{name}", body, service="doorward")
        assert status == 200, answer
        return json.loads(answer)["cluster"]

    def registration(self, mode, **more):
        """What registers a cluster. Nobody answers at its endpoint, and nothing here needs an answer."""
        endpoint = "https://127.0.0.1:9"
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "doorward",
            "clusters": [{"name": "c", "cluster": {"server": endpoint}}],
            "contexts": [{"name": "doorward", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
        return {
            "endpoint": endpoint,
            "certificateAuthority": base64.b64encode((self.folder / "data/pki/ca.crt").read_bytes()).decode(),
            "version": "1.33",
            "kubeconfig": json.dumps(kubeconfig),
            "authenticationMode": mode,
            **more,
        }

    def register_for_scenarios(self):
        """The clusters that the scenarios of `eks.py` work on."""
        for name, mode in (("demo", "API_AND_CONFIG_MAP"), ("modes", "CONFIG_MAP"), ("doomed", "API")):
            self.register(name, mode)

    def raw(self, method, path, body="", service="eks", credentials=None, headers=None, url=None):
        """Any request at all, signed as botocore does. Gives status, headers and body."""
        credentials = credentials or self.administrator
        url, data = (url or self.url) + path, body.encode() if isinstance(body, str) else body
        headers = {"content-type": "application/json", **(headers or {})} if data else dict(headers or {})
        request = botocore.awsrequest.AWSRequest(method, url, headers=headers, data=data)
        botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
        return send(method, url, data, dict(request.headers))


def send(method, url, data, headers, context=None):
    request = urllib.request.Request(url, data=data or None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, dict(answer.headers.items()), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers.items()), error.read().decode()
