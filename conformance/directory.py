"""Every operation of IAM and STS that is served, with the errors that AWS documents of them, through any client."""

import json

from .caller import TRUST, Caller
from .server import ACCOUNT

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "eks:List*", "Resource": "*"}]}
NO_ENTITY, EXISTS, CONFLICT = ("NoSuchEntity", 404), ("EntityAlreadyExists", 409), ("DeleteConflict", 409)
LIMIT, INVALID, MALFORMED = ("LimitExceeded", 409), ("ValidationError", 400), ("MalformedPolicyDocument", 400)
DENIED = ("AccessDenied", 403)


def roles(admin: Caller):
    """A role from its creation to its end."""
    tally, one = admin.tally, {"RoleName": "crew+=,.@_-"}
    made = admin.ok("iam:CreateRole", **one, Path="/team/a/", AssumeRolePolicyDocument=TRUST, Description="A crew",
                    MaxSessionDuration=7200, Tags=[{"Key": "k", "Value": "v w"}])["Role"]
    tally.equal((made["Arn"], made["Path"]), (f"arn:aws:iam::{ACCOUNT}:role/team/a/crew+=,.@_-", "/team/a/"), "a new role")
    tally.holds(made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21, "a role's unique id")
    found = admin.ok("iam:GetRole", **one)["Role"]
    tally.equal(found["AssumeRolePolicyDocument"], json.loads(TRUST), "a trust policy")
    tally.equal((found["Description"], found["MaxSessionDuration"], found["Tags"], found["RoleId"]),
                ("A crew", 7200, [{"Key": "k", "Value": "v w"}], made["RoleId"]), "a role")
    admin.refused("iam:CreateRole", *EXISTS, "Role with name crew+=,.@_- already exists.", **one, AssumeRolePolicyDocument=TRUST)
    admin.refused("iam:CreateRole", *EXISTS, RoleName="CREW+=,.@_-", AssumeRolePolicyDocument=TRUST)
    tally.holds(made["Arn"] in [role["Arn"] for role in admin.ok("iam:ListRoles", PathPrefix="/team/")["Roles"]], "roles by path")
    names = [role["RoleName"] for role in admin.ok("iam:ListRoles", MaxItems=1000)["Roles"]]
    pages = admin.pages("iam:ListRoles", "Roles", 3)
    tally.equal([role["RoleName"] for page in pages for role in page], names, "roles over pages")
    tally.equal(admin.ok("iam:UpdateRole", **one, Description="Crew", MaxSessionDuration=3600), {}, "the answer to an update")
    changed = admin.ok("iam:UpdateRoleDescription", **one, Description="The crew")["Role"]
    tally.equal((changed["Description"], changed["MaxSessionDuration"]), ("The crew", 3600), "a role updated")
    other = TRUST.replace("sts:AssumeRole", "sts:*")
    tally.equal(admin.ok("iam:UpdateAssumeRolePolicy", **one, PolicyDocument=other), {}, "the answer to a new trust")
    tally.equal(admin.ok("iam:GetRole", **one)["Role"]["AssumeRolePolicyDocument"], json.loads(other), "a new trust policy")
    policy = {**one, "PolicyName": "lists"}
    tally.equal(admin.ok("iam:PutRolePolicy", **policy, PolicyDocument=json.dumps(ALLOW)), {}, "the answer to a policy")
    found = admin.ok("iam:GetRolePolicy", **policy)
    tally.equal(found, {**policy, "PolicyDocument": ALLOW}, "a role's policy")
    tally.equal(admin.ok("iam:ListRolePolicies", **one)["PolicyNames"], ["lists"], "a role's policies")
    admin.refused("iam:GetRolePolicy", *NO_ENTITY, **one, PolicyName="none")
    admin.refused("iam:DeleteRolePolicy", *NO_ENTITY, **one, PolicyName="none")
    for bad in ("{", "{}", json.dumps({**ALLOW, "Version": "2020-01-01"}), "x" * 5):
        admin.refused("iam:PutRolePolicy", *MALFORMED, **policy, PolicyDocument=bad)
        admin.refused("iam:UpdateAssumeRolePolicy", *MALFORMED, **one, PolicyDocument=bad)
        admin.refused("iam:CreateRole", *MALFORMED, RoleName="bad", AssumeRolePolicyDocument=bad)
    nobody = TRUST.replace(":root", ":user/nobody")
    admin.refused("iam:CreateRole", *MALFORMED, part="Invalid principal in policy", RoleName="bad", AssumeRolePolicyDocument=nobody)
    admin.ok("iam:TagRole", **one, Tags=[{"Key": "a", "Value": ""}, {"Key": "k", "Value": "w"}])
    tags = {tag["Key"]: tag["Value"] for tag in admin.ok("iam:ListRoleTags", **one)["Tags"]}
    tally.equal(tags, {"a": "", "k": "w"}, "a role's tags")
    admin.ok("iam:UntagRole", **one, TagKeys=["a", "none"])
    tally.equal(admin.ok("iam:ListRoleTags", **one)["Tags"], [{"Key": "k", "Value": "w"}], "tags that are left")
    admin.refused("iam:TagRole", "InvalidInput", 400, **one, Tags=[{"Key": "aws:x", "Value": "v"}])
    for operation, list_name in (("ListAttachedRolePolicies", "AttachedPolicies"), ("ListInstanceProfilesForRole", "InstanceProfiles")):
        tally.equal(admin.ok(f"iam:{operation}", **one)[list_name], [], operation)
    admin.refused("iam:DeleteRole", *CONFLICT, "Cannot delete entity, must delete policies first.", **one)
    admin.ok("iam:DeleteRolePolicy", **policy)
    tally.equal(admin.ok("iam:DeleteRole", **one), {}, "the answer to a deletion")
    missing = "The role with name crew+=,.@_- cannot be found."
    for operation, more in {
        "GetRole": {}, "DeleteRole": {}, "UpdateRole": {}, "UpdateRoleDescription": {"Description": "d"},
        "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST}, "ListRolePolicies": {}, "GetRolePolicy": {"PolicyName": "lists"},
        "PutRolePolicy": {"PolicyName": "lists", "PolicyDocument": json.dumps(ALLOW)}, "DeleteRolePolicy": {"PolicyName": "lists"},
        "TagRole": {"Tags": [{"Key": "k", "Value": "v"}]}, "UntagRole": {"TagKeys": ["k"]}, "ListRoleTags": {},
        "ListAttachedRolePolicies": {}, "ListInstanceProfilesForRole": {},
    }.items():
        admin.refused(f"iam:{operation}", *NO_ENTITY, missing, **one, **more)
    reborn = admin.ok("iam:CreateRole", **one, AssumeRolePolicyDocument=TRUST)["Role"]
    tally.holds(reborn["RoleId"] != made["RoleId"], "a recreated role has another unique id")


def names(admin: Caller):
    """Names, paths and numbers that cannot be."""
    role = {"RoleName": "ok", "AssumeRolePolicyDocument": TRUST}
    for bad in ("a b", "a/b", "é", "a:b", "x" * 65):
        admin.refused("iam:CreateRole", *INVALID, **{**role, "RoleName": bad})
        admin.refused("iam:CreateUser", *INVALID, UserName=bad)
    for path in ("team", "/team", "team/", "/a b/"):
        admin.refused("iam:CreateRole", *INVALID, **role, Path=path)
        admin.refused("iam:CreateUser", *INVALID, UserName="ok", Path=path)
    for seconds in (3599, 43201):
        admin.refused("iam:CreateRole", *INVALID, lenient=True, **role, MaxSessionDuration=seconds)
    for number in (0, 1001):
        admin.refused("iam:ListRoles", *INVALID, lenient=True, MaxItems=number)
    admin.refused("iam:ListRoles", *INVALID, Marker="made up")
    admin.refused("iam:CreateRole", *INVALID, lenient=True, RoleName="ok")
    admin.refused("iam:CreateRole", *INVALID, lenient=True, AssumeRolePolicyDocument=TRUST)
    # Somebody who asks for less than everything must not be told that it worked.
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    admin.refused("iam:CreateRole", *INVALID, **role, PermissionsBoundary=boundary)
    admin.refused("sts:AssumeRole", *INVALID, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="me", Policy="{}")
    for absent in ("CreateGroup", "CreateInstanceProfile"):
        key = {"CreateGroup": "GroupName", "CreateInstanceProfile": "InstanceProfileName"}[absent]
        admin.refused(f"iam:{absent}", "InvalidAction", 400, **{key: "x"})
    admin.refused("sts:GetFederationToken", "InvalidAction", 400, Name="me")


def users(admin: Caller):
    """A user from its creation to its end, with its keys."""
    tally, one = admin.tally, {"UserName": "bob"}
    made = admin.ok("iam:CreateUser", **one, Path="/div/", Tags=[{"Key": "k", "Value": "v"}])["User"]
    tally.equal(made["Arn"], f"arn:aws:iam::{ACCOUNT}:user/div/bob", "a new user")
    tally.holds(made["UserId"].startswith("AIDA"), "a user's unique id")
    tally.equal(admin.ok("iam:GetUser", **one)["User"], made, "a user")
    tally.equal(admin.ok("iam:GetUser")["User"]["Arn"], admin.ok("sts:GetCallerIdentity")["Arn"], "oneself")
    admin.refused("iam:CreateUser", *EXISTS, "User with name bob already exists.", **one)
    rows = admin.ok("iam:ListUsers", PathPrefix="/div/")["Users"]
    tally.holds("bob" in [user["UserName"] for user in rows], "users by path")
    everybody = [user["UserName"] for user in admin.ok("iam:ListUsers")["Users"]]
    pages = admin.pages("iam:ListUsers", "Users", 1)
    tally.equal([user["UserName"] for page in pages for user in page], everybody, "users over pages")
    policy = {**one, "PolicyName": "lists"}
    admin.ok("iam:PutUserPolicy", **policy, PolicyDocument=json.dumps(ALLOW))
    tally.equal(admin.ok("iam:GetUserPolicy", **policy), {**policy, "PolicyDocument": ALLOW}, "a user's policy")
    tally.equal(admin.ok("iam:ListUserPolicies", **one)["PolicyNames"], ["lists"], "a user's policies")
    admin.refused("iam:PutUserPolicy", *MALFORMED, **policy, PolicyDocument="{")
    admin.refused("iam:GetUserPolicy", *NO_ENTITY, **one, PolicyName="none")
    admin.ok("iam:TagUser", **one, Tags=[{"Key": "a", "Value": "b"}])
    admin.ok("iam:UntagUser", **one, TagKeys=["k"])
    tally.equal(admin.ok("iam:ListUserTags", **one)["Tags"], [{"Key": "a", "Value": "b"}], "a user's tags")
    for operation, list_name in {
        "ListAttachedUserPolicies": "AttachedPolicies", "ListGroupsForUser": "Groups", "ListMFADevices": "MFADevices",
        "ListSSHPublicKeys": "SSHPublicKeys", "ListSigningCertificates": "Certificates",
        "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    }.items():
        tally.equal(admin.ok(f"iam:{operation}", **one)[list_name], [], operation)
    tally.equal(admin.ok("iam:ListVirtualMFADevices")["VirtualMFADevices"], [], "ListVirtualMFADevices")
    for operation in ("GetLoginProfile", "DeleteLoginProfile"):
        admin.refused(f"iam:{operation}", *NO_ENTITY, "Login Profile for User bob cannot be found.", **one)

    keys = [admin.ok("iam:CreateAccessKey", **one)["AccessKey"] for _ in range(2)]
    admin.refused("iam:CreateAccessKey", *LIMIT, "Cannot exceed quota for AccessKeysPerUser: 2", **one)
    listed = admin.ok("iam:ListAccessKeys", **one)["AccessKeyMetadata"]
    tally.equal({row["AccessKeyId"] for row in listed}, {key["AccessKeyId"] for key in keys}, "a user's keys")
    id = keys[0]["AccessKeyId"]
    tally.equal(admin.ok("iam:GetAccessKeyLastUsed", AccessKeyId=id)["UserName"], "bob", "whose key it is")
    bob = admin.other(id, keys[0]["SecretAccessKey"])
    tally.equal(bob.ok("sts:GetCallerIdentity"), {"Account": ACCOUNT, "Arn": made["Arn"], "UserId": made["UserId"]}, "the key's user")
    bob.ok("eks:ListClusters")
    admin.ok("iam:UpdateAccessKey", **one, AccessKeyId=id, Status="Inactive")
    bob.refused("sts:GetCallerIdentity", "InvalidClientTokenId", 403, "The security token included in the request is invalid.")
    bob.refused("eks:ListClusters", "UnrecognizedClientException", 403, "The security token included in the request is invalid.")
    admin.ok("iam:UpdateAccessKey", **one, AccessKeyId=id, Status="Active")
    session = bob.ok("sts:GetSessionToken", DurationSeconds=900)["Credentials"]
    session = bob.other(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    tally.equal(session.ok("sts:GetCallerIdentity")["Arn"], made["Arn"], "a user's session")
    session.refused("sts:GetSessionToken", *DENIED, "Cannot call GetSessionToken with session credentials")
    for seconds in (899, 129601):
        admin.refused("sts:GetSessionToken", *INVALID, lenient=True, DurationSeconds=seconds)
    bob.refused("iam:ListRoles", *DENIED, part=f"User: {made['Arn']} is not authorized to perform: iam:ListRoles on resource: ")
    admin.refused("iam:UpdateAccessKey", *INVALID, **one, AccessKeyId=id, Status="Gone")
    for operation, more in {"DeleteAccessKey": {**one}, "UpdateAccessKey": {**one, "Status": "Active"}, "GetAccessKeyLastUsed": {}}.items():
        admin.refused(f"iam:{operation}", *NO_ENTITY, "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
                      AccessKeyId="AKIAIOSFODNN7EXAMPLE", **more)
    admin.refused("iam:DeleteUser", *CONFLICT, **one)
    for key in keys:
        admin.ok("iam:DeleteAccessKey", **one, AccessKeyId=key["AccessKeyId"])
    admin.refused("iam:DeleteUser", *CONFLICT, "Cannot delete entity, must delete policies first.", **one)
    admin.ok("iam:DeleteUserPolicy", **policy)
    admin.ok("iam:DeleteUser", **one)
    for operation, more in {
        "GetUser": {}, "DeleteUser": {}, "ListUserPolicies": {}, "GetUserPolicy": {"PolicyName": "p"},
        "DeleteUserPolicy": {"PolicyName": "p"}, "PutUserPolicy": {"PolicyName": "p", "PolicyDocument": json.dumps(ALLOW)},
        "TagUser": {"Tags": [{"Key": "k", "Value": "v"}]}, "UntagUser": {"TagKeys": ["k"]}, "ListUserTags": {},
        "CreateAccessKey": {}, "ListAccessKeys": {}, "ListAttachedUserPolicies": {}, "ListGroupsForUser": {},
        "ListMFADevices": {}, "ListSSHPublicKeys": {}, "ListSigningCertificates": {}, "GetLoginProfile": {},
        "ListServiceSpecificCredentials": {}, "DeleteLoginProfile": {},
    }.items():
        admin.refused(f"iam:{operation}", *NO_ENTITY, "The user with name bob cannot be found.", **one, **more)


def sessions(admin: Caller):
    """Roles assumed, and not."""
    tally = admin.tally
    arn = admin.role("pilot", "/team/", json.dumps({**ALLOW, "Statement": [
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "eks:ListClusters"], "Resource": "*"}]}))
    answer = admin.ok("sts:AssumeRole", RoleArn=arn, RoleSessionName="me@x.com", DurationSeconds=900)
    id = admin.ok("iam:GetRole", RoleName="pilot")["Role"]["RoleId"]
    who = {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/pilot/me@x.com", "AssumedRoleId": f"{id}:me@x.com"}
    tally.equal(answer["AssumedRoleUser"], who, "who one is in a role")
    keys = answer["Credentials"]
    tally.holds(keys["AccessKeyId"].startswith("ASIA"), "a session's key")
    me = admin.other(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    tally.equal(me.ok("sts:GetCallerIdentity"), {"Account": ACCOUNT, "Arn": who["Arn"], "UserId": who["AssumedRoleId"]}, "oneself")
    me.ok("eks:ListClusters")
    me.ok("sts:AssumeRole", RoleArn=arn, RoleSessionName="again")
    me.refused("sts:GetSessionToken", *DENIED, "Cannot call GetSessionToken with session credentials")
    me.refused("iam:GetUser", *DENIED, part="is not authorized to perform: iam:GetUser on resource: ")
    short = {"RoleArn": arn, "RoleSessionName": "me"}
    admin.refused("sts:AssumeRole", *INVALID, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                  **short, DurationSeconds=3601)
    long = admin.role("long", MaxSessionDuration=43200)
    me.refused("sts:AssumeRole", *INVALID, RoleArn=long, RoleSessionName="me", DurationSeconds=3601,
               message="The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
    for seconds in (899, 43201):
        admin.refused("sts:AssumeRole", *INVALID, lenient=True, **short, DurationSeconds=seconds)
    for name in ("x", "a b", "a/b", "x" * 65):
        admin.refused("sts:AssumeRole", *INVALID, lenient=True, RoleArn=arn, RoleSessionName=name)
    admin.refused("sts:AssumeRole", *INVALID, RoleArn="arn:aws:iam::x:role/not-a-role", RoleSessionName="me")
    me_admin = admin.ok("sts:GetCallerIdentity")["Arn"]
    for missing in (f"arn:aws:iam::{ACCOUNT}:role/missing", f"arn:aws:iam::{ACCOUNT}:role/pilot", "arn:aws:iam::210987654321:role/x"):
        admin.refused("sts:AssumeRole", *DENIED, RoleArn=missing, RoleSessionName="me",
                      part=f"User: {me_admin} is not authorized to perform: sts:AssumeRole on resource: {missing}")
    condition = json.loads(TRUST)
    condition["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "secret-4711"}}
    guest = admin.ok("iam:CreateRole", RoleName="guest", AssumeRolePolicyDocument=json.dumps(condition))["Role"]["Arn"]
    guest = {"RoleArn": guest, "RoleSessionName": "me"}
    admin.ok("sts:AssumeRole", **guest, ExternalId="secret-4711")
    admin.refused("sts:AssumeRole", *DENIED, **guest)
    admin.refused("sts:AssumeRole", *DENIED, **guest, ExternalId="secret-4712")
    # A session ends with its role, though a role of the same name is made again.
    admin.ok("iam:DeleteRolePolicy", RoleName="pilot", PolicyName="own")
    admin.ok("iam:DeleteRole", RoleName="pilot")
    admin.role("pilot", "/team/")
    me.refused("sts:GetCallerIdentity", "InvalidClientTokenId", 403)
    me.refused("eks:ListClusters", "UnrecognizedClientException", 403)


SCENARIOS = (roles, names, users, sessions)
