//! Where text goes: stderr, stdout or a file the user named; colours only reach a terminal.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anstream::StripStream;

use crate::problem::Problem;

/// A place for text.
pub type Output = Box<dyn Write + Send>;

/// Standard error.
pub fn stderr() -> Output {
    Box::new(anstream::stderr())
}

/// Standard output.
pub fn stdout() -> Output {
    Box::new(anstream::stdout())
}

/// What the user named: a file, `-` for stdout, nothing for stderr. Files are made now, so that a wrong name is known before anything
/// runs.
///
/// # Errors
/// Where the file cannot be made.
pub fn named(path: Option<&Path>) -> Result<Output, Problem> {
    match path {
        None => Ok(stderr()),
        Some(path) if path.as_os_str() == "-" => Ok(stdout()),
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| Problem::Unwritable { path: path.to_path_buf(), error })?;
            Ok(Box::new(StripStream::new(file)))
        }
    }
}

/// Write it all. Whoever closes a pipe early has read enough.
///
/// # Errors
/// Where that fails; `name` is what is said then.
pub fn write(mut to: impl Write, text: &str, name: &str) -> Result<(), Problem> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Problem::Unwritable { path: PathBuf::from(name), error }),
    }
}

/// A line of our own on stderr, if there is somebody to read it.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "uvfio: {text}");
}
