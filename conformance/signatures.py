"""Requests that no SDK sends: unsigned, wrongly signed, for another service, of another shape."""

import json
from datetime import datetime, timedelta, timezone
from unittest import mock

import botocore.auth
import botocore.credentials

from . import eks_errors as said
from .caller import Caller
from .recorder import Recorder
from .server import ACCOUNT, Server, send

INVALID_TOKEN = "The security token included in the request is invalid."


def refusals(admin: Caller, server: Server, recorder: Recorder):
    tally = admin.tally
    key, secret = server.administrator.access_key, server.administrator.secret_key
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    whoami = "Action=GetCallerIdentity&Version=2011-06-15"

    def expect(what, answer, status, code, message=None):
        found_status, headers, body = answer
        headers = {name.lower(): value for name, value in headers.items()}
        found = headers.get("x-amzn-errortype")
        text = json.loads(body).get("message") if headers["content-type"] == "application/json" else body
        is_right = (found_status, found) == (status, code) and (message is None or message in text)
        tally.holds(is_right, f"{what}: {found_status} {found} {body[:300]}, expected {status} {code} {message or ''}")
        tally.holds(secret not in body, f"{what}: the secret is in the answer")
        if is_right:
            tally.count(is_refusal=True)

    def eks(method="GET", path="/clusters", body="", credentials=None, service="eks"):
        return server.raw(method, path, body, service, credentials, url=recorder.url)

    def sts(body=whoami, credentials=None, service="sts", method="POST", path="/"):
        return server.raw(method, path, body, service, credentials, form, recorder.url)

    unsigned = send("GET", f"{recorder.url}/clusters", b"", {})
    expect("no signature, EKS", unsigned, 403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    unsigned = send("POST", f"{recorder.url}/", whoami.encode(), form)
    expect("no signature, STS", unsigned, 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    wrong = botocore.credentials.Credentials(key, "wrong" + secret)
    expect("another secret, EKS", eks(credentials=wrong), 403, "InvalidSignatureException")
    expect("another secret, STS", sts(credentials=wrong), 403, "SignatureDoesNotMatch", "does not match the signature you provided")
    stranger = botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", secret)
    expect("an unknown key, EKS", eks(credentials=stranger), 403, "UnrecognizedClientException", INVALID_TOKEN)
    expect("an unknown key, STS", sts(credentials=stranger), 403, "InvalidClientTokenId", INVALID_TOKEN)
    tokened = botocore.credentials.Credentials(key, secret, "FwoGZXIvYXdz" * 300)
    expect("a session token that is not ours, EKS", eks(credentials=tokened), 403, "UnrecognizedClientException", INVALID_TOKEN)
    expect("a session token that is not ours, STS", sts(credentials=tokened), 403, "InvalidClientTokenId", INVALID_TOKEN)
    expect("signed for another service, EKS", eks(service="s3"), 403, "InvalidSignatureException",
           "Credential should be scoped to correct service: 'eks'.")
    for days in (-1, 1):
        with _at(datetime.now(timezone.utc) + timedelta(days=days)):
            expect("signed on another day, EKS", eks(), 403, "InvalidSignatureException")
            expect("signed on another day, STS", sts(), 403, "SignatureDoesNotMatch",
                   "Signature expired" if days < 0 else "Signature not yet current")
    for header in ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "Bearer x", "Basic eDp5"):
        headers = {"authorization": header, "x-amz-date": "20260101T000000Z"}
        status, answer_headers, _ = send("GET", f"{recorder.url}/clusters", b"", headers)
        code = {name.lower(): value for name, value in answer_headers.items()}.get("x-amzn-errortype")
        known = ("IncompleteSignatureException", "MissingAuthenticationTokenException")
        if status == 403 and code in known:
            tally.count(is_refusal=True)
        else:
            tally.fail(f"a broken Authorization header: {status} {code}")

    create = "/clusters/demo/access-entries"
    for body in ("{", "[]", '"x"', "null", '{"principalArn":5}', '{"principalArn":["x"]}', '{"kubernetesGroups":"g"}',
                 '{"tags":{"k":1}}', "\ufeff{}", '{"principalArn":"a","principalArn":"b"}'):
        expect(f"the body {body}", eks("POST", create, body), 400, "SerializationException")
    expect("an empty body", eks("POST", create), 400, "InvalidParameterException", said.PRINCIPAL_FORMAT)
    for method, path in (("GET", "/nothing"), ("PUT", "/clusters/demo"), ("POST", "/access-policies"), ("GET", "/clusters/demo/"),
                         ("DELETE", create), ("GET", "/clusters/demo/access-entries/x/y"), ("POST", "/clusters"),
                         ("POST", "/cluster-registrations"), ("GET", "/clusters/demo/node-groups"), ("GET", "/clusters/demo/addons"),
                         ("GET", "/clusters/demo/fargate-profiles"), ("GET", "/clusters/demo/pod-identity-associations")):
        expect(f"{method} {path}", eks(method, path), 404, "UnknownOperationException")
    expect("an ARN whose slashes are not encoded", eks("GET", f"{create}/arn:aws:iam::{ACCOUNT}:role/x"), 404, "UnknownOperationException")
    expect("an empty ARN", eks("GET", f"{create}/"), 400, "InvalidParameterException", said.PRINCIPAL_FORMAT)
    expect("a path that is not percent-encoded", eks("GET", "/clusters/%zz"), 400, "InvalidParameterException")
    expect("2 MiB", eks("POST", create, "x" * (2 << 20)), 413, "RequestEntityTooLargeException")
    expect("no action", sts("Version=2011-06-15"), 400, "MissingAction")
    expect("an unknown action", sts("Action=Nothing&Version=2011-06-15"), 400, "InvalidAction",
           "Could not find operation Nothing for version 2011-06-15")
    expect("another version", sts("Action=GetCallerIdentity&Version=2010-05-08"), 400, "InvalidAction")
    expect("an action twice", sts(whoami + "&Action=AssumeRole"), 404, "MalformedQueryString")
    expect("a form that cannot be decoded", sts(whoami + "&x=%zz"), 404, "MalformedQueryString")


def _at(time):
    """Signs as if it were another time."""
    return mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: time.replace(tzinfo=None))


