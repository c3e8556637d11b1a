"""Terraform's AWS provider: access entries and associations, from creation to destruction without a difference left over.

Run where `terraform` is on PATH or in the cache and its provider can be had: from a mirror, or from where the machine's
own configuration says. Where it is not, a note says so, and nothing counts as passed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from .awscli_commands import review
from .boto3_client import Boto3Caller
from .cache import cache
from .eks import EDIT, ROLE, VIEW
from .eks_errors import MISSING, NO_ENTRY, USERNAME_PREFIX
from .recorder import Recorder
from .server import REGION, Server
from .tally import Stop, Tally

PROVIDER = "registry.terraform.io/hashicorp/aws"
CONFIGURATION = Path(__file__).with_name("terraform.tf")


def run(doorward):
    terraform = shutil.which("terraform", path=f"{cache() / 'bin'}:{os.environ['PATH']}")
    if not terraform:
        return ["Terraform: not found"]
    tally = Tally("Terraform")
    with Server(doorward) as server:
        server.register("demo", "API_AND_CONFIG_MAP")
        recorder = Recorder(server.api)
        runner = Runner(tally, terraform, server, recorder)
        if problem := runner.init():
            recorder.close()
            return [f"Terraform: found, but its AWS provider is not: {problem}"]
        tally.run(lifecycle, runner, Boto3Caller.of(tally, server.url, server.administrator), server)
        tally.close(recorder)
        recorder.close()
    return [tally]


def lifecycle(terraform, admin, server):
    tally = terraform.tally
    reader, entry = f"{ROLE}team/tf-reader", {"clusterName": "demo", "principalArn": f"{ROLE}team/tf-reader"}
    terraform.ok("apply")
    terraform.no_difference("after the first apply")
    found = admin.ok("eks:DescribeAccessEntry", **entry)["accessEntry"]
    tally.equal((found["kubernetesGroups"], found["tags"]), (["viewers"], {"team": "blue"}), "the entry that was made")
    node = admin.ok("eks:DescribeAccessEntry", clusterName="demo", principalArn=f"{ROLE}tf-node")["accessEntry"]
    tally.equal(node["type"], "EC2_LINUX", "the node's entry")
    _associated(admin, entry, {VIEW: ("cluster", []), EDIT: ("namespace", ["carts", "ui"])})

    groups = terraform.variable(groups=["editors", "viewers"])
    terraform.difference("other groups")
    terraform.ok("apply")
    terraform.no_difference("after other groups")
    changed = admin.ok("eks:DescribeAccessEntry", **entry)["accessEntry"]
    tally.equal((sorted(changed["kubernetesGroups"]), changed["accessEntryArn"]), (groups, found["accessEntryArn"]), "groups in place")
    terraform.variable(groups=[], namespaces=["carts", "dev-*"], tags={"team": "red", "app": "shop"})
    terraform.ok("apply")
    terraform.no_difference("after no groups, another scope and other tags")
    changed = admin.ok("eks:DescribeAccessEntry", **entry)["accessEntry"]
    tally.equal((changed["kubernetesGroups"], changed["tags"]), ([], {"team": "red", "app": "shop"}), "no groups, other tags")
    _associated(admin, entry, {VIEW: ("cluster", []), EDIT: ("namespace", ["carts", "dev-*"])})
    terraform.variable(username="me:{{SessionName}}")
    terraform.ok("apply")
    terraform.no_difference("after another username")

    for address, id in (("aws_eks_access_entry.reader", f"demo:{reader}"),
                        ("aws_eks_access_policy_association.view", f"demo#{reader}#{VIEW}"),
                        ("aws_eks_access_policy_association.edit", f"demo#{reader}#{EDIT}")):
        terraform.ok("state", "rm", address)
        terraform.ok("import", address, id)
    terraform.no_difference("after an import")

    admin.ok("eks:DeleteAccessEntry", **entry)
    terraform.difference("an entry that somebody deleted")
    terraform.ok("apply")
    terraform.no_difference("after its repair")
    _associated(admin, entry, {VIEW: ("cluster", []), EDIT: ("namespace", ["carts", "dev-*"])})

    outputs = json.loads(terraform.ok("output", "-json"))
    tally.equal(outputs["mode"]["value"], "API_AND_CONFIG_MAP", "the cluster's mode as data")
    tally.equal(outputs["username"]["value"], "me:{{SessionName}}", "an entry as data")
    # The token's host is the endpoint, and the recorder's is none of the server's.
    terraform.variable(with_token=True)
    terraform.ok("apply", AWS_ENDPOINT_URL=server.url)
    token = json.loads(terraform.ok("output", "-json"))["token"]["value"]
    tally.equal(review(server, token)["status"]["authenticated"], True, "the token of aws_eks_cluster_auth")

    # It sends the node's username along, and EKS finds fault with that first.
    terraform.variable(node_groups=["g"], with_token=False)
    terraform.refused("apply", USERNAME_PREFIX.format("system:"))
    terraform.ok("destroy")
    admin.refused("eks:DescribeAccessEntry", *MISSING, NO_ENTRY, **entry)
    tally.equal(len(admin.ok("eks:ListAccessEntries", clusterName="demo")["accessEntries"]), 1, "entries that are left: the creator's")


def _associated(admin, entry, wanted):
    rows = admin.ok("eks:ListAssociatedAccessPolicies", **entry)["associatedAccessPolicies"]
    found = {row["policyArn"]: (row["accessScope"]["type"], sorted(row["accessScope"]["namespaces"])) for row in rows}
    admin.tally.equal(found, wanted, "associated policies")


class Runner:
    """terraform in a folder with the configuration of this suite."""

    def __init__(self, tally, terraform, server, recorder):
        self.tally, self._terraform, self._folder = tally, terraform, server.folder / "terraform"
        self._folder.mkdir()
        shutil.copy(CONFIGURATION, self._folder / "main.tf")
        self._variables = {}
        key = server.administrator
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "AWS_ENDPOINT_URL": recorder.url, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key.access_key, "AWS_SECRET_ACCESS_KEY": key.secret_key, "AWS_EC2_METADATA_DISABLED": "true",
            "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1",
        }
        own = os.environ.get("TF_CLI_CONFIG_FILE", "")
        if mirror := _mirror():
            # No other place is asked then.
            config = self._folder / "terraformrc"
            config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
            self._environment["TF_CLI_CONFIG_FILE"] = str(config)
        elif Path(own).is_file():
            self._environment["TF_CLI_CONFIG_FILE"] = own

    def init(self):
        """Fetches the provider. Gives the reason when it cannot be had."""
        done = self._run("init", "-no-color")
        return None if done.returncode == 0 else next(iter(done.stderr.strip(" ╷│\n").splitlines()), "unknown")

    def variable(self, **variables):
        """Sets variables, from now on. Gives the value of the first."""
        self._variables.update(variables)
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(self._variables))
        return next(iter(variables.values()))

    def ok(self, *words, **environment):
        """Runs a command that has to work. Gives what it printed."""
        done = self._command(words, environment)
        if done.returncode != 0:
            self.tally.fail(f"terraform {' '.join(words)}: {done.stderr[-800:]}")
            raise Stop
        self.tally.count()
        return done.stdout

    def refused(self, command, text):
        """Runs a command that the server has to refuse with this text."""
        done = self._command([command], {})
        # Terraform breaks lines where its window ends.
        said = " ".join(done.stderr.replace("│", " ").split())
        if done.returncode == 1 and text in said:
            self.tally.count(is_refusal=True)
        else:
            self.tally.fail(f"terraform {command}: exit code {done.returncode}, {said[-600:]}, expected {text!r}")

    def no_difference(self, when):
        """A plan has nothing to do."""
        self._plan(0, f"a plan {when}")

    def difference(self, what):
        """A plan has something to do."""
        self._plan(2, f"a plan for {what}")

    def _plan(self, code, what):
        done = self._run("plan", "-no-color", "-detailed-exitcode")
        self.tally.equal(done.returncode, code, f"{what}: {done.stdout[-700:]}{done.stderr[-300:]}")
        self.tally.count()

    def _command(self, words, environment):
        command, *rest = words
        flags = {"apply": ["-auto-approve"], "destroy": ["-auto-approve"], "output": [], "state": []}.get(command, [])
        color = [] if command == "state" else ["-no-color"]
        return self._run(command, *color, *flags, *rest, **environment)

    def _run(self, *words, **environment):
        environment = {**self._environment, **environment}
        return subprocess.run([self._terraform, *words], cwd=self._folder, env=environment, capture_output=True, text=True, timeout=600,
                              stdin=subprocess.DEVNULL)


def _mirror():
    """A folder with the provider as `terraform providers mirror` leaves it: the one of the environment, or a usual place."""
    places = [os.environ.get("DOORWARD_TERRAFORM_PROVIDERS", ""), "~/.terraform.d/plugins", "/usr/local/share/terraform/plugins",
              "/usr/share/terraform/plugins", *map(str, Path("/opt").glob("*"))]
    return next((place for place in places if place and (Path(place).expanduser() / PROVIDER).is_dir()), None)
