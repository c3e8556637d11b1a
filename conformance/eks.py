"""Every operation of EKS that is served, with every error that is known of EKS, through any client."""

import json
import time

from . import eks_errors as said
from .caller import Caller
from .eks_errors import BAD, IN_USE_409, INVALID_REQUEST, MISSING
from .server import ACCOUNT

POLICY = "arn:aws:eks::aws:cluster-access-policy/"
VIEW, EDIT, ADMIN = (f"{POLICY}AmazonEKS{name}Policy" for name in ("View", "Edit", "ClusterAdmin"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
USER = f"arn:aws:iam::{ACCOUNT}:user/"


def entries(admin: Caller):
    """An access entry from its creation to its end."""
    tally = admin.tally
    arns = {}
    for number in range(5):
        # Below a path, with every character that IAM allows: all of them have to be encoded in a URL.
        arns[number] = admin.role(f"page-{number}+=,.@_-x", "/team/a+b/")
    alice = admin.ok("iam:CreateUser", UserName="alice", Path="/div/")["User"]["Arn"]
    for number, arn in arns.items():
        entry = admin.ok("eks:CreateAccessEntry", clusterName="demo", principalArn=arn)["accessEntry"]
        name = arn.rsplit("/", 1)[1]
        wanted = {
            "clusterName": "demo", "principalArn": arn, "kubernetesGroups": [], "tags": {}, "type": "STANDARD",
            "username": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}",
        }
        tally.equal({key: entry[key] for key in wanted}, wanted, "a new entry")
        tally.equal(entry["accessEntryArn"].rsplit("/", 1)[0],
                    f"arn:aws:eks:us-west-2:{ACCOUNT}:access-entry/demo/role/{ACCOUNT}/{name}", "the entry's own ARN")
        tally.holds(abs(entry["createdAt"].timestamp() - time.time()) < 60, "createdAt is now")
        tally.equal(entry["modifiedAt"], entry["createdAt"], "modifiedAt of a new entry")
    made = admin.ok("eks:CreateAccessEntry", clusterName="demo", principalArn=alice, username="alice",
                    kubernetesGroups=["b", "a"], tags={"k": "v"}, type="STANDARD", clientRequestToken="one")
    tally.equal(set(made["accessEntry"]["kubernetesGroups"]), {"a", "b"}, "the groups of a new entry")
    again = admin.ok("eks:CreateAccessEntry", clientRequestToken="one", tags={"k": "v"}, username="alice",
                     kubernetesGroups=["b", "a"], principalArn=alice, clusterName="demo")
    tally.equal(again, made, "the same request sent again")
    one = {"clusterName": "demo", "principalArn": alice}
    tally.equal(admin.ok("eks:DescribeAccessEntry", **one), made, "an entry described")
    admin.refused("eks:CreateAccessEntry", *IN_USE_409, said.IN_USE, **one)
    admin.refused("eks:CreateAccessEntry", *IN_USE_409, said.IN_USE, **one, clientRequestToken="one")

    listed = admin.ok("eks:ListAccessEntries", clusterName="demo")["accessEntries"]
    tally.equal(listed, sorted(listed), "the order of the list")
    tally.holds(set(listed) >= {alice, *arns.values()}, "all are listed")
    page = admin.ok("eks:ListAccessEntries", clusterName="demo", maxResults=4)
    rest = admin.ok("eks:ListAccessEntries", clusterName="demo", maxResults=4, nextToken=page["nextToken"])
    tally.equal((page["accessEntries"], rest), (listed[:4], {"accessEntries": listed[4:]}), "two pages by hand, the last without a token")
    pages = admin.pages("eks:ListAccessEntries", "accessEntries", 2, clusterName="demo")
    tally.equal([arn for page in pages for arn in page], listed, "the list over pages")
    tally.holds(all(len(page) <= 2 for page in pages), "no page is too long")

    changed = admin.ok("eks:UpdateAccessEntry", **one, username="team:{{SessionName}}")["accessEntry"]
    tally.equal((changed["username"], set(changed["kubernetesGroups"])), ("team:{{SessionName}}", {"a", "b"}),
                "an update without groups")
    changed = admin.ok("eks:UpdateAccessEntry", **one, kubernetesGroups=[])["accessEntry"]
    tally.equal((changed["username"], changed["kubernetesGroups"]), ("team:{{SessionName}}", []), "an update to no groups")
    tally.holds(changed["modifiedAt"] > made["accessEntry"]["modifiedAt"], "modifiedAt moves")
    for name in ("createdAt", "accessEntryArn"):
        tally.equal(changed[name], made["accessEntry"][name], f"{name} after an update")
    tally.equal(admin.ok("eks:DescribeAccessEntry", **one)["accessEntry"], changed, "a changed entry described")
    changed = admin.ok("eks:UpdateAccessEntry", **one, kubernetesGroups=["x", "sts:y"], username="a:{{SessionNameRaw}}")
    tally.equal(set(changed["accessEntry"]["kubernetesGroups"]), {"x", "sts:y"}, "an update of both")
    # Terraform sends the default username back.
    name = arns[0].rsplit("/", 1)[1]
    default = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}"
    admin.ok("eks:UpdateAccessEntry", clusterName="demo", principalArn=arns[0], kubernetesGroups=["g"], username=default)

    tally.equal(admin.ok("eks:DeleteAccessEntry", **one), {}, "the answer to a deletion")
    left = admin.ok("eks:ListAccessEntries", clusterName="demo")["accessEntries"]
    tally.equal(left, [arn for arn in listed if arn != alice], "the list without it")
    admin.refused("eks:DescribeAccessEntry", *MISSING, said.NO_ENTRY, **one)
    admin.refused("eks:UpdateAccessEntry", *MISSING, said.NO_ENTRY, **one, kubernetesGroups=[])
    admin.refused("eks:DeleteAccessEntry", *MISSING, said.NO_ENTRY, **one)
    admin.refused("eks:ListAssociatedAccessPolicies", *MISSING, said.NO_ENTRY, **one)
    admin.refused("eks:AssociateAccessPolicy", *MISSING, said.NO_ENTRY, **one, policyArn=VIEW, accessScope={"type": "cluster"})
    admin.refused("eks:DisassociateAccessPolicy", *MISSING, said.NO_ENTRY, **one, policyArn=VIEW)
    reborn = admin.ok("eks:CreateAccessEntry", **one)["accessEntry"]
    tally.holds(reborn["accessEntryArn"] != made["accessEntry"]["accessEntryArn"], "a recreated entry has another ARN")
    tally.equal((reborn["username"], reborn["tags"], reborn["kubernetesGroups"]), (alice, {}, []), "a recreated entry")


def types(admin: Caller):
    """Entries of nodes: what their type fixes, and what it forbids."""
    tally = admin.tally
    ec2, session = "system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}"
    usernames = {
        "EC2_LINUX": ec2, "EC2_WINDOWS": ec2, "EC2": ec2,
        "FARGATE_LINUX": session, "HYBRID_LINUX": session, "HYPERPOD_LINUX": session,
    }
    user = admin.ok("iam:CreateUser", UserName="node-user")["User"]["Arn"]
    for kind, username in usernames.items():
        arn = admin.role(f"node-{kind}")
        one = {"clusterName": "demo", "principalArn": arn}
        if kind != "HYPERPOD_LINUX":
            admin.refused("eks:CreateAccessEntry", *BAD, said.NODE_IS_ROLE, clusterName="demo", principalArn=user, type=kind)
            admin.refused("eks:CreateAccessEntry", *BAD, said.NODE_ACCOUNT, clusterName="demo",
                          principalArn="arn:aws:iam::210987654321:role/node", type=kind)
        admin.refused("eks:CreateAccessEntry", *BAD, said.NODE_USERNAME.format(kind), **one, type=kind, username="me")
        admin.refused("eks:CreateAccessEntry", *BAD, said.NODE_GROUPS.format(kind), **one, type=kind, kubernetesGroups=["g"])
        entry = admin.ok("eks:CreateAccessEntry", **one, type=kind)["accessEntry"]
        tally.equal((entry["type"], entry["username"]), (kind, username), "a node's entry")
        tally.holds("system:nodes" in entry["kubernetesGroups"], f"{kind} is a node")
        if kind == "EC2_LINUX":
            tally.equal(entry["kubernetesGroups"], ["system:nodes"], "the groups of EC2_LINUX")
        admin.refused("eks:UpdateAccessEntry", *BAD, said.USERNAME_PREFIX.format("system:"), **one, username=username)
        admin.refused("eks:UpdateAccessEntry", *BAD, said.NODE_GROUPS.format(kind), **one, kubernetesGroups=["g"])
        if kind != "EC2":
            admin.refused("eks:AssociateAccessPolicy", *INVALID_REQUEST, said.NOT_STANDARD, **one, policyArn=VIEW,
                          accessScope={"type": "cluster"})
    auto = {"clusterName": "demo", "principalArn": f"{ROLE}node-EC2"}
    admin.ok("eks:AssociateAccessPolicy", **auto, policyArn=f"{POLICY}AmazonEKSAutoNodePolicy", accessScope={"type": "cluster"})


def parameters(admin: Caller):
    """What is refused before anything is looked up, on any cluster."""
    arn = admin.role("parameters")
    for cluster in ("demo", "nowhere"):
        create = {"clusterName": cluster, "principalArn": arn}
        for bad in (
            f"arn:aws:sts::{ACCOUNT}:assumed-role/parameters/me",
            f"arn:aws:eks:us-west-2:{ACCOUNT}:access-entry/demo/role/{ACCOUNT}/parameters/id",
            f"arn:aws:iam::{ACCOUNT}:group/admins", f"arn:aws:iam::{ACCOUNT}:role/", "arn:aws:iam::1:role/x",
            f"arn:aws:iam:us-west-2:{ACCOUNT}:role/x", "parameters", " ", "*",
        ):
            admin.refused("eks:CreateAccessEntry", *BAD, said.PRINCIPAL_FORMAT, clusterName=cluster, principalArn=bad)
            admin.refused("eks:DescribeAccessEntry", *BAD, said.PRINCIPAL_FORMAT, clusterName=cluster, principalArn=bad)
        linked = f"{ROLE}aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        foreign = linked.replace(ACCOUNT, "210987654321")
        for kind in ("STANDARD", "EC2_LINUX"):
            for slr in (linked, foreign):
                admin.refused("eks:CreateAccessEntry", *BAD, said.SERVICE_LINKED, clusterName=cluster, principalArn=slr, type=kind)
        for prefix in said.RESERVED:
            admin.refused("eks:CreateAccessEntry", *BAD, said.USERNAME_PREFIX.format(prefix), **create, username=f"{prefix}me")
            admin.refused("eks:UpdateAccessEntry", *BAD, said.USERNAME_PREFIX.format(prefix), **create, username=f"{prefix}me")
            group = said.GROUP_PREFIX.format(prefix, prefix)
            admin.refused("eks:CreateAccessEntry", *BAD, group, **create, kubernetesGroups=["ok", f"{prefix}masters"])
            admin.refused("eks:UpdateAccessEntry", *BAD, group, **create, kubernetesGroups=["ok", f"{prefix}masters"])
        # The texts of the following are not known in public.
        for username in ("{{SessionName}}", "me-{{SessionName}}", "{{SessionNameRaw}}:x", "a:{{EC2PrivateDNSName}}", "x" * 1025):
            admin.refused("eks:CreateAccessEntry", *BAD, **create, username=username)
            admin.refused("eks:UpdateAccessEntry", *BAD, **create, username=username)
        admin.refused("eks:CreateAccessEntry", *BAD, **create, kubernetesGroups=["{{SessionName}}"])
        admin.refused("eks:CreateAccessEntry", *BAD, **create, type="ADMINISTRATOR")
        for tags in ({"aws:x": "v"}, {"AWS:x": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}, {str(n): "v" for n in range(51)}):
            admin.refused("eks:CreateAccessEntry", *BAD, **create, tags=tags)
        associate = {**create, "accessScope": {"type": "cluster"}}
        for policy in ("AmazonEKSViewPolicy", arn, VIEW.replace("::aws:", f"::{ACCOUNT}:"), VIEW + "/x", POLICY):
            admin.refused("eks:AssociateAccessPolicy", *BAD, said.POLICY_FORMAT, **associate, policyArn=policy)
            admin.refused("eks:DisassociateAccessPolicy", *BAD, said.POLICY_FORMAT, **create, policyArn=policy)
            admin.refused("eks:ListAccessEntries", *BAD, said.POLICY_FORMAT, clusterName=cluster, associatedPolicyArn=policy)
        view = {**create, "policyArn": VIEW}
        for scope in ({"type": "namespace"}, {"type": "namespace", "namespaces": []}):
            admin.refused("eks:AssociateAccessPolicy", *BAD, said.NO_NAMESPACE, **view, accessScope=scope)
        unwanted = {"type": "cluster", "namespaces": ["carts"]}
        admin.refused("eks:AssociateAccessPolicy", *BAD, said.UNWANTED_NAMESPACES, **view, accessScope=unwanted)
        for scope in ({}, {"type": "bogus"}, {"type": "Cluster"}, {"type": "namespace", "namespaces": ["-a"]},
                      {"type": "namespace", "namespaces": ["A_b"]}, {"type": "namespace", "namespaces": [""]}):
            admin.refused("eks:AssociateAccessPolicy", *BAD, **view, accessScope=scope)
        for number in (0, -1, 101, 1000):
            admin.refused("eks:ListAccessEntries", *BAD, lenient=True, clusterName=cluster, maxResults=number)
            admin.refused("eks:ListAssociatedAccessPolicies", *BAD, lenient=True, **create, maxResults=number)
        admin.refused("eks:ListAccessEntries", *BAD, clusterName=cluster, nextToken="made-up")
    for number in (0, 101):
        for operation in ("ListAccessPolicies", "ListClusters", "DescribeClusterVersions"):
            admin.refused(f"eks:{operation}", *BAD, lenient=True, maxResults=number)
        admin.refused("eks:ListUpdates", *BAD, lenient=True, name="demo", maxResults=number)
    for operation in ("ListAccessPolicies", "ListClusters", "DescribeClusterVersions"):
        admin.refused(f"eks:{operation}", *BAD, nextToken="made-up")
    # What botocore would not send: members that are required, of other types.
    admin.refused("eks:CreateAccessEntry", *BAD, said.PRINCIPAL_FORMAT, lenient=True, clusterName="demo")
    admin.refused("eks:AssociateAccessPolicy", *BAD, said.POLICY_FORMAT, lenient=True, clusterName="demo", principalArn=arn,
                  accessScope={"type": "cluster"})
    admin.refused("eks:AssociateAccessPolicy", *BAD, lenient=True, clusterName="demo", principalArn=arn, policyArn=VIEW)
    admin.refused("eks:UpdateClusterConfig", *BAD, lenient=True, name="demo", accessConfig={"authenticationMode": "BOTH"})
    admin.refused("eks:UpdateClusterConfig", *BAD, name="demo")
    admin.refused("eks:DescribeAccessEntry", *BAD, said.PRINCIPAL_FORMAT, clusterName="demo", principalArn="")


def clusters_that_are_not(admin: Caller):
    """Names that no cluster has, and names that none can have, on every operation that takes one."""
    arn = f"{ROLE}any"
    calls = {
        "CreateAccessEntry": {"principalArn": arn}, "DescribeAccessEntry": {"principalArn": arn},
        "UpdateAccessEntry": {"principalArn": arn}, "DeleteAccessEntry": {"principalArn": arn}, "ListAccessEntries": {},
        "AssociateAccessPolicy": {"principalArn": arn, "policyArn": VIEW, "accessScope": {"type": "cluster"}},
        "DisassociateAccessPolicy": {"principalArn": arn, "policyArn": VIEW},
        "ListAssociatedAccessPolicies": {"principalArn": arn},
    }
    mode = {"accessConfig": {"authenticationMode": "API"}}
    by_name = {"DescribeCluster": {}, "DeleteCluster": {}, "UpdateClusterConfig": mode,
               "DescribeUpdate": {"updateId": "x"}, "ListUpdates": {}}
    for parameter, operations in (("clusterName", calls), ("name", by_name)):
        for operation, more in operations.items():
            missing = {parameter: "nowhere", **more}
            admin.refused(f"eks:{operation}", *MISSING, said.NO_CLUSTER.format("nowhere"), **missing)
            for name in ("a b", "a/b", "-a", "_a", "é"):
                admin.refused(f"eks:{operation}", *BAD, part=said.CLUSTER_NAME, **{parameter: name, **more})
            admin.refused(f"eks:{operation}", *BAD, **{parameter: "a" * 101, **more})


def principals(admin: Caller):
    """Roles and users have to exist; a role without its path does not."""
    admin.role("with-path", "/team/")
    for arn in (f"{ROLE}missing", f"{USER}missing", f"{ROLE}with-path", f"{ROLE}team/other/with-path", f"{USER}with-path",
                "arn:aws:iam::210987654321:role/with-path", "arn:aws-cn:iam::123456789012:role/team/with-path"):
        admin.refused("eks:CreateAccessEntry", *BAD, said.INVALID_PRINCIPAL, clusterName="demo", principalArn=arn)


def policies(admin: Caller):
    """Policies associated, replaced, listed and taken away."""
    tally = admin.tally
    arn = admin.role("policies")
    one = {"clusterName": "demo", "principalArn": arn}
    admin.ok("eks:CreateAccessEntry", **one)
    view = {**one, "policyArn": VIEW}
    answer = admin.ok("eks:AssociateAccessPolicy", **view, accessScope={"type": "cluster"})
    first = answer["associatedAccessPolicy"]
    tally.equal((answer["clusterName"], answer["principalArn"], first["policyArn"], first["accessScope"]),
                ("demo", arn, VIEW, {"type": "cluster", "namespaces": []}), "an association")
    # Terraform sends an empty list for the whole cluster.
    admin.ok("eks:AssociateAccessPolicy", **view, accessScope={"type": "cluster", "namespaces": []})
    scope = {"type": "namespace", "namespaces": ["ui", "dev-*"]}
    time.sleep(0.01)
    second = admin.ok("eks:AssociateAccessPolicy", **view, accessScope=scope)["associatedAccessPolicy"]
    tally.equal((second["accessScope"]["type"], set(second["accessScope"]["namespaces"])), ("namespace", {"ui", "dev-*"}),
                "a scope replaced")
    tally.holds(second["associatedAt"] == first["associatedAt"] and second["modifiedAt"] > first["modifiedAt"],
                "associatedAt stays, modifiedAt moves")
    admin.ok("eks:AssociateAccessPolicy", **one, policyArn=EDIT, accessScope={"type": "cluster"})
    listed = admin.ok("eks:ListAssociatedAccessPolicies", **one)
    tally.equal((listed["clusterName"], listed["principalArn"]), ("demo", arn), "whose policies are listed")
    listed = listed["associatedAccessPolicies"]
    tally.equal([row["policyArn"] for row in listed], [EDIT, VIEW], "the order of policies")
    tally.equal(listed[1], second, "an association listed")
    pages = admin.pages("eks:ListAssociatedAccessPolicies", "associatedAccessPolicies", 1, **one)
    tally.equal(pages, [[row] for row in listed], "associations over pages")
    for policy, found in ((VIEW, True), (EDIT, True), (f"{POLICY}AmazonEKSAdminPolicy", False)):
        rows = admin.ok("eks:ListAccessEntries", clusterName="demo", associatedPolicyArn=policy)["accessEntries"]
        tally.equal(arn in rows, found, f"entries with {policy}")
    token = admin.ok("eks:ListAssociatedAccessPolicies", **one, maxResults=1)["nextToken"]
    admin.refused("eks:ListAccessEntries", *BAD, clusterName="demo", nextToken=token)
    scope = {"type": "cluster"}
    for unknown in (f"{POLICY}AmazonEKSGodPolicy", f"{POLICY}amazoneksviewpolicy", VIEW.replace("arn:aws:", "arn:aws-cn:")):
        admin.refused("eks:AssociateAccessPolicy", *MISSING, said.NO_POLICY, **one, policyArn=unknown, accessScope=scope)
    admin.refused("eks:AssociateAccessPolicy", *BAD, **one, policyArn=f"{POLICY}AmazonEKSComputePolicy", accessScope=scope)
    tally.equal(admin.ok("eks:DisassociateAccessPolicy", **view), {}, "the answer to a disassociation")
    admin.refused("eks:DisassociateAccessPolicy", *MISSING, **view)
    tally.equal([row["policyArn"] for row in admin.ok("eks:ListAssociatedAccessPolicies", **one)["associatedAccessPolicies"]],
                [EDIT], "what is left")
    admin.ok("eks:DeleteAccessEntry", **one)
    admin.ok("eks:CreateAccessEntry", **one)
    tally.equal(admin.ok("eks:ListAssociatedAccessPolicies", **one)["associatedAccessPolicies"], [], "a recreated entry")


def catalogue(admin: Caller):
    """ListAccessPolicies."""
    tally = admin.tally
    rows = admin.ok("eks:ListAccessPolicies")["accessPolicies"]
    names = [row["name"] for row in rows]
    tally.equal(names, sorted(names), "the order of policies")
    tally.holds(all(row["arn"] == POLICY + row["name"] for row in rows), "the ARNs of policies")
    known = {f"AmazonEKS{name}Policy" for name in ("Admin", "AdminView", "ClusterAdmin", "Edit", "View")}
    tally.holds(known <= set(names) and len(names) == 33, f"the policies listed: {names}")
    pages = admin.pages("eks:ListAccessPolicies", "accessPolicies", 7)
    tally.equal([row for page in pages for row in page], rows, "the policies over pages")


def clusters(admin: Caller):
    """Clusters, their versions, and those that are taken away."""
    tally = admin.tally
    names = admin.ok("eks:ListClusters")["clusters"]
    tally.holds({"demo", "modes", "doomed"} <= set(names) and names == sorted(names), f"the clusters {names}")
    tally.equal(admin.ok("eks:ListClusters", include=["all"])["clusters"], names, "clusters with those registered")
    pages = admin.pages("eks:ListClusters", "clusters", 1)
    tally.equal([name for page in pages for name in page], names, "the clusters over pages")
    cluster = admin.ok("eks:DescribeCluster", name="demo")["cluster"]
    tally.equal(cluster["arn"], f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/demo", "the cluster's ARN")
    tally.equal((cluster["status"], cluster["version"], cluster["endpoint"]), ("ACTIVE", "1.33", "https://127.0.0.1:9"),
                "the cluster")
    tally.equal(cluster["accessConfig"]["authenticationMode"], "API_AND_CONFIG_MAP", "the cluster's mode")
    tally.holds(cluster["certificateAuthority"]["data"] and cluster["identity"]["oidc"]["issuer"], "what clients look at")
    admin.wait("cluster_active", name="demo")
    admin.ok("eks:CreateAccessEntry", clusterName="doomed", principalArn=admin.role("doomed"))
    gone = admin.ok("eks:DeleteCluster", name="doomed")["cluster"]
    tally.equal((gone["name"], gone["status"]), ("doomed", "DELETING"), "a cluster taken away")
    admin.refused("eks:DescribeCluster", *MISSING, said.NO_CLUSTER.format("doomed"), name="doomed")
    admin.wait("cluster_deleted", name="doomed")

    versions = admin.ok("eks:DescribeClusterVersions")["clusterVersions"]
    tally.holds(versions and sum(version["defaultVersion"] for version in versions) == 1, "one version is the default")
    default = admin.ok("eks:DescribeClusterVersions", defaultOnly=True)["clusterVersions"]
    tally.equal(default, [version for version in versions if version["defaultVersion"]], "the default version alone")
    some = admin.ok("eks:DescribeClusterVersions", clusterVersions=["1.33", "1.32"])["clusterVersions"]
    tally.equal({version["clusterVersion"] for version in some}, {"1.33", "1.32"}, "versions by name")
    pages = admin.pages("eks:DescribeClusterVersions", "clusterVersions", 2)
    tally.equal([row for page in pages for row in page], versions, "versions over pages")
    standard = admin.ok("eks:DescribeClusterVersions", versionStatus="STANDARD_SUPPORT")["clusterVersions"]
    tally.equal(standard, [row for row in versions if row["versionStatus"] == "STANDARD_SUPPORT"], "versions by status")


def modes(admin: Caller):
    """Authentication modes, from the first to the last, and the operations that the first does not have."""
    tally = admin.tally
    arn = admin.role("modes")
    one = {"clusterName": "modes", "principalArn": arn}
    scope = {"type": "cluster"}
    calls = {
        "CreateAccessEntry": one, "DescribeAccessEntry": one, "UpdateAccessEntry": one, "DeleteAccessEntry": one,
        "ListAccessEntries": {"clusterName": "modes"}, "ListAssociatedAccessPolicies": one,
        "AssociateAccessPolicy": {**one, "policyArn": VIEW, "accessScope": scope},
        "DisassociateAccessPolicy": {**one, "policyArn": VIEW},
    }
    for operation, arguments in calls.items():
        admin.refused(f"eks:{operation}", *INVALID_REQUEST, said.MODE, **arguments)

    def mode(name):
        return {"name": "modes", "accessConfig": {"authenticationMode": name}}

    order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
    updates = []
    for at, now in enumerate(order):
        for wanted in order:
            if order.index(wanted) != at + 1:
                admin.refused("eks:UpdateClusterConfig", *BAD, said.MODE_CHANGE.format(now, wanted), **mode(wanted))
        if at + 1 == len(order):
            break
        following = order[at + 1]
        update = admin.ok("eks:UpdateClusterConfig", **mode(following), clientRequestToken=following)["update"]
        tally.equal((update["status"], update["type"], update["params"], update["errors"]),
                    ("InProgress", "AccessConfigUpdate", [{"type": "AuthenticationMode", "value": json.dumps(following)}], []),
                    "an update")
        again = admin.ok("eks:UpdateClusterConfig", **mode(following), clientRequestToken=following)["update"]
        tally.equal(again["id"], update["id"], "the same update sent again")
        seen = admin.ok("eks:DescribeUpdate", name="modes", updateId=update["id"])["update"]
        tally.equal((seen["status"], seen["id"]), ("Successful", update["id"]), "an update described")
        tally.equal(admin.ok("eks:DescribeCluster", name="modes")["cluster"]["accessConfig"]["authenticationMode"], following,
                    "the mode afterwards")
        updates.append(update["id"])
    tally.equal(set(admin.ok("eks:ListUpdates", name="modes")["updateIds"]), set(updates), "the updates")
    pages = admin.pages("eks:ListUpdates", "updateIds", 1, name="modes")
    tally.equal({id for page in pages for id in page}, set(updates), "the updates over pages")
    admin.refused("eks:DescribeUpdate", *MISSING, name="modes", updateId="00000000-0000-0000-0000-000000000000")
    creator = admin.ok("sts:GetCallerIdentity")["Arn"]
    listed = admin.ok("eks:ListAccessEntries", clusterName="modes")["accessEntries"]
    tally.equal(listed, [creator], "the entry of who made the cluster appears")
    rows = admin.ok("eks:ListAssociatedAccessPolicies", clusterName="modes", principalArn=creator)
    tally.equal([(row["policyArn"], row["accessScope"]["type"]) for row in rows["associatedAccessPolicies"]],
                [(ADMIN, "cluster")], "the policies of who made the cluster")


def tags(admin: Caller):
    """Tags of a cluster and of an entry."""
    tally = admin.tally
    arn = admin.role("tags")
    entry = admin.ok("eks:CreateAccessEntry", clusterName="demo", principalArn=arn, tags={"k": "v"})["accessEntry"]
    for resource, before in ((entry["accessEntryArn"], {"k": "v"}), (f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/demo", {})):
        one = {"resourceArn": resource}
        tally.equal(admin.ok("eks:ListTagsForResource", **one)["tags"], before, "tags at first")
        tally.equal(admin.ok("eks:TagResource", **one, tags={"team": "blue", "ö ä": "é+&="}), {}, "the answer to tagging")
        admin.ok("eks:TagResource", **one, tags={"team": "red"})
        tally.equal(admin.ok("eks:ListTagsForResource", **one)["tags"], {**before, "team": "red", "ö ä": "é+&="}, "tags")
        tally.equal(admin.ok("eks:UntagResource", **one, tagKeys=["ö ä", "no such"]), {}, "the answer to untagging")
        tally.equal(admin.ok("eks:ListTagsForResource", **one)["tags"], {**before, "team": "red"}, "tags that are left")
        bad = ("BadRequestException", 400)
        for wrong in ({"aws:x": "v"}, {"AWS:x": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}, {str(n): "v" for n in range(51)}):
            admin.refused("eks:TagResource", *bad, **one, tags=wrong)
        admin.refused("eks:TagResource", *bad, lenient=True, **one, tags={})
        admin.ok("eks:UntagResource", **one, tagKeys=["team"])
    found = admin.ok("eks:DescribeAccessEntry", clusterName="demo", principalArn=arn)["accessEntry"]
    tally.equal(found["tags"], {"k": "v"}, "tags shown with the entry")
    for arguments in ({"tags": {"k": "v"}}, {"tagKeys": ["k"]}, {}):
        operation = {"tags": "TagResource", "tagKeys": "UntagResource"}.get(next(iter(arguments), ""), "ListTagsForResource")
        for missing in (f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/nowhere", entry["accessEntryArn"] + "x",
                        f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/demo"):
            admin.refused(f"eks:{operation}", "NotFoundException", 404, resourceArn=missing, **arguments)
        for wrong in ("demo", arn):
            admin.refused(f"eks:{operation}", "BadRequestException", 400, resourceArn=wrong, **arguments)


def permissions(admin: Caller):
    """Who may do nothing is told so, in AWS's words, before anything about the resource."""
    nobody = admin.assume(admin.role("nobody"), "me")
    arn, demo = f"{ROLE}nobody", {"clusterName": "demo"}
    one = {**demo, "principalArn": arn}
    tag = {"resourceArn": f"arn:aws:eks:us-west-2:{ACCOUNT}:cluster/demo"}
    policy, name = {**one, "policyArn": VIEW}, {"name": "demo"}
    calls = {
        "CreateAccessEntry": one, "DescribeAccessEntry": one, "UpdateAccessEntry": one, "DeleteAccessEntry": one,
        "ListAccessEntries": demo, "AssociateAccessPolicy": {**policy, "accessScope": {"type": "cluster"}},
        "DisassociateAccessPolicy": policy, "ListAssociatedAccessPolicies": one, "ListAccessPolicies": {},
        "DescribeCluster": name, "ListClusters": {}, "DeleteCluster": name, "DescribeUpdate": {**name, "updateId": "x"},
        "UpdateClusterConfig": {**name, "accessConfig": {"authenticationMode": "API"}}, "ListUpdates": name,
        "TagResource": {**tag, "tags": {"a": "b"}}, "UntagResource": {**tag, "tagKeys": ["a"]}, "ListTagsForResource": tag,
        "DescribeClusterVersions": {},
    }
    me = f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/me"
    for operation, arguments in calls.items():
        words = f"User: {me} is not authorized to perform: eks:{operation} on resource: "
        nobody.refused(f"eks:{operation}", "AccessDeniedException", 403, part=words, **arguments)


def quota(admin: Caller):
    """The number of entries that a cluster may have, on a server that allows three: the creator's is there already."""
    for number in range(2):
        admin.ok("eks:CreateAccessEntry", clusterName="demo", principalArn=admin.role(f"q-{number}"))
    one_too_many = {"clusterName": "demo", "principalArn": admin.role("q-more")}
    admin.refused("eks:CreateAccessEntry", "ResourceLimitExceededException", 400, **one_too_many)
    admin.ok("eks:DeleteAccessEntry", clusterName="demo", principalArn=f"{ROLE}q-0")
    admin.ok("eks:CreateAccessEntry", **one_too_many)


SCENARIOS = (entries, types, parameters, clusters_that_are_not, principals, policies, catalogue, clusters, modes, tags,
             permissions)
