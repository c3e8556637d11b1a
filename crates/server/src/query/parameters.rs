//! The parameters of a request, strictly read: each once, none that the operation does not know.
//!
//! AWS ignores what it does not know. Here that would be dangerous: somebody who sends `PermissionsBoundary` or a
//! session `Policy` wants to grant *less*, and must not be told that it worked.

use std::collections::BTreeMap;

use doorward_sigv4::query::pairs;

use super::error::ApiError;

/// No list in these APIs is longer.
const MAX_MEMBERS: usize = 100;

/// What makes a presigned request; not parameters of any operation.
const SIGNATURE_PARTS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The parameters that an operation has not taken yet.
#[derive(Clone)]
pub struct Parameters {
    action: String,
    left: BTreeMap<String, String>,
}

impl Parameters {
    /// Reads the query of a GET or the form of a POST. Only one of them may say what is asked.
    ///
    /// # Errors
    /// `MalformedQueryString` for what cannot be decoded without guessing or stands twice; `MissingAction`.
    pub fn read(query: &str, body: &[u8]) -> Result<Self, ApiError> {
        let malformed = |problem: &str| ApiError::sender("MalformedQueryString", 404, problem.to_owned());
        let body = std::str::from_utf8(body).map_err(|_| malformed("The body is not UTF-8."))?;
        let decode =
            |raw: &str| pairs(raw).map_err(|error| malformed(&format!("The parameters are malformed: {error}.")));
        let mut of_query = decode(query)?;
        of_query.retain(|(name, _)| !SIGNATURE_PARTS.contains(&name.as_str()));
        let of_body = decode(body)?;
        if !of_query.is_empty() && !of_body.is_empty() {
            return Err(malformed("Parameters stand both in the query and in the body."));
        }
        let mut left = BTreeMap::new();
        for (name, value) in of_query.into_iter().chain(of_body) {
            if left.insert(name, value).is_some() {
                return Err(malformed("A parameter stands twice."));
            }
        }
        let action = left.remove("Action");
        let action = action.ok_or_else(|| ApiError::sender("MissingAction", 400, "The request has no action."))?;
        Ok(Self { action, left })
    }

    /// The operation that is asked for.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// A parameter, left where it is.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.left.get(name).map(String::as_str)
    }

    /// A parameter, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    /// A parameter that must be there.
    pub(crate) fn require(&mut self, name: &str) -> Result<String, ApiError> {
        self.take(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number, if it is there: digits, without a sign.
    pub(crate) fn take_number(&mut self, name: &str) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => Ok(Some(number)),
            _ => Err(ApiError::validation(format!("The value of {name} is not a whole number."))),
        }
    }

    /// `NAME.member.1`, `NAME.member.2`, … without gaps. An empty list is sent as `NAME` without a value.
    pub(crate) fn take_list(&mut self, name: &str) -> Result<Vec<String>, ApiError> {
        self.take_members(name, |parameters, member| Ok(parameters.take(member)))
    }

    /// `NAME.member.1.Key` with `NAME.member.1.Value`, and so on.
    pub(crate) fn take_pairs(&mut self, name: &str) -> Result<Vec<(String, String)>, ApiError> {
        self.take_members(name, |parameters, member| {
            match (parameters.take(&format!("{member}.Key")), parameters.take(&format!("{member}.Value"))) {
                (Some(key), Some(value)) => Ok(Some((key, value))),
                (None, None) => Ok(None),
                (None, Some(_)) => Err(ApiError::missing(&format!("{member}.Key"))),
                (Some(_), None) => Err(ApiError::missing(&format!("{member}.Value"))),
            }
        })
    }

    fn take_members<T>(
        &mut self,
        name: &str,
        take: impl Fn(&mut Self, &str) -> Result<Option<T>, ApiError>,
    ) -> Result<Vec<T>, ApiError> {
        if self.left.get(name).is_some_and(String::is_empty) {
            self.left.remove(name);
        }
        let mut members = Vec::new();
        for number in 1..=MAX_MEMBERS {
            match take(self, &format!("{name}.member.{number}"))? {
                Some(member) => members.push(member),
                None => break,
            }
        }
        Ok(members)
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(128).flat_map(char::escape_debug).collect();
                Err(ApiError::validation(format!("The parameter {name} is not supported by {}.", self.action)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(query in ".{0,80}", body in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(mut parameters) = Parameters::read(&query, &body) {
                let _ = parameters.take_list("Tags");
                let _ = parameters.take_pairs("Tags");
            }
        }
    }

    fn read(body: &str) -> Parameters {
        Parameters::read("", body.as_bytes()).unwrap()
    }

    fn code(query: &str, body: &str) -> &'static str {
        Parameters::read(query, body.as_bytes()).err().unwrap().code
    }

    #[test]
    fn lists_are_read_in_the_order_of_their_numbers() {
        let mut parameters = read("Action=A&K.member.2=b&K.member.1=a&T.member.1.Value=v+1&T.member.1.Key=k%20&E=");
        assert_eq!(parameters.take_list("K").unwrap(), ["a", "b"]);
        assert_eq!(parameters.take_pairs("T").unwrap(), [("k ".to_owned(), "v 1".to_owned())]);
        assert!(parameters.take_list("E").unwrap().is_empty());
        assert!(parameters.finish().is_ok());
    }

    #[test]
    fn what_nobody_understands_is_refused() {
        for body in
            ["Action=A&K.member.2=b", "Action=A&K.member.01=b", "Action=A&K.member.1.x=b", "Action=A&k.member.1=b"]
        {
            let mut parameters = read(body);
            assert!(parameters.take_list("K").unwrap().is_empty());
            assert_eq!(parameters.finish().unwrap_err().code, "ValidationError", "{body}");
        }
        assert!(read("Action=A&T.member.1.Key=k").take_pairs("T").is_err());
        assert!(read("Action=A&T.member.1.Value=k").take_pairs("T").is_err());
    }

    #[test]
    fn a_request_says_one_thing() {
        assert_eq!(code("", "Action=A&Action=A"), "MalformedQueryString");
        assert_eq!(code("Action=A", "Action=B"), "MalformedQueryString");
        assert_eq!(code("", "Action=A&x=%zz"), "MalformedQueryString");
        assert_eq!(code("", "Action=A;x=1"), "MalformedQueryString");
        assert_eq!(code("", "Version=1"), "MissingAction");
        assert_eq!(code("", "action=A"), "MissingAction");
        assert_eq!(Parameters::read("", b"Action=\xff").err().unwrap().code, "MalformedQueryString");
        assert!(Parameters::read("Action=A&X-Amz-Signature=0", b"").unwrap().finish().is_ok());
        assert_eq!(Parameters::read("X-Amz-Signature=0", b"Action=B").unwrap().action(), "B");
    }

    #[test]
    fn a_number_has_digits_only() {
        assert_eq!(read("Action=A&N=900").take_number("N").unwrap(), Some(900));
        assert_eq!(read("Action=A").take_number("N").unwrap(), None);
        for text in ["", "%2B900", "-1", "9e2", "900.0", "4294967296", "+900"] {
            assert!(read(&format!("Action=A&N={text}")).take_number("N").is_err(), "{text}");
        }
    }
}
