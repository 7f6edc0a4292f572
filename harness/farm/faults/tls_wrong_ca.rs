//! The certificate names the right host and is in its time, but an authority has signed it that no phone was
//! told to trust. RFC 8446 section 6.2 has the phone answer with the alert unknown_ca (48).
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::{CertificateFlaw, TlsManner};

use super::Rule;
use super::declare::fault;

fault! {
    /// Shows a certificate from an authority that nobody trusts.
    pub struct TlsWrongCa = "tls-wrong-ca", acts on Ports {}
}

impl Rule for TlsWrongCa {
    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Certificate(CertificateFlaw::WrongCa))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::refuses_its_certificate;

    #[test]
    fn the_phone_ends_the_handshake_with_an_alert_and_the_right_certificate_comes_back() {
        refuses_its_certificate("tls-wrong-ca", 48);
    }
}
