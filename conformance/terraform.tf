# What `terraform_suite.py` creates, changes, imports and destroys.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "groups" {
  type    = list(string)
  default = ["viewers"]
}

variable "namespaces" {
  type    = list(string)
  default = ["carts", "ui"]
}

variable "tags" {
  type    = map(string)
  default = { team = "blue" }
}

variable "username" {
  type    = string
  default = null
}

variable "node_groups" {
  type    = list(string)
  default = null
}

# A token is another one each time, so that a plan with it always has something to do.
variable "with_token" {
  type    = bool
  default = false
}

locals {
  policies = "arn:aws:eks::aws:cluster-access-policy"
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = data.aws_caller_identity.me.account_id }
      Action    = "sts:AssumeRole"
    }]
  })
}

data "aws_caller_identity" "me" {}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_eks_cluster" "demo" {
  name = "demo"
}

data "aws_eks_cluster_auth" "demo" {
  name = "demo"
}

data "aws_eks_clusters" "all" {}

resource "aws_iam_role" "reader" {
  name               = "tf-reader"
  path               = "/team/"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "reader" {
  name = "describes"
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "eks:DescribeCluster", Resource = "*" }]
  })
}

resource "aws_iam_role" "node" {
  name               = "tf-node"
  assume_role_policy = local.trust
}

resource "aws_eks_access_entry" "reader" {
  cluster_name      = data.aws_eks_cluster.demo.name
  principal_arn     = aws_iam_role.reader.arn
  kubernetes_groups = var.groups
  user_name         = var.username
  tags              = var.tags
}

resource "aws_eks_access_entry" "node" {
  cluster_name      = data.aws_eks_cluster.demo.name
  principal_arn     = aws_iam_role.node.arn
  type              = "EC2_LINUX"
  kubernetes_groups = var.node_groups
}

resource "aws_eks_access_policy_association" "view" {
  cluster_name  = aws_eks_access_entry.reader.cluster_name
  principal_arn = aws_eks_access_entry.reader.principal_arn
  policy_arn    = "${local.policies}/AmazonEKSViewPolicy"
  access_scope {
    type = "cluster"
  }
}

resource "aws_eks_access_policy_association" "edit" {
  cluster_name  = aws_eks_access_entry.reader.cluster_name
  principal_arn = aws_eks_access_entry.reader.principal_arn
  policy_arn    = "${local.policies}/AmazonEKSEditPolicy"
  access_scope {
    type       = "namespace"
    namespaces = var.namespaces
  }
}

data "aws_eks_access_entry" "reader" {
  cluster_name  = aws_eks_access_entry.reader.cluster_name
  principal_arn = aws_eks_access_entry.reader.principal_arn
}

output "mode" {
  value = data.aws_eks_cluster.demo.access_config[0].authentication_mode
}

output "username" {
  value = data.aws_eks_access_entry.reader.user_name
}

output "token" {
  value     = var.with_token ? data.aws_eks_cluster_auth.demo.token : null
  sensitive = true
}
