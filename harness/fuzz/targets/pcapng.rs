//! A capture file, read and judged as `sipfarm audit` does.
#![no_main]

use sipfarm::capture::read;

#[path = "../../tests/support/audited.rs"]
mod audited;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    audited::packets(file);
});
