//! A list that nearly always has one element, and then no allocation of its own.

/// Elements in their order. One is `One`, so that equal lists are equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Few<T> {
    /// Exactly one.
    One(T),
    /// Any other number.
    Others(Box<[T]>),
}

impl<T> Few<T> {
    /// All of them.
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Others(all) => all,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut all = all.into_iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Self::One(one),
            (first, second) => Self::Others(first.into_iter().chain(second).chain(all).collect()),
        }
    }
}
