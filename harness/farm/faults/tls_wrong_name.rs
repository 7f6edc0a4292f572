//! The certificate is from the right authority and in its time, but for `elsewhere.example`. Whoever was
//! sent to an address or a domain must not take another for it (RFC 5922 section 7.3), and answers with
//! bad_certificate (42) or the like.
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::{CertificateFlaw, TlsManner};

use super::Rule;
use super::declare::fault;

fault! {
    /// Shows a certificate that is for somebody else.
    pub struct TlsWrongName = "tls-wrong-name", acts on Ports {}
}

impl Rule for TlsWrongName {
    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Certificate(CertificateFlaw::WrongName))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::refuses_its_certificate;

    #[test]
    fn the_phone_ends_the_handshake_with_an_alert_and_the_right_certificate_comes_back() {
        refuses_its_certificate("tls-wrong-name", 42);
    }
}
