//! The next server gets the same request with another branch (RFC 3263 section 4.3; YL-02).

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct SameRequest;

impl Rule for SameRequest {
    fn id(&self) -> &'static str {
        "same-request"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3263 4.3", "YL-02"]
    }

    fn about(&self) -> &'static str {
        "A request that is repeated at the next server has the same body."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for attempt in &case.attempts {
            for pair in attempt.exchanges.windows(2) {
                let (before, after) = (&case.client[pair[0]], &case.client[pair[1]]);
                // With a Call-ID of its own it is another request, and may have another offer.
                if before.to == after.to || before.first().call_id != after.first().call_id {
                    continue;
                }
                if before.first().message.body == after.first().message.body {
                    docket.kept(after.first().packets);
                    continue;
                }
                let draft = docket.draft(format!(
                    "{} with the body of packet {}",
                    after.what(&case.names),
                    before.first().packet()
                ));
                docket.add(draft.seen("another body").message(before.first()).message(after.first()).fail());
            }
        }
        docket.close()
    }
}
