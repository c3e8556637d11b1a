//! Answers that may be missing: yes, no, or not certain.
//!
//! What a policy says in words that are not understood here is neither true nor false. `None` is carried to the
//! statement, where it keeps an `Allow` from granting and a `Deny` from being ignored.

use super::fuel::Fuel;

/// Whether one of the answers is yes; not certain if none is and one of them is missing, or if the fuel is used up before
/// all have been asked for.
pub(super) fn any(fuel: &Fuel, answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut outcome = Some(false);
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None if fuel.is_used_up() => return None,
            None => outcome = None,
        }
    }
    outcome
}

/// Whether all answers are yes; not certain if none is no and one of them is missing.
pub(super) fn all(fuel: &Fuel, answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    not(any(fuel, answers.into_iter().map(not)))
}

/// The opposite, as far as it is certain.
pub(super) fn not(answer: Option<bool>) -> Option<bool> {
    answer.map(|answer| !answer)
}

/// The opposite or the answer itself.
pub(super) fn negated_if(negated: bool, answer: Option<bool>) -> Option<bool> {
    if negated { not(answer) } else { answer }
}
