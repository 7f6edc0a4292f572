//! The certificate names the right host and is in its time, but nobody vouches for it. RFC 8446 section 6.2
//! has the phone answer with unknown_ca (48) or bad_certificate (42).
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::{CertificateFlaw, TlsManner};

use super::Rule;
use super::declare::fault;

fault! {
    /// Shows a certificate that has signed itself.
    pub struct TlsSelfSigned = "tls-self-signed", acts on Ports {}
}

impl Rule for TlsSelfSigned {
    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Certificate(CertificateFlaw::SelfSigned))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::refuses_its_certificate;

    #[test]
    fn the_phone_ends_the_handshake_with_an_alert_and_the_right_certificate_comes_back() {
        refuses_its_certificate("tls-self-signed", 48);
    }
}
