//! Certificates: the authority that phones trust, and what the nodes of the farm show. For tests only;
//! the keys are made from constants, so that a run needs no file and its captures are alike.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ED25519, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sipfarm_core::machine::CertificateFlaw;

/// The name of the authority.
const AUTHORITY: &str = "sipfarm test authority";
/// That of the one that nobody trusts.
const STRANGER: &str = "an authority that nobody trusts";
/// The name in a certificate that is for somebody else.
const SOMEBODY_ELSE: &str = "elsewhere.example";

/// What a node shows, with the key to it.
pub(super) struct Shown {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// The certificate of the authority that phones are to trust.
pub fn authority_pem() -> Result<String, rcgen::Error> {
    Ok(authority_params(AUTHORITY)?.self_signed(&key(1)?)?.pem())
}

/// The same for rustls.
pub(super) fn authority() -> Result<CertificateDer<'static>, rcgen::Error> {
    Ok(authority_params(AUTHORITY)?.self_signed(&key(1)?)?.der().clone())
}

/// The certificate of a node at that address with those domains, wrong in one way or right.
pub(super) fn shown(
    address: IpAddr,
    domains: &[String],
    flaw: Option<CertificateFlaw>,
) -> Result<Shown, rcgen::Error> {
    let own = key(3)?;
    let params = node_params(address, domains, flaw)?;
    let certificate = match flaw {
        Some(CertificateFlaw::SelfSigned) => params.self_signed(&own)?,
        Some(CertificateFlaw::WrongCa) => {
            params.signed_by(&own, &Issuer::new(authority_params(STRANGER)?, key(2)?))?
        }
        _ => params.signed_by(&own, &Issuer::new(authority_params(AUTHORITY)?, key(1)?))?,
    };
    let key = PrivateKeyDer::Pkcs8(own.serialize_der().into());
    Ok(Shown { chain: vec![certificate.der().clone()], key })
}

fn authority_params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(name, 2120)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn node_params(
    address: IpAddr,
    domains: &[String],
    flaw: Option<CertificateFlaw>,
) -> Result<CertificateParams, rcgen::Error> {
    let last_year = if flaw == Some(CertificateFlaw::Expired) { 2021 } else { 2120 };
    let mut params = params(&address.to_string(), last_year)?;
    params.subject_alt_names = match flaw {
        Some(CertificateFlaw::WrongName) => vec![SanType::DnsName(SOMEBODY_ELSE.try_into()?)],
        _ => {
            let domains = domains.iter().map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
            let domains: Result<Vec<_>, rcgen::Error> = domains.collect();
            std::iter::once(SanType::IpAddress(address)).chain(domains?).collect()
        }
    };
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(name: &str, last_year: i32) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(last_year, 1, 1));
    // Positive, and another for each name, as RFC 5280 section 4.1.2.2 has it.
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{name} {last_year}").as_bytes());
    let serial: Vec<u8> = std::iter::once(1).chain(digest.as_ref()[..8].iter().copied()).collect();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// An Ed25519 key (RFC 8032), for its signatures draw nothing at random. Around it stands PKCS #8
/// (RFC 8410 section 7).
fn key(number: u8) -> Result<KeyPair, rcgen::Error> {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let octets = [head.as_slice(), &[number; 32]].concat();
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(octets), &PKCS_ED25519)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_authority_in_fixtures_is_the_one_that_signs() {
        let fixture = include_str!("../../../fixtures/tls/authority.pem").replace('\r', "");
        let made = authority_pem().unwrap().replace('\r', "");
        assert_eq!(fixture, made, "fixtures/tls/authority.pem should be:\n{made}");
    }
}
