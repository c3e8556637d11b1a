//! Randomness as an argument, so that everything which makes ids and keys can be repeated in a test.

/// Where random bytes come from.
pub trait Random {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// If the source has none to give; nothing may then be made.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's generator, for everything that is not a test.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|_| RandomError)
    }
}

impl<F: FnMut(&mut [u8]) -> Result<(), RandomError>> Random for F {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self(bytes)
    }
}

/// The source gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct RandomError;

/// Upper-case base 32, as in every id that IAM gives out. 32 divides 256, so each character is equally likely.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A prefix such as `AROA`, and `length` random characters after it.
pub(crate) fn random_id(prefix: &str, length: usize, random: &mut dyn Random) -> Result<String, RandomError> {
    let mut bytes = vec![0_u8; length];
    random.fill(&mut bytes)?;
    let tail = bytes.iter().filter_map(|byte| ID_ALPHABET.get(usize::from(byte & 31)).copied().map(char::from));
    Ok(prefix.chars().chain(tail).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Bytes that never repeat within a test and are the same in every run.
    pub(crate) fn counting() -> impl Random {
        let mut state: u64 = 1;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[1];
            }
            Ok(())
        }
    }

    #[test]
    fn an_id_has_its_prefix_and_only_upper_case_base_32() {
        let id = random_id("AROA", 17, &mut OsRandom).unwrap();
        assert_eq!(id.len(), 21);
        assert!(id.strip_prefix("AROA").unwrap().bytes().all(|byte| ID_ALPHABET.contains(&byte)));
        assert_ne!(id, random_id("AROA", 17, &mut OsRandom).unwrap());
    }
}
