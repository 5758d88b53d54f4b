//! What the processes inside tell the supervisor, over a socket that keeps messages apart.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::error::Step;

/// A message.
#[derive(Debug)]
pub enum Message {
    /// The program's process is there: its pidfd.
    Started(OwnedFd),
    /// The filter is installed: its listener.
    Listening(OwnedFd),
    /// Something failed, with this error number; the sender ends.
    Failed(Step, i32),
    /// The program was stopped by this signal.
    Stopped(i32),
    /// The program exited with this status.
    Exited(i32),
    /// This signal ended the program.
    Killed(i32),
}

/// One end.
#[derive(Debug)]
pub struct End {
    socket: OwnedFd,
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Two ends.
///
/// # Errors
/// What `socketpair` answers.
pub fn pair() -> io::Result<(End, End)> {
    let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok((End { socket: a }, End { socket: b }))
}

impl End {
    /// Send. A receiver that is gone has killed the sender, or is about to.
    ///
    /// # Errors
    /// What `sendmsg` answers.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        let (code, value, fd) = match message {
            Message::Started(fd) => (0, 0, Some(fd)),
            Message::Listening(fd) => (1, 0, Some(fd)),
            Message::Failed(step, errno) => (8 + *step as u8, *errno, None),
            Message::Stopped(signal) => (2, *signal, None),
            Message::Exited(status) => (3, *status, None),
            Message::Killed(signal) => (4, *signal, None),
        };
        let mut bytes = [code, 0, 0, 0, 0];
        bytes[1..].copy_from_slice(&value.to_ne_bytes());
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds;
        if let Some(fd) = fd {
            fds = [fd.as_fd()];
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Wait for a message; `None` when every sender is gone.
    ///
    /// # Errors
    /// What `recvmsg` answers.
    pub fn receive(&self) -> io::Result<Option<Message>> {
        let mut bytes = [0; 5];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Ok(None);
        }
        let fd = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let [code, a, b, c, d] = bytes;
        let value = i32::from_ne_bytes([a, b, c, d]);
        let message = match (code, fd) {
            (0, Some(fd)) => Message::Started(fd),
            (1, Some(fd)) => Message::Listening(fd),
            (2, _) => Message::Stopped(value),
            (3, _) => Message::Exited(value),
            (4, _) => Message::Killed(value),
            (8.., _) => match Step::ALL.get(usize::from(code - 8)) {
                Some(step) => Message::Failed(*step, value),
                None => return Err(io::ErrorKind::InvalidData.into()),
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (ours, theirs) = pair().expect("a socket pair");
        for (index, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(index, step as usize);
            theirs.send(&Message::Failed(step, 2)).expect("room");
            let received = ours.receive().expect("a message");
            assert!(matches!(received, Some(Message::Failed(same, 2)) if same == step));
        }
        let (fd, _) = pair().expect("a socket pair");
        theirs.send(&Message::Started(fd.socket)).expect("room");
        theirs.send(&Message::Killed(9)).expect("room");
        drop(theirs);
        assert!(matches!(ours.receive(), Ok(Some(Message::Started(_)))));
        assert!(matches!(ours.receive(), Ok(Some(Message::Killed(9)))));
        assert!(matches!(ours.receive(), Ok(None)));
    }
}
