//! The program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let reports = std::path::Path::new(".");
    ExitCode::from(sipfarm::error::bug::guard(reports, sipfarm::cli::main).code())
}
