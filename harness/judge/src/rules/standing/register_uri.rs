//! The Request-URI of REGISTER names the domain of the registrar and nobody in it: it has no user part
//! (RFC 3261 section 10.2). Who is registered stands in To.

use sipfarm_core::sip::{Contact, Method, Uri};

use crate::case::{Case, Seen, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct RegisterUri;

impl Rule for RegisterUri {
    fn id(&self) -> &'static str {
        "register-uri"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 10.2"]
    }

    fn about(&self) -> &'static str {
        "The Request-URI of REGISTER has no user part."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let mut told: Vec<&str> = Vec::new();
        for exchange in case.client.iter().filter(|exchange| exchange.method == Method::Register) {
            let request = exchange.first();
            // What cannot be read is a matter of `well-formed`.
            let Some((text, uri)) =
                request.message.request_uri().and_then(|text| Some((text, Uri::parse(text)?)))
            else {
                continue;
            };
            if uri.user.is_none() || is_redirected(case, request, text) {
                docket.kept(request.packets);
            } else if !told.contains(&text) {
                // It stands in every REGISTER of such a phone: once is enough.
                told.push(text);
                let draft =
                    docket.draft(format!("{} with a Request-URI without a user", exchange.what(&case.names)));
                docket
                    .add(draft.seen(format!("{text} (packet {})", request.packet())).message(request).fail());
            }
        }
        docket.close()
    }
}

/// Whether a 3xx to an earlier REGISTER has led there (RFC 3261 section 8.1.3.4).
fn is_redirected(case: &Case<'_>, request: &Seen<'_>, uri: &str) -> bool {
    let earlier = case.client.iter().filter(|e| e.method == Method::Register && e.t0() < request.at);
    let redirections = earlier.flat_map(|exchange| exchange.finals()).filter(|r| status(r) / 100 == 3);
    let contacts = redirections.flat_map(|response| response.message.contacts());
    let mut uris = contacts.filter_map(|contact| match contact {
        Contact::Addr(addr) => Some(addr.uri),
        Contact::Star => None,
    });
    uris.any(|contact| {
        contact == uri || Uri::parse(&contact).zip(Uri::parse(uri)).is_some_and(|(a, b)| a.is_equivalent(&b))
    })
}
