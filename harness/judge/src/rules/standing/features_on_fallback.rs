//! A phone that is registered with its first server and with its fallback at once asks the fallback for
//! plain calls only: no SUBSCRIBE for message waiting or shared lines there, unless its profile has it
//! (YL-20, F-22).

use sipfarm_core::sip::Method;

use super::subscribes::package;
use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct FeaturesOnFallback;

impl Rule for FeaturesOnFallback {
    fn id(&self) -> &'static str {
        "features-on-fallback"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-20"]
    }

    fn about(&self) -> &'static str {
        "Of two bindings at once, the fallback's carries no subscription that the profile does without."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.registers_with_both() {
            return docket.close();
        }
        let last = case.names.order().len() - 1;
        let features = &case.profile.registration.features_on_fallback;
        let at_fallback = case.client.iter().filter(|exchange| case.place_of(exchange) == Some(last));
        for exchange in at_fallback {
            let package = package(exchange).filter(|package| !features.include(package));
            match (&exchange.method, package) {
                (Method::Subscribe, Some(package)) => {
                    let draft = docket.draft(format!("no SUBSCRIBE for {package} at the fallback"));
                    let seen = format!("packet {}", exchange.first().packet());
                    docket.add(draft.message(exchange.first()).seen(seen).fail());
                }
                // It is in use: now is when the phone might ask for more.
                (Method::Invite, _) if !case.profile.subscriptions.packages.is_empty() => {
                    docket.kept(exchange.first().packets);
                }
                _ => {}
            }
        }
        docket.close()
    }
}
