//! The first `k` of every `n`: what two faults mean by their parameters.

/// Whether the next one is among the first `k` of its group of `n`; `place` is where it stands there.
pub(super) fn is_next(place: &mut u32, k: u32, n: u32) -> bool {
    let is_among = *place < k;
    *place = (*place + 1) % n;
    is_among
}

/// What is wrong with such a pair of parameters.
pub(super) fn contradiction(k: u32, n: u32) -> Option<String> {
    (k > n).then(|| format!("k={k} of n={n} is more than there are"))
}
