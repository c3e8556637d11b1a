"""Error texts as EKS gives them. Clients branch on some: do not improve them."""

MODE = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
IN_USE = "The specified access entry resource is already in use on this cluster."
NO_ENTRY = (
    "The specified principalArn could not be found. "
    "You can view your available access entries with 'list-access-entries'."
)
PRINCIPAL_FORMAT = "The principalArn parameter format is not valid"
INVALID_PRINCIPAL = "The specified principalArn is invalid: invalid principal."
SERVICE_LINKED = (
    "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role"
)
NODE_TYPES = "[EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX, EC2]"
NODE_IS_ROLE = f"AccessEntry principalArn must be IAM role when using types {NODE_TYPES}"
NODE_ACCOUNT = (
    f"AccessEntry principalArn must be from the same account as the cluster when using types {NODE_TYPES}"
)
NODE_USERNAME = 'The specified username is invalid: setting username is not allowed when the type is "{}"'
NODE_GROUPS = 'The specified kubernetesGroups is invalid: setting kubernetesGroups is not allowed when the type is "{}"'
USERNAME_PREFIX = "The username must not begin with {}"
GROUP_PREFIX = "The kubernetes group name {}masters is invalid, it cannot start with {}"
NO_CLUSTER = "No cluster found for name: {}."
CLUSTER_NAME = (
    "The parameter name contains invalid characters. "
    'It should conform to the regular expression "^[0-9A-Za-z][A-Za-z0-9-_]*"'
)
NOT_STANDARD = 'This operation can only be performed on Access Entries with a type of "STANDARD"'
NO_NAMESPACE = "At least 1 namespace must be provided if the type is set as namespace"
UNWANTED_NAMESPACES = "accessScope should not include namespaces if the type is not set as namespace"
POLICY_FORMAT = "The policyArn parameter format is not valid"
NO_POLICY = (
    "The specified policyArn could not be found. "
    "You can view your available access policies with 'list-access-policies'"
)
MODE_CHANGE = "Unsupported authentication mode update from {} to {}"

RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")

BAD, IN_USE_409, MISSING = ("InvalidParameterException", 400), ("ResourceInUseException", 409), ("ResourceNotFoundException", 404)
INVALID_REQUEST = ("InvalidRequestException", 400)
