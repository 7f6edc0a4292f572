//! A stream of SIP, cut into pieces: the first eight octets are their sizes, the next two the limits.
#![no_main]

use sipfarm_core::sip::FramerLimits;

#[path = "../../core/tests/properties/checks.rs"]
#[allow(dead_code)]
mod checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((head, stream)) = octets.split_first_chunk::<10>() else { return };
    let numbers = head.map(usize::from);
    let limits = FramerLimits { head_octets: 64 + 16 * numbers[8], body_octets: 16 * numbers[9] };
    checks::stream(stream, &numbers[..8], limits);
});
