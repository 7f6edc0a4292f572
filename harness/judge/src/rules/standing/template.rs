//! Say here what the phone must do, and where that stands: an RFC with its section, a requirement id.

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct Template;

impl Rule for Template {
    fn id(&self) -> &'static str {
        "template"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 8.1.1.6"]
    }

    fn about(&self) -> &'static str {
        "Say in one sentence what the phone must do."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        // What the phone asked, each with its repetitions and what came of it; `case` has more.
        for exchange in &case.client {
            let request = exchange.first();
            if request.message.header("Max-Forwards").is_some() {
                docket.kept(request.packets);
                continue;
            }
            // First ask what else would explain the packets: see "How a rule accuses" in ../README.md.
            let draft = docket.draft(format!("{} with Max-Forwards", exchange.what(&case.names)));
            docket.add(draft.seen("none").message(request).fail());
        }
        docket.close()
    }
}
