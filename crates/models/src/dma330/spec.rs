//! Where the registers of the DMA-330 are and what their bits mean (ARM DDI 0424, chapter 3).

/// DMA Manager Status Register.
pub(super) const DSR: u64 = 0x000;
/// DMA Program Counter Register (the manager's).
pub(super) const DPC: u64 = 0x004;
/// Interrupt Enable Register: which events are interrupts.
pub(super) const INTEN: u64 = 0x020;
/// Event-Interrupt Raw Status Register.
pub(super) const INT_EVENT_RIS: u64 = 0x024;
/// Interrupt Status Register.
pub(super) const INTMIS: u64 = 0x028;
/// Interrupt Clear Register.
pub(super) const INTCLR: u64 = 0x02c;
/// Fault Status DMA Manager Register.
pub(super) const FSRD: u64 = 0x030;
/// Fault Status DMA Channel Register.
pub(super) const FSRC: u64 = 0x034;
/// Fault Type DMA Manager Register.
pub(super) const FTRD: u64 = 0x038;
/// First Fault Type DMA Channel Register; 4 bytes each.
pub(super) const FTR0: u64 = 0x040;
/// First pair of Channel Status and Channel Program Counter Registers; 8 bytes each pair.
pub(super) const CSR0: u64 = 0x100;
/// First set of SAR, DAR, CCR, LC0, LC1; 32 bytes each set.
pub(super) const SAR0: u64 = 0x400;
/// Debug Status Register.
pub(super) const DBGSTATUS: u64 = 0xd00;
/// Debug Command Register.
pub(super) const DBGCMD: u64 = 0xd04;
/// Debug Instruction-0 Register.
pub(super) const DBGINST0: u64 = 0xd08;
/// Debug Instruction-1 Register.
pub(super) const DBGINST1: u64 = 0xd0c;
/// Configuration Registers 0 to 4 and the DMA Configuration Register.
pub(super) const CR0: u64 = 0xe00;
/// DMA Configuration Register.
pub(super) const CRD: u64 = 0xe14;
/// Watchdog Register.
pub(super) const WD: u64 = 0xe80;
/// Peripheral and component identification, eight registers of one byte each.
pub(super) const ID0: u64 = 0xfe0;
/// The bytes there: part 0x330, designer Arm (0x41), revision r1p2, then the PrimeCell's.
pub(super) const IDS: [u8; 8] = [0x30, 0x13, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// The most channels a DMA-330 can have.
pub(super) const MAX_CHANNELS: usize = 8;
/// The longest instruction, in bytes.
pub(super) const LONGEST: usize = 6;
/// What CCR holds after reset: transfers of one byte, both marked non-secure.
pub(super) const CCR_RESET: u32 = 0x0080_0200;

/// What a thread is doing, as DSR and CSR spell it (tables 3-3 and 3-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Not started, or at its end, or killed.
    Stopped = 0,
    /// Fetching and executing.
    Executing = 1,
    /// In DMAWFE.
    WaitingForEvent = 4,
    /// In DMAWFP.
    WaitingForPeripheral = 7,
    /// A fault was found; what is outstanding completes.
    FaultingCompleting = 14,
    /// A fault was found; only DMAKILL goes on from here.
    Faulting = 15,
}

/// Why a channel thread faults: the bit of FTRn (table 3-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ChannelFault {
    /// Not an instruction, or not one a channel may execute.
    UndefinedInstruction = 1 << 0,
    /// An operand that this configuration does not have.
    OperandInvalid = 1 << 1,
    /// A non-secure thread used a secure event.
    Event = 1 << 5,
    /// A non-secure thread used a secure peripheral.
    Peripheral = 1 << 6,
    /// A non-secure thread programmed a secure transfer.
    SecureTransfer = 1 << 7,
    /// The MFIFO is too small for the transfer.
    Mfifo = 1 << 12,
    /// A store for which nothing was loaded.
    StoreDataUnavailable = 1 << 13,
    /// An instruction fetch was answered with an error.
    Fetch = 1 << 16,
    /// A write was answered with an error.
    DataWrite = 1 << 17,
    /// A read was answered with an error.
    DataRead = 1 << 18,
    /// The thread cannot go on for want of room in the MFIFO.
    LockUp = 1 << 31,
}

/// Why the manager thread faults: the bit of FTRD (table 3-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ManagerFault {
    /// Not an instruction, or not one the manager may execute.
    UndefinedInstruction = 1 << 0,
    /// An operand that this configuration does not have.
    OperandInvalid = 1 << 1,
    /// A non-secure manager started a secure channel.
    Go = 1 << 4,
    /// A non-secure manager used a secure event.
    Event = 1 << 5,
    /// An instruction fetch was answered with an error.
    Fetch = 1 << 16,
}

/// In FTRD and FTRn: the instruction came through the debug registers.
pub(super) const FROM_DEBUG: u32 = 1 << 30;

/// One side of a transfer as CCR describes it (table 3-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    /// Does the address advance?
    pub incrementing: bool,
    /// Bytes per beat, a power of two.
    pub size: u32,
    /// Beats.
    pub beats: u32,
}

impl Burst {
    /// Bytes moved from or to `address`: the first beat of an unaligned burst is shorter, as AXI has it; at a fixed address each is.
    pub fn bytes(self, address: u32) -> u32 {
        let missing = address & (self.size - 1);
        if self.incrementing { self.size * self.beats - missing } else { (self.size - missing) * self.beats }
    }

    /// Where the address stands afterwards.
    pub fn advance(self, address: u32) -> u32 {
        if self.incrementing { address.wrapping_add(self.bytes(address)) } else { address }
    }

    /// The same with one beat, what DMALDS and DMASTS do.
    pub fn single(self) -> Self {
        Self { beats: 1, ..self }
    }
}

/// CCR taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control {
    /// How loads read.
    pub source: Burst,
    /// How stores write.
    pub destination: Burst,
    /// Bytes whose order is turned round on the way, 1 for none.
    pub swap: usize,
}

impl Control {
    /// Of CCR's bits. Sizes that [`Control::valid`] refuses are cut to 16 bytes, the widest bus there is.
    pub fn of(ccr: u32) -> Self {
        let side = |bits: u32| Burst {
            incrementing: bits & 1 != 0,
            size: 1 << ((bits >> 1) & 7).min(4),
            beats: ((bits >> 4) & 0xf) + 1,
        };
        let swap = match (ccr >> 28) & 7 {
            power @ 1..=4 => 1 << power,
            _ => 1,
        };
        Self { source: side(ccr), destination: side(ccr >> 14), swap }
    }

    /// Are both beat sizes ones that a bus of `width` bytes has?
    pub fn valid(ccr: u32, width: u32) -> bool {
        let fits = |power: u32| 1 << (power & 7) <= width;
        fits(ccr >> 1) && fits(ccr >> 15)
    }

    /// Does it describe secure reads or writes (AxPROT\[1\] clear)?
    pub fn secure(ccr: u32) -> bool {
        ccr & (1 << 9) == 0 || ccr & (1 << 23) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unaligned_burst_begins_with_a_short_beat() {
        let burst = Burst { incrementing: true, size: 8, beats: 4 };
        assert_eq!((burst.bytes(0x1000), burst.advance(0x1000)), (32, 0x1020));
        assert_eq!((burst.bytes(0x1003), burst.advance(0x1003)), (29, 0x1020));
        let fixed = Burst { incrementing: false, ..burst };
        assert_eq!((fixed.bytes(0x1003), fixed.advance(0x1003)), (20, 0x1003));
        assert_eq!(burst.single().bytes(0xffff_fffe), 2);
        assert_eq!(burst.advance(0xffff_fff8), 0x18);
    }

    #[test]
    fn the_control_register_is_taken_apart() {
        // What Linux programs for memory to memory on a 16-byte bus: 16 beats of 16 bytes, both incrementing, non-secure.
        let ccr = 1 | 4 << 1 | 15 << 4 | 1 << 9 | 1 << 14 | 4 << 15 | 15 << 18 | 1 << 23;
        let control = Control::of(ccr);
        assert_eq!(control.source, Burst { incrementing: true, size: 16, beats: 16 });
        assert_eq!(control.destination, control.source);
        assert_eq!(control.swap, 1);
        assert!(Control::valid(ccr, 16) && !Control::valid(ccr, 8) && !Control::secure(ccr));
        assert_eq!(Control::of(3 << 28).swap, 8);
        assert!(Control::secure(CCR_RESET & !(1 << 9)));
        assert!(!Control::valid(7 << 1, 16));
    }
}
