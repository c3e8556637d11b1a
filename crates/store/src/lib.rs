//! A small key-value contract with revisions and watch, on SQLite.
