//! Reading XML that a service of AWS answers, as a tree of elements: EC2 and IAM speak nothing else.
//!
//! Attributes, comments and instructions mean nothing there. Document types are refused, so that there are no entities
//! but the five of XML itself, and elements nest only so deep.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Deeper than anything that EC2 answers, and far from what a stack holds.
const MAX_DEPTH: usize = 32;

/// An element. Its name is without prefix.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// What cannot be read as one element.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct XmlError;

impl Element {
    /// Reads a document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError)?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|_| XmlError)? {
                Event::Start(start) if open.len() <= MAX_DEPTH => {
                    open.push(Self { name: local_name(start.local_name().as_ref())?, ..Self::default() });
                }
                Event::Start(_) | Event::DocType(_) => return Err(XmlError),
                Event::Empty(empty) => {
                    let child = Self { name: local_name(empty.local_name().as_ref())?, ..Self::default() };
                    open.last_mut().ok_or(XmlError)?.children.push(child);
                }
                // That the name is the one that was opened, the reader has seen to.
                Event::End(_) => {
                    let child = open.pop().ok_or(XmlError)?;
                    open.last_mut().ok_or(XmlError)?.children.push(child);
                }
                Event::Text(text) => open.last_mut().ok_or(XmlError)?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut().ok_or(XmlError)?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref().map_err(|_| XmlError)? {
                        Some(character) => character,
                        None => entity(&reference.xml10_content()).ok_or(XmlError)?,
                    };
                    open.last_mut().ok_or(XmlError)?.text.push(character);
                }
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => break,
            }
        }
        let document = open.pop().filter(|document| open.is_empty() && document.text.trim().is_empty());
        let mut roots = document.ok_or(XmlError)?.children.into_iter();
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok(root),
            _ => Err(XmlError),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its own text, without surrounding white space.
    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }

    /// The child of that name, if there is exactly one.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        match (found.next(), found.next()) {
            (Some(child), None) => Some(child),
            _ => None,
        }
    }

    /// The children named `item` (EC2) or `member` (IAM) of the one child of that name; none if that is not there.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &Self> {
        let children = self.child(name).map_or(&[][..], |list| &list.children);
        children.iter().filter(|child| matches!(child.name(), "item" | "member"))
    }
}

fn local_name(name: impl AsRef<[u8]>) -> Result<String, XmlError> {
    std::str::from_utf8(name.as_ref()).map(str::to_owned).map_err(|_| XmlError)
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_its_elements() {
        let xml = "<?xml version=\"1.0\"?>\n<a xmlns=\"urn:x\"><!-- c --><b> x&amp;&#65; </b><l><item>1</item><other/><item><b>2</b></item></l><e/></a>\n";
        let root = Element::parse(xml.as_bytes()).unwrap();
        assert_eq!((root.name(), root.child("b").unwrap().text()), ("a", "x&A"));
        assert_eq!(root.list("l").map(Element::text).collect::<Vec<_>>(), ["1", ""]);
        assert_eq!(root.child("e").unwrap().text(), "");
        assert!(root.child("c").is_none() && root.list("none").next().is_none());
        assert!(Element::parse(b"<a><b/><b/></a>").unwrap().child("b").is_none(), "two are not one");
    }

    #[test]
    fn what_is_no_single_element_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        for xml in [
            "",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<a>&unknown;</a>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
            "<html><br></html>",
            "<a>&#xFFFFFFFF;</a>",
            deep.as_str(),
        ] {
            assert_eq!(Element::parse(xml.as_bytes()), Err(XmlError), "{xml}");
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), Err(XmlError));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = Element::parse(&bytes);
        }

        #[test]
        fn no_tags_make_it_panic(text in "[<>/&;!a-c\\[\\]?\"'= -]{0,60}") {
            let _ = Element::parse(text.as_bytes());
        }
    }
}
