//! A DNS message, and a stream of them that is cut into pieces: the first four octets are their sizes.
#![no_main]

#[path = "../../core/tests/properties/checks.rs"]
#[allow(dead_code)]
mod checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((sizes, message)) = octets.split_first_chunk::<4>() else { return };
    checks::dns(message, &sizes.map(usize::from));
});
