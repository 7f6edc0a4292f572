//! `sipfarm completions` and `sipfarm man`: what a shell and `man` want to know of the program, made from
//! the same description as its help.

use std::io::{self, Write};

use clap_complete::Shell;

use crate::error::{Error, Exit, Result};

/// Arguments of `sipfarm completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell; for bash: `sipfarm completions bash > ~/.local/share/bash-completion/completions/sipfarm`
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions for a shell.
pub fn completions(args: &CompletionsArgs, mut program: clap::Command) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut program, "sipfarm", &mut text);
    print(&text)
}

/// What to do where the text cannot be written.
const NO_OUTPUT: &str = "send it to a file on a disk that has room";

/// Prints the manual page: the program, then each of its commands.
pub fn man(mut program: clap::Command) -> Result<Exit> {
    program.build();
    let mut text = Vec::new();
    let mut page = |command: clap::Command| clap_mangen::Man::new(command).render(&mut text);
    let commands: Vec<clap::Command> =
        program.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect();
    page(program)
        .and_then(|()| commands.into_iter().try_for_each(page))
        .map_err(|error| Error::lab(format!("the manual cannot be made: {error}"), NO_OUTPUT))?;
    print(&text)
}

/// To standard output; a reader that has gone away is no failure.
fn print(text: &[u8]) -> Result<Exit> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::lab(format!("standard output cannot be written: {error}"), NO_OUTPUT))
        }
        _ => Ok(Exit::Passed),
    }
}
