//! AWS Signature Version 4: canonical request, signing and verification, without IO.
