//! What was sent more than once: the same message from the same sender to the same receiver.

use std::collections::BTreeMap;

use super::What;
use super::rows::{Found, Same};

/// Writes into each arrow that stands more than once which of how many it is.
pub fn number(rows: &mut [Found]) {
    let mut totals: BTreeMap<Same, usize> = BTreeMap::new();
    for key in rows.iter().filter_map(|found| found.same.clone()) {
        *totals.entry(key).or_default() += 1;
    }
    let mut seen: BTreeMap<Same, (usize, u32)> = BTreeMap::new();
    for found in rows {
        let Some(key) = &found.same else { continue };
        let packet = found.row.packets.first().copied().unwrap_or(0);
        let (number, first) = seen.entry(key.clone()).or_insert((0, packet));
        *number += 1;
        let total = totals.get(key).copied().unwrap_or(1);
        if let What::Arrow { again, text, .. } = &mut found.row.what
            && total > 1
        {
            *again = Some((*number, total));
            *text = format!("The same message as in packet {first}, once more.");
        }
    }
}
