//! The steps of a command line, and how they are printed.

use std::fmt;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Devices go into a new container from here on.
    Container,
    /// Put a device's group into the container.
    Join(String),
    /// Likewise, and open the device.
    Open(String),
    /// Close a device and its group.
    Close(String),
    /// What a device says of itself.
    Info(String),
    /// Store to a register.
    Write(String, u64, u32),
    /// Load a register.
    Read(String, u64),
    /// Reset a device.
    Reset(String),
    /// Reset a device and what is reset with it, showing groups.
    ResetWith(String, Vec<Shown>),
    /// Wait for a line on stdin.
    Pause,
}

/// A descriptor that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// That of a device's group.
    GroupOf(String),
    /// This one, whatever it is.
    Number(i32),
}

/// The steps of a command line without the program's name.
///
/// # Errors
/// What was not understood.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Vec<Step>, String> {
    let mut args = args.into_iter();
    let mut steps = Vec::new();
    while let Some(word) = args.next() {
        let mut next = || args.next().ok_or_else(|| format!("{word} wants more"));
        steps.push(match word.as_str() {
            "container" => Step::Container,
            "join" => Step::Join(next()?),
            "open" => Step::Open(next()?),
            "close" => Step::Close(next()?),
            "info" => Step::Info(next()?),
            "write" => {
                let device = next()?;
                let offset = number(&next()?)?;
                let value = number(&next()?)?;
                Step::Write(
                    device,
                    offset,
                    u32::try_from(value).map_err(|_| format!("{value:#x} is too large"))?,
                )
            }
            "read" => Step::Read(next()?, number(&next()?)?),
            "reset" => Step::Reset(next()?),
            "reset-with" => Step::ResetWith(next()?, next()?.split(',').map(shown).collect()),
            "pause" => Step::Pause,
            other => return Err(format!("there is no step {other:?}")),
        });
    }
    if steps.is_empty() { Err("there is nothing to do".to_owned()) } else { Ok(steps) }
}

fn number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("{text:?} is no number"))
}

fn shown(text: &str) -> Shown {
    text.parse().map_or_else(|_| Shown::GroupOf(text.to_owned()), Shown::Number)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Container => f.write_str("container"),
            Step::Join(device) => write!(f, "join {device}"),
            Step::Open(device) => write!(f, "open {device}"),
            Step::Close(device) => write!(f, "close {device}"),
            Step::Info(device) => write!(f, "info {device}"),
            Step::Write(device, offset, value) => write!(f, "write {device} {offset:#x} {value:#x}"),
            Step::Read(device, offset) => write!(f, "read {device} {offset:#x}"),
            Step::Reset(device) => write!(f, "reset {device}"),
            Step::ResetWith(device, shown) => {
                let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
                write!(f, "reset-with {device} {}", shown.join(","))
            }
            Step::Pause => f.write_str("pause"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::GroupOf(device) => f.write_str(device),
            Shown::Number(number) => write!(f, "{number}"),
        }
    }
}

/// An error number as people know it.
pub fn name(errno: i32) -> String {
    let names = [
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::EIO, "EIO"),
        (libc::EBADF, "EBADF"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::EFAULT, "EFAULT"),
        (libc::EBUSY, "EBUSY"),
        (libc::ENODEV, "ENODEV"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::ETIMEDOUT, "ETIMEDOUT"),
    ];
    let known = names.iter().find(|(number, _)| *number == errno);
    known.map_or_else(|| format!("error {errno}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<String, String> {
        let steps = parse(line.split_whitespace().map(str::to_owned))?;
        Ok(steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn steps_print_as_they_are_written() {
        let line =
            "open a.usb write a.usb 0x10 0x1 reset-with a.usb b.usb,3 read a.usb 0x10 pause close a.usb";
        assert_eq!(parsed(line).as_deref(), Ok(line));
        for wrong in ["", "open", "read a zero", "write a 0 0x100000000", "jump a"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
