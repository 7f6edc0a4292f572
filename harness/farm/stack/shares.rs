//! Whose is how much of something that is bounded: who crowds the others makes room first.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// So many of anything one address may have without crowding the others. A phone with a call on every line
/// has fewer transactions; a flood from one address has more at once.
const SHARE: usize = 64;

/// How many each address has.
#[derive(Debug, Default)]
pub(in crate::farm) struct Shares {
    by_source: BTreeMap<IpAddr, usize>,
    /// Addresses that have more than their share.
    crowds: usize,
}

impl Shares {
    /// It has one more.
    pub(in crate::farm) fn add(&mut self, source: IpAddr) {
        let count = self.by_source.entry(source).or_default();
        *count += 1;
        self.crowds += usize::from(*count == SHARE + 1);
    }

    /// It has one less.
    pub(in crate::farm) fn remove(&mut self, source: IpAddr) {
        let Some(count) = self.by_source.get_mut(&source) else { return };
        self.crowds -= usize::from(*count == SHARE + 1);
        *count -= 1;
        if *count == 0 {
            self.by_source.remove(&source);
        }
    }

    /// Whether it has more than its share.
    pub(in crate::farm) fn crowds(&self, source: IpAddr) -> bool {
        self.by_source.get(&source).is_some_and(|count| *count > SHARE)
    }

    /// Whether anybody has.
    pub(in crate::farm) fn any_crowds(&self) -> bool {
        self.crowds > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_more_than_the_share_crowds_until_it_has_not() {
        let [phone, stranger] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        let mut shares = Shares::default();
        (0..SHARE).for_each(|_| shares.add(phone));
        assert!(!shares.crowds(phone) && !shares.any_crowds());
        (0..=SHARE).for_each(|_| shares.add(stranger));
        assert!(!shares.crowds(phone) && shares.crowds(stranger) && shares.any_crowds());
        shares.remove(stranger);
        assert!(!shares.crowds(stranger) && !shares.any_crowds());
    }
}
