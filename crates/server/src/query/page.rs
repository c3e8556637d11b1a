//! Pages of lists: `MaxItems` and `Marker`.
//!
//! A marker is the name that the page before ended with. So pages neither repeat nor skip what was there all along,
//! whatever is made or deleted in between, and the server remembers nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ApiError;
use super::parameters::Parameters;
use super::xml::Xml;

/// One page of a list.
pub(crate) struct Page {
    after: Option<String>,
    size: usize,
}

impl Page {
    /// Reads `Marker` and `MaxItems`: 1 to 1,000, 100 where nobody says.
    pub(crate) fn read(parameters: &mut Parameters) -> Result<Self, ApiError> {
        let size = match parameters.take_number("MaxItems")?.unwrap_or(100) {
            size @ 1..=1_000 => size as usize,
            _ => return Err(ApiError::validation("The value of MaxItems must be between 1 and 1000.".to_owned())),
        };
        let invalid = || ApiError::validation("The value of Marker is not one that this list gave.".to_owned());
        let after = match parameters.take("Marker") {
            None => None,
            Some(marker) => {
                let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| invalid())?;
                Some(String::from_utf8(bytes).map_err(|_| invalid())?)
            }
        };
        Ok(Self { after, size })
    }

    /// The items of this page and the marker of the next. `items` come in the order of `key`.
    pub(crate) fn of<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let is_later = |item: &T| self.after.as_ref().is_none_or(|after| key(item) > *after);
        let mut rest = items.filter(is_later);
        let page: Vec<T> = rest.by_ref().take(self.size).collect();
        let has_more = rest.next().is_some();
        let marker = page.last().filter(|_| has_more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        (page, marker)
    }

    /// Writes whether there is more.
    pub(crate) fn write_marker(xml: &mut Xml, marker: Option<&str>) {
        xml.text("IsTruncated", if marker.is_some() { "true" } else { "false" });
        if let Some(marker) = marker {
            xml.text("Marker", marker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, ApiError> {
        Page::read(&mut Parameters::read("", format!("Action=A{query}").as_bytes()).unwrap())
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let items = ["a", "b", "c", "d", "e"];
        let (mut seen, mut marker) = (Vec::<&&str>::new(), String::new());
        loop {
            let (found, next) =
                page(&format!("&MaxItems=2{marker}")).unwrap().of(items.iter(), |item| item.to_string());
            seen.extend(found);
            match next {
                Some(next) => marker = format!("&Marker={next}"),
                None => break,
            }
        }
        assert_eq!(seen, items.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        for query in ["&MaxItems=0", "&MaxItems=1001", "&MaxItems=-1", "&Marker=%3D", "&Marker=_w"] {
            assert!(page(query).is_err(), "{query}");
        }
    }
}
