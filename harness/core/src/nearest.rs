//! *Did you mean …?*

/// The candidate that `word` is most likely a misspelling of: it lacks the candidate's end (a unit,
/// often), or at most a third of its letters differ. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            let cut_short = word.len() > 1 && lower.starts_with(&word);
            (if cut_short { 1 } else { distance(&word, &lower) }, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour to make
/// one word of the other (optimal string alignment).
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("timers", "timers"), 0);
        assert_eq!(distance("timer", "timers"), 1);
        assert_eq!(distance("retry_cuont", "retry_count"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn nearest_finds_misspellings_only() {
        let words = ["timers", "tolerance", "servers"];
        assert_eq!(nearest("timer", words), Some("timers"));
        assert_eq!(nearest("Severs", words), Some("servers"));
        assert_eq!(nearest("t1", ["t2_ms", "t1_ms"]), Some("t1_ms"));
        assert_eq!(nearest("codec", words), None);
        assert_eq!(nearest("", words), None);
    }
}
