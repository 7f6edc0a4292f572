//! Where the checks of one header field leave what they find.

use super::super::defect::{Defect, DefectKind};
use super::super::header::{Header, canonical_name};

/// The defects of one header field.
pub(super) struct Sink<'a> {
    field: &'a Header,
    found: &'a mut Vec<Defect>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(field: &'a Header, found: &'a mut Vec<Defect>) -> Self {
        Sink { field, found }
    }

    /// Notes a defect; the detail begins with the name of the field.
    pub(super) fn add(&mut self, kind: DefectKind, detail: impl AsRef<str>) {
        let detail = format!("{}: {}", canonical_name(&self.field.name), detail.as_ref());
        self.found.push(Defect::new(kind, self.field.span.clone(), detail));
    }

    /// Notes that the value breaks its grammar, unless it is sound.
    pub(super) fn require(&mut self, sound: bool, value: &str, what: &str) {
        if !sound {
            self.add(DefectKind::BadHeaderValue, format!("{value:?} is not {what}"));
        }
    }

    /// Passes on what a check of a part said.
    pub(super) fn take(&mut self, result: Result<(), (DefectKind, String)>) {
        if let Err((kind, detail)) = result {
            self.add(kind, detail);
        }
    }
}
