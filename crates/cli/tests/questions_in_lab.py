"""Asks the lab's real kube-apiserver and `doorward can-i` the same questions about every principal of the workshop.

Each principal logs in by a real token and asks for itself (SelfSubjectAccessReview through kubectl), so authenticator,
RBAC and authorization webhook all have their say. Prints each disagreement, and at the end the counts.
"""

import json
import os
import subprocess
import sys
import time

CLUSTER = os.environ["EKS_CLUSTER_NAME"]
ROLES = {name: os.environ[f"{name}_IAM_ROLE"] for name in ("ADMINS", "READ_ONLY", "CARTS_TEAM", "DEVELOPERS")}
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
REQUESTS = [
    ("get", "pods"), ("list", "pods"), ("delete", "pods"), ("get", "pods/log"), ("create", "pods/exec"),
    ("list", "deployments.apps"), ("delete", "deployments.apps"), ("get", "secrets"), ("list", "configmaps"),
    ("create", "jobs.batch"),
]
CLUSTER_WIDE = [("list", "pods", "-A"), ("list", "nodes"), ("get", "namespaces"), ("create", "clusterroles"), ("get", "/version"),
                ("get", "/metrics")]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def done(*command):
    result = run(*command)
    if result.returncode:
        sys.exit(f"{command}: {result.stdout}{result.stderr}")
    return result.stdout


def set_up():
    done("kubectl", "--context", "default", "-n", "carts", "create", "role", "q-carts", "--verb=get,list,watch",
         "--resource=pods,configmaps,pods/log")
    done("kubectl", "--context", "default", "-n", "carts", "create", "rolebinding", "q-carts", "--role=q-carts",
         "--group=q-carts-team")
    done("kubectl", "--context", "default", "create", "clusterrole", "q-named", "--verb=get", "--resource=secrets",
         "--resource-name=db")
    done("kubectl", "--context", "default", "-n", "ui", "create", "rolebinding", "q-named", "--clusterrole=q-named",
         "--user=q-developer")
    for name in ("READ_ONLY", "CARTS_TEAM"):
        groups = ["--kubernetes-groups", "q-carts-team"] if name == "CARTS_TEAM" else []
        done("aws", "eks", "create-access-entry", "--cluster-name", CLUSTER, "--principal-arn", ROLES[name], *groups)
    for policy, scope in (("AmazonEKSViewPolicy", "type=namespace,namespaces=carts"),
                          ("AmazonEKSEditPolicy", "type=namespace,namespaces=u*")):
        done("aws", "eks", "associate-access-policy", "--cluster-name", CLUSTER, "--principal-arn",
             ROLES["READ_ONLY"], "--policy-arn", POLICY + policy, "--access-scope", scope)
    done("doorward", "mapping", "create", "--cluster", CLUSTER, "--arn", ROLES["ADMINS"], "--username", "cluster-admin",
         "--group", "system:masters")
    done("doorward", "mapping", "create", "--cluster", CLUSTER, "--arn", ROLES["DEVELOPERS"], "--username",
         "q-developer", "--group", "q-carts-team")
    for name, role in ROLES.items():
        done("aws", "eks", "update-kubeconfig", "--name", CLUSTER, "--role-arn", role, "--alias", name, "--user-alias", name)
    # aws-auth is watched: it counts once the first login with it succeeds.
    deadline = time.monotonic() + 60
    for name in ("ADMINS", "DEVELOPERS"):
        while "must be logged in" in run("kubectl", "--context", name, "get", "--raw", "/version").stderr:
            if time.monotonic() > deadline:
                sys.exit(f"the row of {name} in aws-auth does not count after 60 s")


def kubectl(context, verb, resource, *flags):
    subresource = []
    if "/" in resource and not resource.startswith("/"):
        resource, part = resource.split("/")
        subresource = [f"--subresource={part}"]
    result = run("kubectl", "--context", context, "auth", "can-i", verb, resource, *subresource, *flags)
    word = result.stdout.split()
    if not word or word[0] not in ("yes", "no"):
        sys.exit(f"{context} {verb} {resource}: {result.stdout}{result.stderr}")
    return word[0] == "yes"


def doorward(role, verb, resource, *flags, world=("--world", "questions.json")):
    result = run("doorward", "can-i", verb, resource, *flags, "--as", role, *world)
    if result.returncode not in (0, 3):
        sys.exit(f"{role} {verb} {resource}: {result.stdout}{result.stderr}")
    return result.returncode == 0


def main():
    os.chdir(os.environ["HOME"])
    set_up()
    with open("questions.json", "w", encoding="utf-8") as file:
        file.write(done("doorward", "world", "export", "--cluster", CLUSTER))
    with open("questions.json", encoding="utf-8") as file:
        world = json.load(file)
    assert world["authenticator"] == "doorward" and world["cluster"]["name"] == CLUSTER
    assert world["rbac"] and world["directory"], "RBAC or the directory is missing"
    asked, allowed, wrong = 0, 0, []
    for name, role in ROLES.items():
        grid = [(verb, resource, "-n", namespace) for verb, resource in REQUESTS for namespace in ("carts", "ui", "other")]
        grid.append(("get", "secrets/db", "-n", "ui"))
        for question in grid + CLUSTER_WIDE:
            if question[1] == "secrets/db":
                real = run("kubectl", "--context", name, "auth", "can-i", *question).stdout.startswith("yes")
            else:
                real = kubectl(name, *question)
            asked, allowed = asked + 1, allowed + real
            if doorward(role, *question) != real:
                wrong.append(f"{name} {' '.join(question)}: the cluster says {real}")
    # From the cluster itself the answers are those of its export.
    for question in (("list", "pods", "-n", "carts"), ("delete", "pods", "-n", "carts")):
        role = ROLES["READ_ONLY"]
        if doorward(role, *question, world=("--cluster", CLUSTER)) != doorward(role, *question):
            wrong.append(f"{question}: cluster and export differ")
    print("\n".join(wrong))
    print(f"asked {asked}, allowed {allowed}, wrong {len(wrong)}")
    sys.exit(1 if wrong or asked < 100 or not 0 < allowed < asked else 0)


main()
