//! What the program holds while it goes through its steps: containers, groups, devices.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::steps::{Shown, Step};
use crate::vfio;

/// Everything that is open.
#[derive(Default)]
pub struct Session {
    containers: Vec<File>,
    groups: BTreeMap<String, File>,
    devices: BTreeMap<String, Opened>,
}

struct Opened {
    fd: OwnedFd,
    group: String,
}

impl Session {
    /// Do a step; says what it gave.
    ///
    /// # Errors
    /// The error number of the call that failed.
    pub fn perform(&mut self, step: &Step) -> Result<String, i32> {
        match step {
            Step::Container => self.containers.push(vfio::container()?),
            Step::Join(device) => drop(self.join(device)?),
            Step::Open(device) => self.open(device)?,
            Step::Close(device) => self.close(device)?,
            Step::Info(device) => {
                return Ok(match vfio::can_reset(self.device(device)?)? {
                    true => "can be reset".to_owned(),
                    false => "cannot be reset".to_owned(),
                });
            }
            Step::Write(device, offset, value) => vfio::store(self.device(device)?, *offset, *value)?,
            Step::Read(device, offset) => {
                return Ok(format!("{:#x}", vfio::load(self.device(device)?, *offset)?));
            }
            Step::Reset(device) => vfio::reset(self.device(device)?)?,
            Step::ResetWith(device, shown) => {
                let fds: Vec<RawFd> =
                    shown.iter().map(|shown| self.shown(shown)).collect::<Result<_, _>>()?;
                vfio::hot_reset(self.device(device)?, &fds)?;
            }
            Step::Pause => {
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line).map_err(errno_of)?;
            }
        }
        Ok("ok".to_owned())
    }

    /// The number of the group, which is open and in a container now.
    fn join(&mut self, device: &str) -> Result<String, i32> {
        let group = vfio::group_of(device)?;
        if self.containers.is_empty() {
            self.containers.push(vfio::container()?);
        }
        if !self.groups.contains_key(&group) {
            let file = vfio::open_group(&group)?;
            if let Some(container) = self.containers.last() {
                vfio::join(&file, container)?;
            }
            self.groups.insert(group.clone(), file);
        }
        Ok(group)
    }

    fn open(&mut self, device: &str) -> Result<(), i32> {
        let group = self.join(device)?;
        let fd = vfio::device(&self.groups[&group], device)?;
        self.devices.insert(device.to_owned(), Opened { fd, group });
        Ok(())
    }

    /// The group goes with its last device.
    fn close(&mut self, device: &str) -> Result<(), i32> {
        let Opened { fd, group } = self.devices.remove(device).ok_or(libc::EBADF)?;
        drop(fd);
        if !self.devices.values().any(|other| other.group == group) {
            self.groups.remove(&group);
        }
        Ok(())
    }

    fn device(&self, name: &str) -> Result<&OwnedFd, i32> {
        self.devices.get(name).map(|opened| &opened.fd).ok_or(libc::EBADF)
    }

    fn shown(&self, shown: &Shown) -> Result<RawFd, i32> {
        match shown {
            Shown::Number(number) => Ok(*number),
            Shown::GroupOf(device) => {
                let group = &self.devices.get(device).ok_or(libc::EBADF)?.group;
                Ok(self.groups[group].as_raw_fd())
            }
        }
    }
}

/// The number of an error of the standard library.
pub fn errno_of(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
