//! The words of an error of the Kubernetes client, on one line, with its causes, and short enough for a status line.

use std::error::Error;

const MAX_CHARACTERS: usize = 500;

/// What a request to an API server failed with.
pub(crate) fn of_client(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => shortened(&status.message),
        other => of(other),
    }
}

/// An error and its causes. A cause whose words its consequence repeats is left out.
pub(crate) fn of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    shortened(&text)
}

fn shortened(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.take(MAX_CHARACTERS).collect()
}
