//! Who is calling: tokens, the local directory of IAM and STS.
