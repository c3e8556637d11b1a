//! Writing XML. Every text is escaped; names of elements are the program's own.

/// An XML document in the making.
#[derive(Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// The outermost element, with its namespace.
    pub(crate) fn root(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        content(self);
        self.close(name);
    }

    /// An element with elements in it.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.open(name);
        content(self);
        self.close(name);
    }

    /// An element with text in it.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |xml| text.chars().for_each(|c| xml.push_escaped(c)));
    }

    /// A list: an element with a `member` for each item.
    pub(crate) fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.element(name, |xml| {
            for item in items {
                xml.element("member", |xml| write(xml, item));
            }
        });
    }

    /// A list of texts.
    pub(crate) fn texts<'a>(&mut self, name: &str, items: impl IntoIterator<Item = &'a str>) {
        self.element(name, |xml| items.into_iter().for_each(|item| xml.text("member", item)));
    }

    /// The document.
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn open(&mut self, name: &str) {
        self.0.push_str(&format!("<{name}>"));
    }

    fn close(&mut self, name: &str) {
        self.0.push_str(&format!("</{name}>"));
    }

    /// XML 1.0, section 2.2: most control characters cannot stand in a document, not even escaped. A carriage return
    /// is escaped because a parser would turn it into a line feed.
    fn push_escaped(&mut self, c: char) {
        match c {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            '\r' => self.0.push_str("&#13;"),
            '\t' | '\n' => self.0.push(c),
            '\0'..='\x1f' | '\u{FFFE}' | '\u{FFFF}' => self.0.push('\u{FFFD}'),
            _ => self.0.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_become_markup() {
        let mut xml = Xml::default();
        xml.text("a", "</a><b x=\"1\" y='2'>&amp;\r\n\0\u{1b}é");
        let expected = "<a>&lt;/a&gt;&lt;b x=&quot;1&quot; y=&#39;2&#39;&gt;&amp;amp;&#13;\n\u{FFFD}\u{FFFD}é</a>";
        assert_eq!(xml.into_string(), expected);
    }

    #[test]
    fn elements_nest_and_lists_have_members() {
        let mut xml = Xml::default();
        xml.root("R", "urn:x", |xml| {
            xml.list("L", [1, 2], |xml, n| xml.text("N", &n.to_string()));
            xml.texts("T", ["a"]);
        });
        let expected = r#"<R xmlns="urn:x"><L><member><N>1</N></member><member><N>2</N></member></L><T><member>a</member></T></R>"#;
        assert_eq!(xml.into_string(), expected);
    }
}
