//! Sets of bytes that are asked about each byte of a text: one look into a table.

/// A set of bytes.
#[derive(Clone, Debug)]
pub struct ByteSet([bool; 256]);

impl ByteSet {
    /// The ASCII letters and digits, and these.
    #[must_use]
    pub const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = u8::MAX;
        // In a constant, there are neither iterators nor `get_mut`; each index is a byte.
        #[expect(
            clippy::indexing_slicing,
            reason = "worked out by the compiler, which refuses an index that is too large"
        )]
        loop {
            set[byte as usize] = byte.is_ascii_alphanumeric();
            if byte == 0 {
                break;
            }
            byte -= 1;
        }
        let mut rest = others;
        while let [first, after @ ..] = rest {
            #[expect(clippy::indexing_slicing, reason = "as above")]
            {
                set[*first as usize] = true;
            }
            rest = after;
        }
        Self(set)
    }

    /// Whether a byte belongs to it.
    #[must_use]
    pub fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of_and_nothing_else() {
        const SET: ByteSet = ByteSet::alphanumeric_and(b"-~");
        for byte in 0..=u8::MAX {
            assert_eq!(SET.contains(byte), byte.is_ascii_alphanumeric() || b"-~".contains(&byte), "{byte}");
        }
    }
}
