//! No test is green that never ran, where its tools were promised: all of them skip by `support/skip.rs`.

use super::{read, root, rust_files, skip};

#[test]
fn a_missing_tool_fails_the_test_where_tools_are_promised() {
    skip::say("dig is not installed", false);
    let failed = std::panic::catch_unwind(|| skip::say("dig is not installed", true)).is_err();
    assert!(failed, "with {}=1", skip::REQUIRED);
}

#[test]
fn nobody_skips_by_a_word_of_his_own() {
    let word = concat!("\"SKI", "PPED");
    let own = "tests/support/skip.rs";
    let (helper, others): (Vec<_>, Vec<_>) =
        rust_files(&root().join("harness")).into_iter().partition(|path| path.ends_with(own));
    assert!(helper.iter().any(|path| read(path).contains(word)), "{own} is where it was");
    let skips: Vec<_> = others.into_iter().filter(|path| read(path).contains(word)).collect();
    assert!(skips.is_empty(), "by {own} instead: {skips:?}");
}
