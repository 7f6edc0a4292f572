//! What serde says of a wrong value, in words that need no knowledge of the program's types.

/// The same problem: `invalid type: string "soon", expected u32` becomes
/// `expected a whole number, not negative; found the text "soon"`.
pub(super) fn plain(problem: &str) -> String {
    for wrong in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((before, rest)) = problem.split_once(wrong)
            && let Some((found, expected)) = rest.rsplit_once(", expected ")
        {
            return format!(
                "{before}expected {}; found {}",
                what_is_expected(expected),
                what_is_there(found)
            );
        }
    }
    problem.replace("unknown variant ", "unknown word ").replace("missing field ", "there is no field ")
}

fn what_is_expected(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "fields below it".to_owned(),
        other if other.starts_with("struct ") => "fields below it".to_owned(),
        other => other.to_owned(),
    }
}

fn what_is_there(found: &str) -> String {
    let words = [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
        ("unit value", "nothing"),
        ("null", "nothing"),
        ("sequence", "a list"),
        ("map", "fields"),
    ];
    let word = words.into_iter().find_map(|(rust, plain)| Some((plain, found.strip_prefix(rust)?)));
    word.map_or_else(|| found.to_owned(), |(plain, rest)| format!("{plain}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_of_the_program_is_left() {
        let said = |problem: &str| plain(problem);
        for (rust, told) in [
            (
                "a.b: invalid type: string \"soon\", expected u32",
                "a.b: expected a whole number, not negative; found the text \"soon\"",
            ),
            (
                "a: invalid value: integer `-1`, expected u32",
                "a: expected a whole number, not negative; found the number `-1`",
            ),
            ("a: invalid type: map, expected a string", "a: expected a text; found fields"),
            ("a: invalid type: unit value, expected f64", "a: expected a number; found nothing"),
            (
                "a: invalid type: boolean `true`, expected struct Timers",
                "a: expected fields below it; found `true`",
            ),
            ("a: invalid type: sequence, expected a boolean", "a: expected `true` or `false`; found a list"),
            ("unknown variant `x`, expected `y`", "unknown word `x`, expected `y`"),
            ("the key `a` stands here for the second time", "the key `a` stands here for the second time"),
        ] {
            assert_eq!(said(rust), told);
        }
    }
}
