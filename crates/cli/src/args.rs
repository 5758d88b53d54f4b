//! The command line: every command, option and example of `uvfio`, from which the parser, `--help`, the completions and the manual
//! pages are made.
//!
//! Only words stand here; what a command does is in the module of its name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Linux VFIO in user space: run VFIO programs with no VFIO in the kernel, no IOMMU, no device and no root.
#[derive(Debug, Parser)]
#[command(name = "uvfio", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Uvfio {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the rules by which answers differ from kernel to kernel
    Rules(Rules),
    /// Print a completion script for a shell
    #[command(
        after_long_help = "Example:\n  uvfio completions bash > ~/.local/share/bash-completion/completions/uvfio"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; made where it is not there.
        folder: PathBuf,
    },
}

/// `uvfio rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// Only what this kernel does differently from the default one
    #[arg(long, value_name = "KERNEL")]
    pub personality: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Uvfio::command().debug_assert();
    }
}
