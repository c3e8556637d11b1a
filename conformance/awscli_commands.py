"""Commands of the aws CLI as people type them: shorthand, output forms, kubeconfigs, tokens, exit codes."""

import base64
import json
import ssl
from urllib.parse import parse_qs, urlsplit

import yaml

from .awscli_client import EXIT_REFUSED, AwsCaller
from .eks import ROLE, VIEW
from .server import ACCOUNT, REGION, Server, send

CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/demo"


def forms(admin: AwsCaller, server: Server):
    """Options and outputs that the walkthrough and people's scripts use."""
    tally = admin.tally
    arn, node = admin.role("typed"), admin.role("typed-NodeInstanceRole")

    def prints(wanted, *words):
        tally.equal(admin.aws(*words), (0, wanted, ""), " ".join(words))
        tally.count()

    def answers(*words):
        code, out, err = admin.aws(*words)
        tally.equal((code, err), (0, ""), " ".join(words))
        tally.count()
        return json.loads(out)

    prints("", "eks", "delete-access-entry", "--cluster-name", "demo", "--principal-arn", _made(admin, admin.role("gone")))
    one = ["--cluster-name", "demo", "--principal-arn", arn]
    entry = answers("eks", "create-access-entry", *one, "--kubernetes-groups", "a", "b", "--tags", "team=blue,app=shop",
                    "--username", "me:{{SessionName}}", "--type", "STANDARD")["accessEntry"]
    tally.equal((entry["kubernetesGroups"], entry["tags"], entry["username"]),
                (["a", "b"], {"team": "blue", "app": "shop"}, "me:{{SessionName}}"), "an entry by shorthand")
    _made(admin, node, "--type", "EC2_LINUX")
    scope = answers("eks", "associate-access-policy", *one, "--policy-arn", VIEW, "--access-scope",
                    "type=namespace,namespaces=carts,ui")["associatedAccessPolicy"]["accessScope"]
    tally.equal(scope, {"type": "namespace", "namespaces": ["carts", "ui"]}, "a scope by shorthand")
    scope = answers("eks", "associate-access-policy", *one, "--policy-arn", VIEW, "--access-scope", "type=cluster")
    tally.equal(scope["associatedAccessPolicy"]["accessScope"], {"type": "cluster", "namespaces": []}, "the whole cluster")

    listed = answers("eks", "list-access-entries", "--cluster", "demo")["accessEntries"]
    tally.equal(answers("eks", "list-access-entries", "--cluster-name", "demo")["accessEntries"], listed, "an abbreviated option")
    tally.equal(answers("eks", "list-access-entries", "--cluster", "demo", "--query", "length(accessEntries)"), len(listed), "a query")
    # What the workshop's awk reads: the second column of the line with the node's role.
    prints("".join(f"ACCESSENTRIES\t{arn}\n" for arn in listed), "eks", "list-access-entries", "--cluster", "demo", "--output", "text")
    code, table, _ = admin.aws("eks", "list-access-entries", "--cluster", "demo", "--output", "table")
    tally.holds(code == 0 and all(f"|  {arn}" in table for arn in listed), f"a table: {table}")
    code, table, _ = admin.aws("eks", "list-access-policies", "--output", "table")
    tally.holds(code == 0 and f"|  {VIEW}" in table and "|  AmazonEKSViewPolicy" in table, f"a table: {table}")
    first = answers("eks", "list-access-entries", "--cluster", "demo", "--max-items", "1")
    tally.equal(first["accessEntries"], listed[:1], "the first item")
    rest = answers("eks", "list-access-entries", "--cluster", "demo", "--starting-token", first["NextToken"])
    tally.equal(rest["accessEntries"], listed[1:], "those after it")
    page = answers("eks", "list-access-entries", "--cluster", "demo", "--max-results", "2")
    tally.equal((page["accessEntries"], "nextToken" in page), (listed[:2], True), "a page by hand")
    mode = answers("eks", "describe-cluster", "--name", "demo", "--query", "cluster.accessConfig")
    tally.equal(mode["authenticationMode"], "API_AND_CONFIG_MAP", "the cluster's mode")
    prints(f"{ACCOUNT}\n", "sts", "get-caller-identity", "--query", "Account", "--output", "text")
    prints("", "eks", "tag-resource", "--resource-arn", entry["accessEntryArn"], "--tags", "a=1,b=2")
    prints("", "eks", "untag-resource", "--resource-arn", entry["accessEntryArn"], "--tag-keys", "a", "team")
    tags = answers("eks", "list-tags-for-resource", "--resource-arn", entry["accessEntryArn"])["tags"]
    tally.equal(tags, {"b": "2", "app": "shop"}, "tags by shorthand")


def kubeconfigs(admin: AwsCaller, server: Server):
    """update-kubeconfig writes what kubectl runs, and what that prints is a token that the cluster takes."""
    tally, folder = admin.tally, server.folder
    arn = admin.role("kubectl", "/team/")
    _made(admin, arn)
    path = folder / "kubeconfig"
    for said, words in (("Added new", []), ("Updated", []), ("Updated", ["--role-arn", arn])):
        words = ["eks", "update-kubeconfig", "--name", "demo", "--alias", "it", "--user-alias", "me", "--kubeconfig", str(path), *words]
        tally.equal(admin.aws(*words), (0, f"{said} context it {'to' if said == 'Added new' else 'in'} {path}\n", ""), " ".join(words))
        tally.count()
    written = yaml.safe_load(path.read_text())
    ca = base64.b64encode((folder / "data/pki/ca.crt").read_bytes()).decode()
    cluster = {"name": CLUSTER, "cluster": {"server": "https://127.0.0.1:9", "certificate-authority-data": ca}}
    tally.equal(written["clusters"], [cluster], "the cluster in the kubeconfig")
    tally.equal(written["contexts"], [{"name": "it", "context": {"cluster": CLUSTER, "user": "me"}}], "the context in the kubeconfig")
    plugin = written["users"][0]["user"]["exec"]
    wanted = ["--region", REGION, "eks", "get-token", "--cluster-name", "demo", "--output", "json", "--role", arn]
    tally.equal((plugin["command"], plugin["args"]), ("aws", wanted), "what kubectl runs")

    user = _user(admin, server, plugin["args"])
    tally.equal((user["username"], user["extra"]["sessionName"]),
                (f"arn:aws:sts::{ACCOUNT}:assumed-role/kubectl/EKSGetTokenAuth", ["EKSGetTokenAuth"]), "who one is in the cluster")
    oneself = _user(admin, server, ["eks", "get-token", "--cluster-name", "demo"])
    tally.equal(oneself["username"], admin.ok("sts:GetCallerIdentity")["Arn"], "who one is without a role")

    # With a profile that has the endpoints, nothing else needs to be set where kubectl runs.
    config = admin.folder / "services"
    key = server.administrator
    config.write_text(
        f"[profile local]\nregion = {REGION}\nservices = here\naws_access_key_id = {key.access_key}\n"
        f"aws_secret_access_key = {key.secret_key}\n[services here]\n"
        + "".join(f"{service} =\n  endpoint_url = {server.url}\n" for service in ("eks", "sts"))
    )
    words = ["eks", "update-kubeconfig", "--name", "demo", "--profile", "local", "--kubeconfig", str(path)]
    environment = {"AWS_CONFIG_FILE": str(config)}
    answer = admin.script(*words, environment=environment)
    tally.equal(answer[0], 0, f"update-kubeconfig with a profile: {answer}")
    plugin = [user for user in yaml.safe_load(path.read_text())["users"] if user["name"] == CLUSTER][0]["user"]["exec"]
    tally.equal(plugin["env"], [{"name": "AWS_PROFILE", "value": "local"}], "the profile in the kubeconfig")
    environment.update((row["name"], row["value"]) for row in plugin["env"])
    code, out, err = admin.script(*plugin["args"], environment=environment)
    tally.equal((code, err), (0, ""), "get-token as kubectl runs it")
    tally.equal(review(server, json.loads(out)["status"]["token"])["status"].get("user", {}).get("username"),
                oneself["username"], "who one is by a profile")
    tally.count()


def tokens(admin: AwsCaller, server: Server):
    """get-token asks nobody, and its token is good for its cluster and for no other."""
    tally, before = admin.tally, len(admin.recorder.exchanges)
    code, out, _ = admin.aws("eks", "get-token", "--cluster-name", "demo", AWS_ENDPOINT_URL=admin.recorder.url)
    tally.equal((code, len(admin.recorder.exchanges)), (0, before), "get-token makes no request")
    credential = json.loads(out)
    tally.equal((credential["kind"], credential["apiVersion"]), ("ExecCredential", "client.authentication.k8s.io/v1beta1"), "its form")
    token = credential["status"]["token"]
    url = base64.urlsafe_b64decode(token.removeprefix("k8s-aws-v1.") + "==").decode()
    query = parse_qs(urlsplit(url).query)
    tally.equal((query["Action"], query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]),
                (["GetCallerIdentity"], ["60"], ["host;x-k8s-aws-id"]), "what a token is")
    tally.holds(url.startswith(admin.recorder.url), "a token is for the endpoint that is configured")
    # A verifier of tokens sends the presigned request as it is, with the cluster's name.
    presigned = url.removeprefix(admin.recorder.url)
    for cluster, status in (("demo", 200), ("other", 403)):
        headers = {"x-k8s-aws-id": cluster, "accept": "application/json"}
        found, _, body = send("GET", f"{admin.recorder.url}{presigned}", b"", headers)
        tally.equal(found, status, f"the presigned request for {cluster}: {body}")
        tally.count(is_refusal=status != 200)
    # The recorder's address is none of the server's, and a token says where its request goes.
    for cluster, url, good in (("demo", server.url, True), ("other", server.url, False), ("Demo", server.url, False),
                               ("demo", admin.recorder.url, False), ("demo", "https://sts.example.com", False)):
        _, out, _ = admin.aws("eks", "get-token", "--cluster-name", cluster, AWS_ENDPOINT_URL=url)
        status = review(server, json.loads(out)["status"]["token"])["status"]
        tally.equal((status["authenticated"], bool(status.get("error"))), (good, not good), f"a token for {cluster} at {url}")
        tally.count(is_refusal=not good)
    refused = admin.aws("eks", "get-token", "--cluster-name", "demo", "--role-arn", f"{ROLE}missing")
    tally.holds(refused[0] == EXIT_REFUSED and "(AccessDenied) when calling the AssumeRole operation" in refused[2], f"{refused}")
    tally.count(is_refusal=True)


def exits(admin: AwsCaller, server: Server):
    """Exit codes, and that a fork of the CLI is the CLI."""
    tally = admin.tally
    for words in (
        ["eks", "list-access-entries", "--cluster", "demo"], ["eks", "describe-cluster", "--name", "nowhere"],
        ["eks", "create-access-entry", "--cluster-name", "demo"], ["eks", "wait", "cluster-active", "--name", "demo"],
        ["sts", "get-caller-identity", "--output", "yaml"],
    ):
        tally.equal(admin.aws(*words), admin.script(*words), f"aws {' '.join(words)}, forked and started anew")
    for code, words in ((0, ["wait", "cluster-active", "--name", "demo"]), (0, ["wait", "cluster-deleted", "--name", "nowhere"]),
                        (EXIT_REFUSED, ["wait", "cluster-active", "--name", "nowhere"]),
                        (EXIT_REFUSED, ["update-kubeconfig", "--name", "nowhere"]), (2, ["describe-cluster"])):
        tally.equal(admin.aws("eks", *words)[0], code, f"the exit code of aws eks {' '.join(words)}")
        tally.count(is_refusal=code == EXIT_REFUSED)


def _made(admin, arn, *words):
    code, out, err = admin.aws("eks", "create-access-entry", "--cluster-name", "demo", "--principal-arn", arn, *words)
    admin.tally.equal((code, err), (0, ""), f"an entry for {arn}")
    return json.loads(out)["accessEntry"]["principalArn"]


def _user(admin, server, words):
    code, out, err = admin.aws(*words, AWS_ENDPOINT_URL=server.url)
    admin.tally.equal((code, err), (0, ""), " ".join(words))
    admin.tally.count()
    return review(server, json.loads(out)["status"]["token"])["status"]["user"]


def review(server, token):
    """What the webhook of the cluster `demo` tells kube-apiserver of a token."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    context = ssl.create_default_context(cafile=server.folder / "data/pki/ca.crt")
    url = f"https://{server.webhook}/clusters/demo/authenticate"
    status, _, body = send("POST", url, json.dumps(review).encode(), {"content-type": "application/json"}, context)
    assert status == 200, body
    return json.loads(body)


SCENARIOS = (forms, kubeconfigs, tokens, exits)
