//! The certificate is from the right authority for the right host, and its time is over since 2021-01-01.
//! RFC 8446 section 6.2 has the phone answer with the alert certificate_expired (45).
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::{CertificateFlaw, TlsManner};

use super::Rule;
use super::declare::fault;

fault! {
    /// Shows a certificate whose time is over.
    pub struct TlsExpired = "tls-expired", acts on Ports {}
}

impl Rule for TlsExpired {
    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Certificate(CertificateFlaw::Expired))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::refuses_its_certificate;

    #[test]
    fn the_phone_ends_the_handshake_with_an_alert_and_the_right_certificate_comes_back() {
        refuses_its_certificate("tls-expired", 45);
    }
}
