//! The side inside: write a request, read the answer.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

use uvfio_doors::sandbox::CONTROL;

use super::{Answer, Request};
use crate::output;
use crate::problem::Problem;

/// Ask the session this runs in. `bytes` are an overlay's.
///
/// # Errors
/// Where this is no session, or what was asked for is refused.
pub fn ask(request: &Request, bytes: &[u8]) -> Result<ExitCode, Problem> {
    let mut message = serde_json::to_vec(request).map_err(|error| Problem::Session(error.into()))?;
    message.push(b'\n');
    message.extend_from_slice(bytes);
    let reply = exchange(&message)?;
    match serde_json::from_slice(&reply).map_err(|error| Problem::Session(error.into()))? {
        Answer::Done(done) => {
            let text: String = done.lines.into_iter().map(|line| line + "\n").collect();
            output::write(output::stdout(), &text, "stdout")?;
            let notes: String = done.notes.into_iter().map(|note| format!("uvfio: {note}\n")).collect();
            output::write(output::stderr(), &notes, "stderr")?;
            Ok(ExitCode::SUCCESS)
        }
        Answer::Refused(why) => Err(Problem::Refused(why)),
    }
}

/// One write is one request; the answer is read from the beginning of the same open file.
fn exchange(message: &[u8]) -> Result<Vec<u8>, Problem> {
    let opened = OpenOptions::new().read(true).write(true).open(CONTROL);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Problem::NoSession,
        _ => Problem::Session(error),
    })?;
    let written = file.write(message).map_err(Problem::Session)?;
    if written < message.len() {
        return Err(Problem::RequestTooLarge { bytes: message.len() });
    }
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match file.read_at(&mut chunk, reply.len() as u64).map_err(Problem::Session)? {
            0 => return Ok(reply),
            read => reply.extend_from_slice(&chunk[..read]),
        }
    }
}
