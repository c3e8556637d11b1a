//! Making inputs of other inputs: small changes, pieces of several, words of all.
//!
//! Not guided by coverage, which needs a nightly compiler; what makes up for it in part is that the corpora hold an
//! input for every outcome, and that words and pieces of all of them are put together.

/// A small and fast source of numbers, the same for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % (end.max(1) as u64)).unwrap_or(0)
    }
}

/// No input is longer, so that a run is many inputs.
const MAX_LENGTH: usize = 20_000;

/// Bytes that mean something to some reader, or stand where its patience ends.
const ODD: [&[u8]; 22] = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"%",
    b"%2f",
    b"%00",
    b"%c3%a9",
    b"+",
    b";",
    b"//",
    b"..",
    b"*",
    b"\\",
    b"\"",
    b"'",
    b"{{",
    b"\xc3\xa9",
    b"\xff",
    b"\xe2\x80\xa8",
];

/// Makes new inputs of given ones.
#[derive(Clone, Debug)]
pub struct Mutator {
    inputs: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// Takes the inputs to start from. There is always the empty one.
    pub fn new(inputs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut inputs: Vec<Vec<u8>> = inputs.into_iter().collect();
        inputs.push(Vec::new());
        let mut words: Vec<Vec<u8>> = inputs
            .iter()
            .flat_map(|input| input.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-'))
            .filter(|word| (2..=40).contains(&word.len()))
            .map(<[u8]>::to_vec)
            .collect();
        words.sort();
        words.dedup();
        Self { inputs, words }
    }

    /// Adds an input to start from.
    pub fn keep(&mut self, input: Vec<u8>) {
        self.inputs.push(input);
    }

    /// A new input.
    pub fn make(&self, numbers: &mut Numbers) -> Vec<u8> {
        let mut input = self.one_of(numbers).to_vec();
        for _ in 0..=numbers.below(4) {
            self.change(&mut input, numbers);
        }
        input.truncate(MAX_LENGTH);
        input
    }

    fn one_of(&self, numbers: &mut Numbers) -> &[u8] {
        self.inputs.get(numbers.below(self.inputs.len())).map_or(&[], Vec::as_slice)
    }

    fn change(&self, input: &mut Vec<u8>, numbers: &mut Numbers) {
        let (from, to) = range(input.len(), numbers);
        match numbers.below(10) {
            0 => replace(input, from, from + 1, &[numbers.draw().to_le_bytes()[0]]),
            1 => replace(input, from, from, &[numbers.draw().to_le_bytes()[0]]),
            2 => replace(input, from, to, b""),
            3 => {
                let piece = input.get(from..to).unwrap_or_default().to_vec();
                replace(input, from, from, &piece);
            }
            4 => {
                let odd = ODD.get(numbers.below(ODD.len())).copied().unwrap_or_default();
                replace(input, from, from + numbers.below(2), odd);
            }
            5 => {
                let word = self.words.get(numbers.below(self.words.len())).cloned().unwrap_or_default();
                replace(input, from, from, &word);
            }
            6 => {
                // A word in the place of a word.
                let word = self.words.get(numbers.below(self.words.len())).cloned().unwrap_or_default();
                let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
                let rest = input.get(from..).unwrap_or_default();
                let end = from + rest.iter().take_while(|byte| is_in_word(byte)).count();
                let before = input.get(..from).unwrap_or_default();
                let start = from - before.iter().rev().take_while(|byte| is_in_word(byte)).count();
                replace(input, start, end, &word);
            }
            7 => {
                let other = self.one_of(numbers);
                let (start, end) = range(other.len(), numbers);
                let piece = other.get(start..end).unwrap_or_default().to_vec();
                replace(input, from, to, &piece);
            }
            8 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            _ => {
                let piece = input.get(from..to).unwrap_or_default();
                let times = 1 << numbers.below(10);
                let many = piece.repeat(times.min(MAX_LENGTH / piece.len().max(1)));
                replace(input, from, to, &many);
            }
        }
    }
}

/// Mostly a short range, within the length.
fn range(length: usize, numbers: &mut Numbers) -> (usize, usize) {
    let from = numbers.below(length + 1);
    let longest = if numbers.below(4) == 0 { length - from } else { (length - from).min(12) };
    (from, from + numbers.below(longest + 1))
}

fn replace(input: &mut Vec<u8>, from: usize, to: usize, with: &[u8]) {
    let to = to.min(input.len());
    let from = from.min(to);
    input.splice(from..to, with.iter().copied());
}
