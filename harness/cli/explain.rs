//! `sipfarm explain`: what a code of `sipfarm lint` means.

use sipfarm_core::nearest::nearest;

use crate::error::{Error, Exit, Result};
use crate::lint::codes::{Code, codes};

/// Arguments of `sipfarm explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A code, as `sipfarm lint` prints it; without one, all are listed
    code: Option<String>,
}

/// Prints what it means.
///
/// # Errors
/// There is no such code.
pub fn explain(args: &ExplainArgs) -> Result<Exit> {
    match args.code.as_deref() {
        None => codes().for_each(|code| println!("{:<26}  {}", code.name, code.summary())),
        Some(name) => println!("{}", page(&find(name)?)),
    }
    Ok(Exit::Passed)
}

/// As it is printed in a message, with its brackets, it is taken, too.
fn find(name: &str) -> Result<Code> {
    let bare = name.trim_start_matches("error").trim_start_matches("warning").trim_matches(['[', ']', '`']);
    codes().find(|code| code.name == bare).ok_or_else(|| {
        let help = match nearest(bare, codes().map(|code| code.name)) {
            Some(near) => format!("did you mean  sipfarm explain {near}"),
            None => "sipfarm explain  lists every code".to_owned(),
        };
        Error::usage(format!("sipfarm lint has no code \"{bare}\""), help)
    })
}

/// For a terminal: the examples indented, without their fences.
fn page(code: &Code) -> String {
    let mut text = format!("{}\n\n", code.name);
    for line in code.text.lines() {
        match line.strip_prefix("```") {
            Some("gherkin wrong") => text += "  wrong:\n",
            Some("gherkin right") => text += "  right:\n",
            Some(_) => {}
            None => text += &format!("{line}\n"),
        }
    }
    text.trim_end().to_owned()
}
