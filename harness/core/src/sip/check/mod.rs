//! What is wrong with a message whose parts have been read.

mod uri;

use super::defect::{Defect, DefectKind};
use super::header::same_header;
use super::message::Message;

pub(super) use uri::request_uri;

pub(super) fn message(message: &mut Message) {
    let mut numbers = std::collections::BTreeSet::new();
    for field in message.headers.iter().filter(|header| same_header(&header.name, "Content-Length")) {
        let number = field.value.parse::<u32>().ok();
        numbers.insert(number);
        if number.is_none() || numbers.len() > 1 {
            let detail = format!("Content-Length: {:?}", field.value);
            message.defects.push(Defect::new(DefectKind::BadContentLength, field.span.clone(), detail));
        }
    }
}
