//! The command line.

/// What the program says when it does not understand.
pub const USAGE: &str = "usage: dma330-copy DEVICE [--bytes N] [--pieces N] [--rounds N] [--channel N] \
[--access mapped|pread] [--memory anonymous|memfd] [--leave nothing|mapped|armed|running]";

/// How registers are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `mmap` and ordinary loads and stores.
    Mapped,
    /// `pread` and `pwrite`.
    Pread,
}

/// Where the bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Private anonymous memory.
    Anonymous,
    /// A memfd, mapped shared.
    Memfd,
}

/// What is left undone at the end, to see what others make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Everything is put back.
    Nothing,
    /// Memory stays mapped for DMA.
    Mapped,
    /// The interrupt keeps its eventfd.
    Armed,
    /// The device is still copying.
    Running,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The device's name.
    pub device: String,
    /// Bytes to copy in a round.
    pub bytes: u64,
    /// Into how many transfers a round is cut; each ends with an interrupt.
    pub pieces: u64,
    /// How often; 0 is for ever.
    pub rounds: u64,
    /// The channel, 0 to 7.
    pub channel: u32,
    /// How registers are reached.
    pub access: Access,
    /// Where the bytes lie.
    pub memory: Kind,
    /// What is left undone.
    pub leave: Leave,
}

impl Options {
    /// Read a command line without the program's name.
    ///
    /// # Errors
    /// What was not understood.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            device: String::new(),
            bytes: 1 << 20,
            pieces: 8,
            rounds: 1,
            channel: 0,
            access: Access::Mapped,
            memory: Kind::Anonymous,
            leave: Leave::Nothing,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if !arg.starts_with("--") {
                options.device = arg;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{arg} wants a value"))?;
            options.set(&arg, &value)?;
        }
        if options.device.is_empty() {
            return Err("no device was named".to_owned());
        }
        if options.bytes == 0 || options.pieces == 0 || options.bytes % (options.pieces * 128) != 0 {
            return Err(format!(
                "{} bytes cannot be cut into {} pieces of whole bursts",
                options.bytes, options.pieces
            ));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{name} wants a number, not {value:?}"));
        match (name, value) {
            ("--bytes", _) => self.bytes = number()?,
            ("--pieces", _) => self.pieces = number()?,
            ("--rounds", _) => self.rounds = number()?,
            ("--channel", _) => match number()? {
                channel @ 0..=7 => self.channel = channel as u32,
                other => return Err(format!("there is no channel {other}")),
            },
            ("--access", "mapped") => self.access = Access::Mapped,
            ("--access", "pread") => self.access = Access::Pread,
            ("--memory", "anonymous") => self.memory = Kind::Anonymous,
            ("--memory", "memfd") => self.memory = Kind::Memfd,
            ("--leave", "nothing") => self.leave = Leave::Nothing,
            ("--leave", "mapped") => self.leave = Leave::Mapped,
            ("--leave", "armed") => self.leave = Leave::Armed,
            ("--leave", "running") => self.leave = Leave::Running,
            _ => return Err(format!("{name} {value} is not understood")),
        }
        Ok(())
    }
}
