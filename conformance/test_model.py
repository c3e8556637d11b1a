"""The check itself: it passes what is right and fails on each way of being wrong."""

import copy
import json
import unittest

from . import model
from .model import Exchange

ENTRY = {
    "clusterName": "demo",
    "principalArn": "arn:aws:iam::123456789012:role/dev",
    "kubernetesGroups": ["g"],
    "accessEntryArn": "arn:aws:eks:us-west-2:123456789012:access-entry/demo/role/123456789012/dev/id",
    "createdAt": 1767225600.5,
    "modifiedAt": 1767225600,
    "tags": {"k": "v"},
    "username": "u",
    "type": "STANDARD",
}
JSON = {"content-type": "application/json", "x-amzn-requestid": "1"}
IAM = {"authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/iam/aws4_request, SignedHeaders=host"}
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
USER = (
    "<Path>/</Path><UserName>u</UserName><UserId>AIDAEXAMPLEEXAMPLE12</UserId><Arn>arn:aws:iam::123456789012:user/u</Arn>"
    "<CreateDate>2026-01-01T00:00:00Z</CreateDate>"
)


def described(body=None, status=200, headers=None, **request):
    request = {"method": "GET", "path": "/clusters/demo/access-entries/arn%3Aaws%3Aiam", "query": "", **request}
    body = {"accessEntry": ENTRY} if body is None else body
    return Exchange(
        request_headers={},
        request_body=request.pop("request_body", b""),
        status=status,
        response_headers={**JSON, **(headers or {})},
        response_body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        **request,
    )


def refused(code, status, **members):
    return described({"message": "m", **members}, status, {"x-amzn-errortype": code})


def got_user(user=USER, action="GetUser", form="Action=GetUser&Version=2010-05-08", body=None, status=200):
    body = body or (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result><User>{user}</User></{action}Result>'
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )
    return Exchange("POST", "/", "", IAM, form.encode(), status, {"content-type": "text/xml"}, body.encode())


def iam_error(code, status, fault="Sender"):
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{fault}</Type><Code>{code}</Code><Message>m</Message></Error>'
        "<RequestId>1</RequestId></ErrorResponse>"
    )
    return got_user(body=body, status=status)


class TheCheck(unittest.TestCase):
    def passes(self, exchange, operation):
        verdict = model.check(exchange)
        self.assertEqual((verdict.problems, verdict.request_problems), ([], []))
        self.assertEqual(verdict.operation, operation)

    def fails(self, exchange, word):
        problems = model.check(exchange).problems
        self.assertTrue(any(word in problem for problem in problems), (word, problems))

    def test_what_is_right_passes(self):
        self.passes(described(), "DescribeAccessEntry")
        self.passes(refused("ResourceNotFoundException", 404, clusterName="demo"), "DescribeAccessEntry")
        self.passes(refused("AccessDeniedException", 403), "DescribeAccessEntry")
        self.passes(got_user(), "GetUser")
        self.passes(iam_error("NoSuchEntity", 404), "GetUser")
        self.passes(iam_error("ServiceFailure", 500, "Receiver"), "GetUser")

    def test_a_member_of_the_wrong_type_fails(self):
        wrong = {
            "createdAt": "2026-01-01T00:00:00Z", "modifiedAt": True, "kubernetesGroups": "g", "tags": ["k"], "username": 5,
        }
        for name, value in wrong.items():
            self.fails(described({"accessEntry": {**ENTRY, name: value}}), f".{name}")
        self.fails(described({"accessEntry": {**ENTRY, "tags": {"k": 5}}}), ".tags[k]")
        self.fails(described({"accessEntry": [ENTRY]}), "is no structure")

    def test_a_member_that_the_model_does_not_have_fails(self):
        self.fails(described({"accessEntry": {**ENTRY, "principalId": "AROA"}}), "principalId")
        self.fails(described({"entry": ENTRY}), "`entry`")
        self.fails(refused("AccessDeniedException", 403, clusterName="demo"), "clusterName")

    def test_a_value_outside_an_enumeration_fails(self):
        update = {"update": {"id": "1", "status": "Done"}}
        self.fails(described(update, path="/clusters/demo/updates/1"), "`Done` is none of")

    def test_an_error_that_is_not_declared_or_has_another_status_fails(self):
        self.fails(refused("ResourceInUseException", 409), "is not an error of DescribeAccessEntry")
        self.fails(refused("ResourceNotFoundException", 400), "modelled 404")
        self.fails(refused("NoSuchThing", 400), "NoSuchThing")
        self.fails(described({"message": "m"}, 404), "without x-amzn-ErrorType")
        self.fails(described({"msg": "m"}, 404, {"x-amzn-errortype": "ResourceNotFoundException"}), "without a message")

    def test_an_answer_in_another_form_fails(self):
        self.fails(described(b"<html>"), "no JSON object")
        self.fails(described(headers={"content-type": "text/plain"}), "content-type")
        self.fails(described(headers={"x-amzn-requestid": ""}), "RequestId")
        self.fails(described(status=201), "status 201")

    def test_accepting_what_the_model_forbids_fails(self):
        self.fails(described(path="/clusters/demo/nothing"), "forbids")
        self.fails(described({"accessEntries": []}, path="/clusters/demo/access-entries", query="maxResults=101"), "forbids")
        self.fails(described({"accessEntries": []}, path="/clusters/demo/access-entries", query="pages=1"), "forbids")
        created = {"method": "POST", "path": "/clusters/demo/access-entries"}
        for body in (b"{}", b"[]", b"{", b'{"principalArn": 5}', b'{"principalArn": "a", "x": 1}'):
            self.fails(described(request_body=body, **created), "forbids")
        self.fails(got_user(form="Action=GetUser&Version=2010-05-08&Pages=1"), "forbids")
        self.fails(got_user(form="Action=GetUser&Version=1"), "forbids")

    def test_xml_that_is_wrong_fails(self):
        self.fails(got_user(USER.replace("<Path>/</Path>", "")), "`Path` is required")
        self.fails(got_user(USER + "<Secret>x</Secret>"), "`Secret` is no member")
        self.fails(got_user(USER + "<Path>/</Path>"), "stands twice")
        self.fails(got_user(USER.replace("2026-01-01T00:00:00Z", "1767225600 ")), "CreateDate")
        self.fails(got_user(USER + "<Tags><item/></Tags>"), "a list has")
        self.fails(got_user(action="GetRole"), "the root is")
        self.fails(got_user(body="<GetUserResponse"), "no XML")
        wrong_namespace = got_user()
        wrong_namespace.response_body = wrong_namespace.response_body.replace(b"2010", b"2011")
        self.fails(wrong_namespace, "namespace")
        without = copy.copy(got_user())
        without.response_body = without.response_body.replace(b"<RequestId>1</RequestId>", b"")
        self.fails(without, "RequestId")

    def test_an_xml_error_that_is_wrong_fails(self):
        self.fails(iam_error("NoSuchEntity", 400), "modelled 404")
        self.fails(iam_error("DeleteConflict", 409), "is not an error of GetUser")
        self.fails(iam_error("NoSuchEntity", 404, "Receiver"), "Type Receiver")


if __name__ == "__main__":
    unittest.main()
