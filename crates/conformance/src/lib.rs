//! Real SDKs against a running server; not a default member. Everything is in `tests/`.
