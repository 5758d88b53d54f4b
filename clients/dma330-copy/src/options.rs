//! The command line.

use crate::dma330::BURST;

/// What the program says when it does not understand.
pub const USAGE: &str = "usage: dma330-copy DEVICE [--bytes N] [--pieces N] [--rounds N] [--channel N] \
[--irq N] [--access mapped|pread] [--memory anonymous|memfd] [--leave nothing|mapped|armed|running|copying|reset]";

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
    /// The device is still running, without using memory.
    Running,
    /// The device is still copying.
    Copying,
    /// It is copying and then reset, after which nothing may arrive.
    Reset,
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
    /// The interrupt of the channel's event; the same number unless said. On Juno `irq_abort` is 4, and those of channels 4 to 7 are
    /// one further on.
    pub irq: u32,
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
            irq: 0,
            access: Access::Mapped,
            memory: Kind::Anonymous,
            leave: Leave::Nothing,
        };
        let mut irq = None;
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if !arg.starts_with("--") {
                options.device = arg;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{arg} wants a value"))?;
            if arg == "--irq" {
                irq = Some(value.parse().map_err(|_| format!("--irq wants a number, not {value:?}"))?);
                continue;
            }
            options.set(&arg, &value)?;
        }
        options.irq = irq.unwrap_or(options.channel);
        if options.device.is_empty() {
            return Err("no device was named".to_owned());
        }
        let least = options.pieces.checked_mul(BURST).filter(|least| *least != 0);
        if options.bytes == 0 || least.is_none_or(|least| !options.bytes.is_multiple_of(least)) {
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
            ("--leave", "reset") => self.leave = Leave::Reset,
            ("--leave", "copying") => self.leave = Leave::Copying,
            _ => return Err(format!("{name} {value} is not understood")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_interrupt_is_the_channels_unless_said() {
        assert_eq!(parse("x.dma --channel 3").map(|options| options.irq), Ok(3));
        assert_eq!(parse("--irq 5 x.dma --channel 4").map(|options| options.irq), Ok(5));
    }

    #[test]
    fn what_cannot_be_cut_into_bursts_is_refused() {
        for line in
            ["x --bytes 0", "x --bytes 100", "x --pieces 0", "x --pieces 18446744073709551615", "x --bytes"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("").is_err());
    }
}
