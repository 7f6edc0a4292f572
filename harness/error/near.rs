//! Which known word was probably meant.

/// The number of insertions, deletions, replacements and swaps of neighbours that turn one text
/// into the other (optimal string alignment), letter case apart.
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The known word nearest to `word`, if it is near enough to have been meant: one letter of three
/// may differ.
pub fn nearest<'a, S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = &'a S>) -> Option<&'a str>
where
    S: 'a,
{
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate.as_ref()), candidate.as_ref()))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_counts_once() {
        assert_eq!(distance("Gievn", "Given"), 1);
        assert_eq!(distance("Gven", "Given"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("primary", "PRIMARY"), 0);
    }

    #[test]
    fn only_what_is_near_is_meant() {
        let known = ["silent", "closed", "tcp-refuse"];
        assert_eq!(nearest("silnet", &known), Some("silent"));
        assert_eq!(nearest("tcp_refuse", &known), Some("tcp-refuse"));
        assert_eq!(nearest("earthquake", &known), None);
    }
}
