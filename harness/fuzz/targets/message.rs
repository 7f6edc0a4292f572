//! A datagram as a SIP message.
#![no_main]

#[path = "../../core/tests/properties/checks.rs"]
#[allow(dead_code)]
mod checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::datagram(octets));
