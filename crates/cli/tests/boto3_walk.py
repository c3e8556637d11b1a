"""Access entries and their policies through boto3: created, read, changed, listed over pages, deleted.

Run with the lab's `env` sourced. Prints what it proved; any surprise is an exception.
"""

import os
import time

import boto3
from botocore.exceptions import ClientError

eks, iam, sts = (boto3.client(name) for name in ("eks", "iam", "sts"))
cluster, account = os.environ["EKS_CLUSTER_NAME"], os.environ["AWS_ACCOUNT_ID"]
view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}]}'


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["RequestId"], error
        return error.response["Error"]["Message"]
    raise AssertionError(f"expected {code}")


assert sts.get_caller_identity()["Account"] == account
before = set(eks.list_access_entries(clusterName=cluster)["accessEntries"])

# Five roles below a path with characters that have to be encoded.
roles = [
    iam.create_role(
        RoleName=f"page-{n}+=,.@_-x", Path="/team/a b/".replace(" ", "+"), AssumeRolePolicyDocument=trust % account
    )["Role"]["Arn"]
    for n in range(5)
]
for arn in roles:
    entry = eks.create_access_entry(clusterName=cluster, principalArn=arn, kubernetesGroups=["g"], tags={"k": "v"})
    entry = entry["accessEntry"]
    assert entry["principalArn"] == arn and entry["type"] == "STANDARD" and entry["tags"] == {"k": "v"}, entry
    assert abs(entry["createdAt"].timestamp() - time.time()) < 60, entry
print("created 5 entries")

seen = []
for page in eks.get_paginator("list_access_entries").paginate(clusterName=cluster, PaginationConfig={"PageSize": 2}):
    assert len(page["accessEntries"]) <= 2
    seen += page["accessEntries"]
assert seen == sorted(before | set(roles)), seen
print(f"listed {len(seen)} entries over pages of 2")

one = dict(clusterName=cluster, principalArn=roles[0])
assert "already in use" in refused("ResourceInUseException", eks.create_access_entry, **one)
changed = eks.update_access_entry(**one, kubernetesGroups=[], username="team:{{SessionName}}")["accessEntry"]
assert changed["kubernetesGroups"] == [] and changed["username"] == "team:{{SessionName}}", changed
assert eks.describe_access_entry(**one)["accessEntry"] == changed
print("changed and read one")

scope = {"type": "namespace", "namespaces": ["carts", "dev-*"]}
first = eks.associate_access_policy(**one, policyArn=view, accessScope={"type": "cluster"})["associatedAccessPolicy"]
again = eks.associate_access_policy(**one, policyArn=view, accessScope=scope)["associatedAccessPolicy"]
assert again["accessScope"] == scope and again["associatedAt"] == first["associatedAt"], again
listed = eks.list_associated_access_policies(**one)["associatedAccessPolicies"]
assert [row["policyArn"] for row in listed] == [view] and listed[0] == again, listed
found = eks.list_access_entries(clusterName=cluster, associatedPolicyArn=view)["accessEntries"]
assert roles[0] in found, found
eks.disassociate_access_policy(**one, policyArn=view)
assert eks.list_associated_access_policies(**one)["associatedAccessPolicies"] == []
refused("ResourceNotFoundException", eks.disassociate_access_policy, **one, policyArn=view)
print("associated, replaced, listed and disassociated a policy")

missing = "arn:aws:iam::%s:role/missing" % account
assert "invalid principal" in refused(
    "InvalidParameterException", eks.create_access_entry, clusterName=cluster, principalArn=missing
)
refused("ResourceNotFoundException", eks.describe_access_entry, clusterName=cluster, principalArn=missing)
refused("ResourceNotFoundException", eks.list_access_entries, clusterName="nowhere")
refused("InvalidParameterException", eks.list_access_entries, clusterName=cluster, maxResults=1000)
print("was refused what EKS refuses")

arn = eks.describe_access_entry(**one)["accessEntry"]["accessEntryArn"]
eks.tag_resource(resourceArn=arn, tags={"team": "blue"})
assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"k": "v", "team": "blue"}
eks.untag_resource(resourceArn=arn, tagKeys=["k", "x y"])
assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "blue"}
print("tagged and untagged one")

for arn in roles:
    eks.delete_access_entry(clusterName=cluster, principalArn=arn)
    refused("ResourceNotFoundException", eks.describe_access_entry, clusterName=cluster, principalArn=arn)
    iam.delete_role(RoleName=arn.rsplit("/", 1)[1])
assert set(eks.list_access_entries(clusterName=cluster)["accessEntries"]) == before
print("deleted all of them")
