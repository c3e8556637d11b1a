"""Holds HTTP exchanges against the service models that botocore ships.

A model says of every operation: method, path, which members a request and an answer have, of which type, which of them
are required, and which errors it may give with which status. What is checked here is what went over the wire, whoever
the client was.
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

import botocore.session

_SESSION = botocore.session.get_session()
MODELS = {name: _SESSION.get_service_model(name) for name in ("eks", "iam", "sts")}

# Errors that no operation declares, each with its status and why it may be given all the same.
_SIGNATURE = "AWS's common errors: every signed request can be answered so"
_FRONT = "AWS's common errors: given before an operation is chosen or its input is read"
WIDE_ERRORS = {
    "eks": {
        "AccessDeniedException": (403, "AWS's common errors; in the model, but not declared by the operations"),
        "ExpiredTokenException": (403, _SIGNATURE),
        "IncompleteSignatureException": (403, _SIGNATURE),
        "InvalidSignatureException": (403, _SIGNATURE),
        "MissingAuthenticationTokenException": (403, _SIGNATURE),
        "UnrecognizedClientException": (403, _SIGNATURE),
        "SerializationException": (400, _FRONT),
        "UnknownOperationException": (404, _FRONT),
        "RequestEntityTooLargeException": (413, _FRONT),
        "RequestTimeoutException": (408, _FRONT),
        "InvalidParameterException": (400, "seen of EKS on DescribeAccessEntry, which does not declare it"),
        "ServiceUnavailableException": (503, "in the model, but declared by few operations"),
    },
    "query": {
        "AccessDenied": (403, "AWS's common errors"),
        "ExpiredToken": (403, _SIGNATURE),
        "IncompleteSignature": (400, _SIGNATURE),
        "InvalidClientTokenId": (403, _SIGNATURE),
        "MissingAuthenticationToken": (403, _SIGNATURE),
        "SignatureDoesNotMatch": (403, _SIGNATURE),
        "InvalidAction": (400, _FRONT),
        "MissingAction": (400, _FRONT),
        "MalformedQueryString": (404, _FRONT),
        "ValidationError": (400, "AWS's common errors: the input is not what the operation takes"),
    },
}
# Errors of one operation that this version of the model does not declare, with status and source.
MORE_ERRORS = {
    "GetAccessKeyLastUsed": {"NoSuchEntity": (404, "declared in earlier versions of IAM's API reference")},
}
_SIGNATURE_PARTS = re.compile(r"X-Amz-", re.IGNORECASE)


@dataclass
class Exchange:
    """A request and its answer, as they went over the wire. Header names are in lower case."""

    method: str
    path: str
    query: str
    request_headers: dict
    request_body: bytes
    status: int
    response_headers: dict
    response_body: bytes


@dataclass
class Verdict:
    """What there is to say of an exchange."""

    service: str | None = None
    operation: str | None = None
    error: str | None = None
    problems: list = field(default_factory=list)
    """How the answer departs from the model."""
    request_problems: list = field(default_factory=list)
    """How the request does; an answer other than a refusal is then one of the problems."""


def check(exchange):
    """Holds an exchange against the models."""
    verdict = Verdict(service=_service(exchange))
    rest = verdict.service == "eks"
    values = (_rest_request if rest else _query_request)(exchange, verdict)
    if verdict.operation and values is not None:
        shape = MODELS[verdict.service].operation_model(verdict.operation).input_shape
        _Request(verdict.request_problems).check(shape, values, "request")
    if exchange.status < 300:
        if verdict.request_problems:
            verdict.problems.append(f"accepted a request that the model forbids: {verdict.request_problems}")
        if verdict.operation:
            (_rest_answer if rest else _query_answer)(exchange, verdict)
    else:
        (_rest_error if rest else _query_error)(exchange, verdict)
    return verdict


def _service(exchange):
    if exchange.path != "/":
        return "eks"
    signed = re.search(r"/([a-z0-9-]+)/aws4_request", exchange.request_headers.get("authorization", ""))
    return signed.group(1) if signed and signed.group(1) in ("iam", "sts") else "sts"


# Requests


def _rest_request(exchange, verdict):
    """The operation of a path, and the request's members by name."""
    model = MODELS["eks"]
    for name in model.operation_names:
        operation = model.operation_model(name)
        labels = _match(operation.http["requestUri"], exchange.path)
        if operation.http["method"] != exchange.method or labels is None:
            continue
        verdict.operation = name
        break
    else:
        verdict.request_problems.append(f"{exchange.method} {exchange.path} is no operation's")
        return None
    shape = operation.input_shape
    members = shape.members if shape else {}
    by_location = {(m.serialization.get("location", "body"), m.serialization.get("name", n)): n for n, m in members.items()}
    values = {}
    for label, text in labels.items():
        values[by_location["uri", label]] = text
    for key, text in parse_qsl(exchange.query, keep_blank_values=True):
        name = by_location.get(("querystring", key))
        if name is None:
            verdict.request_problems.append(f"the query has `{key}`, which is no member")
        elif members[name].type_name == "list":
            values.setdefault(name, []).append(text)
        else:
            values[name] = _Text.read(members[name], text)
    if exchange.request_body:
        try:
            body = json.loads(exchange.request_body)
        except ValueError:
            verdict.request_problems.append("the body is no JSON")
            return None
        if not isinstance(body, dict):
            verdict.request_problems.append("the body is no object")
            return None
        for key, value in body.items():
            name = by_location.get(("body", key))
            if name is None:
                verdict.request_problems.append(f"the body has `{key}`, which is no member")
            else:
                values[name] = value
    return values


def _match(template, path):
    """The decoded labels of a raw path, or None if it is not of this template."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    labels = {}
    for name, text in zip(wanted, given):
        if name.startswith("{"):
            labels[name.strip("{}")] = unquote(text)
        elif name != text:
            return None
    return labels


def _query_request(exchange, verdict):
    """The operation that `Action` names, and the request's members by name."""
    model = MODELS[verdict.service]
    source = exchange.request_body.decode("utf-8", "replace") if exchange.method == "POST" else exchange.query
    pairs = [pair for pair in parse_qsl(source, keep_blank_values=True) if not _SIGNATURE_PARTS.match(pair[0])]
    parameters = dict(pairs)
    action, version = parameters.pop("Action", None), parameters.pop("Version", None)
    if action not in model.operation_names:
        verdict.request_problems.append(f"Action `{action}` is no operation's")
        return None
    verdict.operation = action
    if version != model.metadata["apiVersion"]:
        verdict.request_problems.append(f"Version is `{version}`")
    values = {}
    for name, text in parameters.items():
        place, parts = values, name.split(".")
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                verdict.request_problems.append(f"`{name}` stands below a text")
                return None
        place[parts[-1]] = text
    return _typed(model.operation_model(action).input_shape, values)


def _typed(shape, value):
    """Texts of a form as values of their types; what does not fit stays as it is and is complained of later."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {_element_name(name, member): name for name, member in shape.members.items()}
        return {names.get(key, key): _typed(shape.members.get(names.get(key)), item) for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, dict) and set(value) == {"member"}:
        numbered = value["member"]
        if isinstance(numbered, dict) and set(numbered) == {str(n + 1) for n in range(len(numbered))}:
            return [_typed(shape.member, numbered[str(n + 1)]) for n in range(len(numbered))]
    if shape.type_name == "list" and value == "":
        return []
    if isinstance(value, str):
        return _Text.read(shape, value)
    return value


class _Text:
    """Values that are carried as text: in queries, forms and XML."""

    @staticmethod
    def read(shape, text):
        if shape.type_name in ("integer", "long") and re.fullmatch(r"-?\d+", text):
            return int(text)
        if shape.type_name == "boolean" and text in ("true", "false"):
            return text == "true"
        if shape.type_name in ("float", "double") and re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        if shape.type_name == "timestamp" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
            return 0.0
        return text


# Answers


def _rest_answer(exchange, verdict):
    operation = MODELS["eks"].operation_model(verdict.operation)
    _status(exchange, operation, verdict)
    body = _json_body(exchange, verdict)
    if body is not None and operation.output_shape is not None:
        _Answer(verdict.problems).check(operation.output_shape, _by_member(operation.output_shape, body), "answer")


def _status(exchange, operation, verdict):
    wanted = int(operation.http.get("responseCode", 200))
    if exchange.status != wanted:
        verdict.problems.append(f"status {exchange.status}, modelled {wanted}")


def _json_body(exchange, verdict):
    content_type = exchange.response_headers.get("content-type", "")
    if content_type.split(";")[0] != "application/json":
        verdict.problems.append(f"content-type is `{content_type}`")
    if not exchange.response_headers.get("x-amzn-requestid"):
        verdict.problems.append("no x-amzn-RequestId")
    try:
        body = json.loads(exchange.response_body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        verdict.problems.append("the body is no JSON object")
        return None
    return body


def _by_member(shape, value):
    """JSON keys replaced by the members that they stand for; unknown ones stay and are complained of."""
    if value is None:
        return None
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        out = {}
        for key, item in value.items():
            name = names.get(key)
            out[name or key] = _by_member(shape.members[name], item) if name else item
        return out
    if shape.type_name == "list" and isinstance(value, list):
        return [_by_member(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _by_member(shape.value, item) for key, item in value.items()}
    return value


def _rest_error(exchange, verdict):
    model = MODELS["eks"]
    body = _json_body(exchange, verdict)
    code = exchange.response_headers.get("x-amzn-errortype")
    verdict.error = code
    if not code:
        verdict.problems.append("an error without x-amzn-ErrorType")
        return
    shapes = {shape.name: shape for shape in model.error_shapes}
    declared = {s.name for s in model.operation_model(verdict.operation).error_shapes} if verdict.operation else set()
    if code in declared:
        wanted = shapes[code].metadata["error"]["httpStatusCode"]
    elif code in WIDE_ERRORS["eks"]:
        wanted = WIDE_ERRORS["eks"][code][0]
    else:
        verdict.problems.append(f"{code} is not an error of {verdict.operation}")
        return
    if exchange.status != wanted:
        verdict.problems.append(f"{code} with status {exchange.status}, modelled {wanted}")
    if body is None:
        return
    if not isinstance(body.get("message"), str) or not body["message"]:
        verdict.problems.append(f"{code} without a message")
    members = set(shapes[code].members) if code in shapes else {"message"}
    unknown = set(body) - members - {"__type"}
    if unknown:
        verdict.problems.append(f"{code} has {sorted(unknown)}, which are no members")
    verdict.problems.extend(f"{code}: `{k}` is no text" for k in members & set(body) if not isinstance(body[k], (str, type(None))))


def _query_answer(exchange, verdict):
    model = MODELS[verdict.service]
    operation = model.operation_model(verdict.operation)
    _status(exchange, operation, verdict)
    if exchange.response_headers.get("content-type") == "application/json":
        _query_json_answer(exchange, operation, verdict)
        return
    root = _xml(exchange, verdict, f"{verdict.operation}Response", model)
    if root is None:
        return
    output = operation.output_shape
    wrapper = output.serialization.get("resultWrapper") if output is not None else None
    children = {child.tag: child for child in root}
    expected = {"ResponseMetadata"} | ({wrapper} if wrapper else set())
    if set(children) != expected or len(root) != len(expected):
        verdict.problems.append(f"{root.tag} has {sorted(child.tag for child in root)}, expected {sorted(expected)}")
    if not (root.findtext("ResponseMetadata/RequestId") or ""):
        verdict.problems.append("no RequestId")
    if wrapper in children:
        _Answer(verdict.problems).check(output, _from_xml(output, children[wrapper], verdict), "answer")


def _query_json_answer(exchange, operation, verdict):
    """STS answers in JSON who asks for it: verifiers of EKS tokens do. The members are those of the model."""
    body = json.loads(exchange.response_body)
    response = body.get(f"{verdict.operation}Response", {})
    result = response.get(f"{verdict.operation}Result")
    if list(body) != [f"{verdict.operation}Response"] or not isinstance(result, dict):
        verdict.problems.append(f"the answer is {body}")
        return
    if not response.get("ResponseMetadata", {}).get("RequestId"):
        verdict.problems.append("no RequestId")
    _Answer(verdict.problems).check(operation.output_shape, result, "answer")


def _query_error(exchange, verdict):
    model = MODELS[verdict.service]
    if exchange.response_headers.get("content-type") == "application/json":
        body = json.loads(exchange.response_body)
        parts = {**body.get("Error", {}), "RequestId": body.get("RequestId")}
    else:
        root = _xml(exchange, verdict, "ErrorResponse", model)
        if root is None:
            return
        parts = {child.tag: child.text for child in root.find("Error") or []}
        parts["RequestId"] = root.findtext("RequestId")
    for name in ("Type", "Code", "Message", "RequestId"):
        if not parts.get(name):
            verdict.problems.append(f"an error without {name}")
    verdict.error = code = parts.get("Code")
    declared = {}
    if verdict.operation:
        for shape in model.operation_model(verdict.operation).error_shapes:
            error = shape.metadata.get("error", {})
            declared[error.get("code", shape.name)] = error.get("httpStatusCode", 400)
    others = {**WIDE_ERRORS["query"], **MORE_ERRORS.get(verdict.operation, {})}
    wanted = declared.get(code) or others.get(code, (None,))[0]
    if wanted is None:
        verdict.problems.append(f"{code} is not an error of {verdict.operation}")
    elif exchange.status != wanted:
        verdict.problems.append(f"{code} with status {exchange.status}, modelled {wanted}")
    if parts.get("Type") != ("Sender" if exchange.status < 500 else "Receiver"):
        verdict.problems.append(f"{code} with Type {parts.get('Type')} and status {exchange.status}")


def _xml(exchange, verdict, name, model):
    if exchange.response_headers.get("content-type", "").split(";")[0] != "text/xml":
        verdict.problems.append(f"content-type is `{exchange.response_headers.get('content-type')}`")
    try:
        root = ElementTree.fromstring(exchange.response_body)
    except ElementTree.ParseError as error:
        verdict.problems.append(f"the body is no XML: {error}")
        return None
    namespace = "{%s}" % model.metadata["xmlNamespace"]
    for element in root.iter():
        if not element.tag.startswith(namespace):
            verdict.problems.append(f"`{element.tag}` is not in the service's namespace")
        element.tag = element.tag.split("}")[-1]
    if root.tag != name:
        verdict.problems.append(f"the root is `{root.tag}`, expected `{name}`")
        return None
    return root


def _from_xml(shape, element, verdict):
    if shape.type_name == "structure":
        names = {_element_name(name, member): name for name, member in shape.members.items()}
        out = {}
        for child in element:
            name = names.get(child.tag)
            if name in out:
                verdict.problems.append(f"`{child.tag}` stands twice")
            out[name or child.tag] = _from_xml(shape.members[name], child, verdict) if name else child.text
        return out
    if shape.type_name == "list":
        wrong = {child.tag for child in element} - {shape.member.serialization.get("name", "member")}
        if wrong:
            verdict.problems.append(f"a list has {sorted(wrong)}")
        return [_from_xml(shape.member, child, verdict) for child in element]
    if len(element):
        verdict.problems.append(f"`{element.tag}` has elements, and should have text")
    return _Text.read(shape, element.text or "")


def _element_name(name, member):
    return member.serialization.get("name", name)


# Values against shapes


class _Check:
    """Types, required members, unknown members."""

    def __init__(self, problems):
        self.problems = problems

    def check(self, shape, value, where):
        if shape is None:
            if value:
                self.say(where, f"has {sorted(value)}, and the operation has no members")
            return
        getattr(self, f"check_{shape.type_name}", self.check_other)(shape, value, where)

    def say(self, where, what):
        self.problems.append(f"{where}: {what}")

    def check_structure(self, shape, value, where):
        if not isinstance(value, dict):
            return self.say(where, f"is no structure: {value!r}")
        for name in shape.required_members:
            if value.get(name) is None:
                self.say(where, f"`{name}` is required")
        for name, item in value.items():
            member = shape.members.get(name)
            if member is None:
                self.say(where, f"`{name}` is no member of {shape.name}")
            elif item is not None:
                self.check(member, item, f"{where}.{name}")

    def check_list(self, shape, value, where):
        if not isinstance(value, list):
            return self.say(where, f"is no list: {value!r}")
        for number, item in enumerate(value):
            self.check(shape.member, item, f"{where}[{number}]")

    def check_map(self, shape, value, where):
        if not isinstance(value, dict):
            return self.say(where, f"is no map: {value!r}")
        for key, item in value.items():
            self.check(shape.key, key, f"{where} key")
            self.check(shape.value, item, f"{where}[{key}]")

    def check_string(self, shape, value, where):
        if not isinstance(value, str):
            return self.say(where, f"is no text: {value!r}")
        self.check_length(shape, value, where)

    def check_boolean(self, shape, value, where):
        if not isinstance(value, bool):
            self.say(where, f"is neither true nor false: {value!r}")

    def check_integer(self, shape, value, where):
        if isinstance(value, bool) or not isinstance(value, int):
            return self.say(where, f"is no whole number: {value!r}")
        limits = shape.metadata
        if value < limits.get("min", value) or value > limits.get("max", value):
            self.say(where, f"{value} is out of range")

    check_long = check_integer

    def check_double(self, shape, value, where):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.say(where, f"is no number: {value!r}")

    check_float = check_double
    # Seconds since 1970: every SDK reads those, and some read nothing else.
    check_timestamp = check_double

    def check_other(self, shape, value, where):
        self.say(where, f"nobody taught this check the type {shape.type_name}")

    def check_length(self, shape, value, where):
        """Whether lengths are held to."""


class _Request(_Check):
    def check_length(self, shape, value, where):
        longest = shape.metadata.get("max")
        if longest is not None and len(value) > longest:
            self.say(where, f"{len(value)} characters are more than {longest}")


class _Answer(_Check):
    def check_string(self, shape, value, where):
        super().check_string(shape, value, where)
        if shape.enum and value not in shape.enum:
            self.say(where, f"`{value}` is none of {shape.enum}")
