//! A finding with its place in the file that it was found in.

use std::path::Path;

use doorward_core::aws_auth::Section;
use doorward_core::lint::Diagnostic;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::super::document::{Document, TextPlace};

/// A finding.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) diagnostic: Diagnostic,
    /// The file, where there is one.
    pub(super) file: Option<String>,
    /// Line and column in the file, from 1; none where the file does not have the section's lines as lines.
    pub(super) in_file: Option<(usize, usize)>,
}

/// Where the sections stand in a file.
#[derive(Debug, Default)]
pub(super) struct Places {
    file: Option<String>,
    sections: Vec<(Section, TextPlace)>,
}

impl Places {
    /// Those of a file.
    pub(super) fn of_file(path: &Path, document: &Document) -> Self {
        let sections = Section::ALL.into_iter();
        let place = |section: Section| {
            // A misspelt section is told under its right name.
            let near = document.data().keys().find(|key| key.eq_ignore_ascii_case(section.key()));
            let key = if document.data().contains_key(section.key()) { section.key() } else { near? };
            Some((section, document.place_of(key)?))
        };
        Self { file: Some(path.display().to_string()), sections: sections.filter_map(place).collect() }
    }
}

impl Finding {
    /// The diagnostic, with its place.
    pub(super) fn new(diagnostic: Diagnostic, places: &Places) -> Self {
        let is_its = |(section, _): &&(Section, TextPlace)| Some(*section) == diagnostic.section;
        let place = places.sections.iter().find(is_its).map(|(_, place)| place);
        let in_file = place.map(|place| (place.head + diagnostic.line, place.indent + diagnostic.column));
        Self { diagnostic, file: places.file.clone(), in_file }
    }

    /// Where it is, for people: `aws-auth.yaml:12:5`, `mapRoles:3:1`, or the ConfigMap.
    pub(super) fn place(&self) -> String {
        let file = self.file.as_deref().filter(|file| *file != "-");
        match (self.in_file, file, self.diagnostic.section) {
            (Some((line, column)), Some(file), _) => format!("{file}:{line}:{column}"),
            (Some((line, column)), None, _) => format!("{line}:{column}"),
            (None, _, Some(section)) => format!("{section}:{}:{}", self.diagnostic.line, self.diagnostic.column),
            (None, Some(file), None) => file.to_owned(),
            (None, None, None) => "aws-auth".to_owned(),
        }
    }

    /// The row, for people.
    pub(super) fn row(&self) -> String {
        match (self.diagnostic.section, self.diagnostic.row) {
            (Some(section), Some(row)) => format!("{section}, row {}", row + 1),
            (Some(section), None) => section.to_string(),
            (None, _) => String::new(),
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Diagnostic { code, severity, section, row, line, column, message, consequence, fix, fixable } =
            &self.diagnostic;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", code)?;
        map.serialize_entry("name", code.rule().name)?;
        map.serialize_entry("severity", severity)?;
        if let Some(file) = &self.file {
            map.serialize_entry("file", file)?;
        }
        if let Some((line, column)) = self.in_file {
            map.serialize_entry("line", &line)?;
            map.serialize_entry("column", &column)?;
        }
        if let Some(section) = section {
            map.serialize_entry("section", section)?;
            // As messages count them.
            if let Some(row) = row {
                map.serialize_entry("row", &(row + 1))?;
            }
            map.serialize_entry("sectionLine", line)?;
            map.serialize_entry("sectionColumn", column)?;
        }
        map.serialize_entry("message", message)?;
        map.serialize_entry("consequence", consequence)?;
        map.serialize_entry("fix", fix)?;
        map.serialize_entry("fixable", fixable)?;
        map.end()
    }
}
