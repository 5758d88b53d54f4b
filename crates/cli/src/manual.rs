//! Completions and manual pages, made from the same source as the parser.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Uvfio;
use crate::output;
use crate::problem::Problem;

/// The completion script for a shell, on stdout.
///
/// # Errors
/// Where stdout cannot be written.
pub fn completions(shell: Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Uvfio::command(), "uvfio", &mut script);
    output::write(std::io::stdout(), &String::from_utf8_lossy(&script), "stdout")
}

/// One manual page for the command and one for each of its subcommands.
///
/// # Errors
/// Where the folder or a page cannot be written.
pub fn pages(folder: &Path) -> Result<(), Problem> {
    let unwritable = |error| Problem::Unwritable { path: folder.to_path_buf(), error };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(Uvfio::command(), folder).map_err(unwritable)
}
